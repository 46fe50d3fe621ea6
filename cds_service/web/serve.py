"""The production server: gunicorn with threads, in this process.

The tables and the clients are read once, before the workers start, so a mistake stops the start and the workers share
memory. SIGTERM drains: no new connections, calls under way are answered. SIGHUP reads tables and clients again; new
workers answer by them and the old ones drain. A mistake in them changes nothing, and the log says so.
"""

from __future__ import annotations

import atexit
import gc
import logging
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from cds_service.errors import SettingError, SetupError, StoreUnavailable
from cds_service.security.fhir_servers import is_loopback
from cds_service.settings import Settings, share_metrics
from cds_service.storage.store import Store
from cds_service.web.app import create_app
from cds_service.web.logs import ServerLogger, configure_logs, frames_of
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
        SettingError: the address is open to others without clients or `insecure`, or can't be listened on.
        ClientsError: the file of clients is wrong.
        TableError: the tables are wrong.
    """
    configure_logs(settings.log_level)
    for name in settings.unknown_names:
        _log.warning("%s is no setting of this service; see docs/settings.md", name)
    _check_host(settings, insecure)
    listener = _listener(settings)
    store = Store(settings.database_url) if settings.database_url else None
    _announce_records(settings, store)
    # Made once, so that they outlive a reload: counts go on, a patient keeps the pseudonym, a used token stays used.
    folder = _folder_of_this_process()
    share_metrics(folder)
    metrics = Metrics(folder)
    settings = replace(settings, log_key=settings.log_key or secrets.token_bytes())

    def settled_app() -> Flask:
        app = create_app(settings, store=store, metrics=metrics, used_tokens=folder)
        _settle(app)
        return app

    app = settled_app()
    if store is not None:
        _open(store)
    _announce(settings, listener)
    _Server(app, settled_app, settings, listener.detach(), folder).run()


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn, given the application, the socket, and what makes the application anew."""

    def __init__(
        self, app: Flask, make_app: Callable[[], Flask], settings: Settings, listener: int, metrics_folder: Path
    ) -> None:
        self._app = app
        self._make_app = make_app
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

    def reload(self) -> None:
        """Called in the parent of the workers on SIGHUP; it then starts new workers and lets the old ones drain."""
        super().reload()
        try:
            self._app = self.callable = self._make_app()
        except SetupError as error:
            _log.error("Not reloaded, what was in force stays in force: %s", error.message)
        except Exception as error:  # noqa: BLE001  whatever it is, the service goes on with what it has
            _log.error("Not reloaded, what was in force stays in force", extra={"frames": list(frames_of(error))})
        else:
            _log.warning("Reloaded: tables and clients")

    def _configuration(self) -> dict[str, Any]:
        return {
            "bind": f"fd://{self._listener}",
            "workers": self._settings.workers,
            "threads": self._settings.threads,
            "worker_class": "gthread",
            "preload_app": True,
            "graceful_timeout": _DRAIN_SECONDS,
            "keepalive": _KEEP_ALIVE_SECONDS,
            "logger_class": ServerLogger,
            "child_exit": self._count_out,
            # Newer releases open a socket for remote control unless told not to.
            "control_socket_disable": True,
        }

    def _count_out(self, _server: Any, worker: Any) -> None:
        """What a worker that ended had counted stays; what it was doing does not."""
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid, str(self._metrics_folder))  # type: ignore[no-untyped-call]  # the library's gap


def _open(store: Store) -> None:
    """The tables of the store, brought up to date. A store that is away holds no start up: calls can be judged."""
    try:
        store.upgrade()
    except StoreUnavailable as error:
        _log.error("%s Feedback is refused and records are lost until %s answers", error.message, store.shown)
    # The worker processes must not share connections.
    store.close()


def _announce_records(settings: Settings, store: Store | None) -> None:
    _log.info("Feedback and records: %s", store.shown if store is not None else "kept nowhere")
    if settings.shadow:
        _log.warning("SHADOW MODE: calls are judged and recorded, and no card is shown (setting CDS_SHADOW)")
    if settings.log_key is None:
        _log.warning("CDS_LOG_KEY is not set: a patient's hash in logs and records changes with each start")


def _check_host(settings: Settings, insecure: bool) -> None:
    host = settings.host
    if is_loopback(host) or settings.clients:
        return
    if not insecure:
        raise SettingError(
            f'CDS_HOST is "{host}", which others can reach, and without registered clients nobody is asked who they '
            "are; register the EHRs in a file and name it in CDS_CLIENTS, or listen on 127.0.0.1, or add --insecure"
        )
    _log.warning("OPEN TO THE NETWORK on %s: whoever reaches this address can call the service", host)


def _folder_of_this_process() -> Path:
    """A folder that goes when this process ends; its children, which end as well, leave it alone."""
    folder, owner = Path(tempfile.mkdtemp(prefix="cds-service-")), os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


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
    # Head and body of an answer are sent apart; without this the body waits until the client has confirmed the head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _settle(app: Flask) -> None:
    """Everything loaded so far lives as long as the process: it is taken out of garbage collection.

    Collecting it again and again was what made the slowest calls slow.
    """
    app.test_client().get("/healthz")
    # Of an application that a reload has replaced, too.
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _announce(settings: Settings, listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    if settings.clients is None and is_loopback(host):
        _log.info("Open to every program on this machine, and to nothing else")
    _log.info("Discovery: http://%s:%d/cds-services", shown, port)
