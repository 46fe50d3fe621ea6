"""The production server: gunicorn with threads, in this process.

The tables are loaded once, before the workers start, so a wrong table stops the start and the workers share memory.
SIGTERM drains: no new connections, calls under way are answered.
"""

from __future__ import annotations

import gc
import ipaddress
import logging
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from cds_service.errors import SettingError, StoreUnavailable
from cds_service.knowledge.load import load_knowledge
from cds_service.settings import Settings, database_url, environment, share_metrics
from cds_service.storage.store import Store
from cds_service.web.app import create_app
from cds_service.web.metrics import Metrics

_log = logging.getLogger(__name__)

_BACKLOG = 1024
_DRAIN_SECONDS = 30
# Longer than the idle time of common proxies, so that they and not the service close a connection.
_KEEP_ALIVE_SECONDS = 75


def serve(settings: Settings, *, insecure: bool = False) -> None:
    """Serves until the process is told to stop; never returns.

    Args:
        settings: the settings in force.
        insecure: listen on an address that others can reach although nobody is asked who they are.

    Raises:
        SettingError: the address is open to others without `insecure`, or can't be listened on.
        TableError: the tables are wrong.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for name in settings.unknown_names:
        _log.warning("%s is no setting of this service; see docs/settings.md", name)
    _check_host(settings.host, insecure)
    listener = _listener(settings)
    knowledge = load_knowledge(settings.site)
    store = Store(database_url(settings, environment()))
    _open(store)
    metrics_folder = Path(tempfile.mkdtemp(prefix="cds-service-metrics-"))
    share_metrics(metrics_folder)
    app = create_app(settings, knowledge, store=store, metrics=Metrics(metrics_folder))
    _settle(app)
    _announce(listener)
    _announce_records(settings, store)
    # The worker processes must not share connections.
    store.close()
    _Server(app, settings, listener.detach(), metrics_folder).run()


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn, given the application and the socket."""

    def __init__(self, app: Flask, settings: Settings, listener: int, metrics_folder: Path) -> None:
        self._app = app
        self._metrics_folder = metrics_folder
        self._settings = settings
        self._listener = listener
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._configuration().items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._app

    def _configuration(self) -> dict[str, Any]:
        return {
            "bind": f"fd://{self._listener}",
            "workers": self._settings.workers,
            "threads": self._settings.threads,
            "worker_class": "gthread",
            "preload_app": True,
            "graceful_timeout": _DRAIN_SECONDS,
            "keepalive": _KEEP_ALIVE_SECONDS,
            "accesslog": None,
            "errorlog": "-",
            "loglevel": "warning",
            "child_exit": self._count_out,
            "on_exit": self._clean_up,
            # Newer releases open a socket for remote control unless told not to.
            "control_socket_disable": True,
        }

    def _count_out(self, _server: Any, worker: Any) -> None:
        """What a worker that ended had counted stays; what it was doing does not."""
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid, str(self._metrics_folder))  # type: ignore[no-untyped-call]  # the library's gap

    def _clean_up(self, _server: Any) -> None:
        shutil.rmtree(self._metrics_folder, ignore_errors=True)


def _open(store: Store) -> None:
    """The tables of the store, brought up to date. A store that is away holds no start up: calls can be judged."""
    try:
        store.upgrade()
    except StoreUnavailable as error:
        _log.error("%s Feedback is refused and records are lost until %s answers", error.message, store.shown)


def _announce_records(settings: Settings, store: Store) -> None:
    _log.info("Feedback and records: %s", store.shown)
    if settings.shadow:
        _log.warning("SHADOW MODE: calls are judged and recorded, and no card is shown (setting CDS_SHADOW)")
    if settings.log_key is None:
        _log.warning("CDS_LOG_KEY is not set: a patient's hash in logs and records changes with each start")


def _check_host(host: str, insecure: bool) -> None:
    if _is_loopback(host):
        return
    if not insecure:
        raise SettingError(
            f'CDS_HOST is "{host}", which others can reach, and the service does not ask who is calling; '
            "listen on 127.0.0.1 behind a proxy that does, or add --insecure"
        )
    _log.warning("OPEN TO THE NETWORK on %s: whoever reaches this address can call the service", host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listener(settings: Settings) -> socket.socket:
    """A listening socket: calls wait in it until the workers are there.

    It is taken here and not by gunicorn, which would retry for seconds and not say what to do.
    """
    try:
        family, *_, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        raise SettingError(
            f"CDS_HOST {settings.host}, CDS_PORT {settings.port}: can't listen there ({error.strerror}); "
            "stop what uses the port, or choose another with --port"
        ) from None
    listener.set_inheritable(True)
    return listener


def _settle(app: Flask) -> None:
    """Everything loaded so far lives as long as the process: it is taken out of garbage collection.

    Collecting it again and again was what made the slowest calls slow.
    """
    app.test_client().get("/cds-services")
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _announce(listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    if _is_loopback(host):
        _log.info("Open to every program on this machine, and to nothing else")
    _log.info("Discovery: http://%s:%d/cds-services", shown, port)
