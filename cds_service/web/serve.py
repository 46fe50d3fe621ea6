"""The production server: gunicorn with threads, in this process.

Tables and clients are loaded once, before the workers fork, so that a mistake stops the start and the workers share
memory. SIGTERM drains: no new connections, running calls are answered. SIGHUP reloads tables and clients: new workers
use them and the old ones drain. If they have a mistake nothing changes, and the log says so.
"""

from __future__ import annotations

import atexit
import gc
import logging
import os
import secrets
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from cds_service.errors import SettingError, SetupError, StoreUnavailable
from cds_service.knowledge.snapshot import take_snapshot
from cds_service.security.fhir_servers import is_loopback
from cds_service.settings import Settings, share_metrics
from cds_service.storage.snapshots import keep_snapshot
from cds_service.storage.store import Store
from cds_service.web.access import can_try
from cds_service.web.app import TABLES, LoadedTables, create_app
from cds_service.web.logs import GunicornLogger, configure_logs, traceback_frames
from cds_service.web.metrics import Metrics

_log = logging.getLogger(__name__)

_BACKLOG = 1024
_DRAIN_SECONDS = 30
_LOOK_SECONDS = 60
"""How often it is looked whether the day has come on which other changes of a site count."""
# Longer than the idle timeout of common proxies, so that they close idle connections and not the service.
_KEEP_ALIVE_SECONDS = 75


def serve(settings: Settings, *, insecure: bool = False) -> None:
    """Serve until the process is told to stop; never returns.

    Args:
        settings: the settings in force.
        insecure: allow an address that other machines can reach without registered clients.

    Raises:
        SettingError: the address can be reached by others without clients or `insecure`, or can't be listened on.
        ClientsError: the clients file is wrong.
        TableError: the tables are wrong.
    """
    configure_logs(settings.log_level)
    for name in settings.unknown_names:
        _log.warning("%s is not a setting of this service; see docs/settings.md", name)
    _check_host(settings, insecure)
    listener = _listener(settings)
    store = Store(settings.database_url) if settings.database_url else None
    _log_storage(settings, store)
    # Created once, so that counts, pseudonyms and used tokens outlive a reload.
    folder = _temporary_folder()
    share_metrics(folder)
    metrics = Metrics(folder)
    settings = replace(settings, log_key=settings.log_key or secrets.token_bytes())

    chores = _Chores(settings, store)

    def frozen_app() -> Flask:
        app = create_app(settings, store=store, metrics=metrics, used_tokens_folder=folder)
        _warm_up_and_freeze(app)
        chores.begin(app.extensions[TABLES])
        return app

    if store is not None:
        _prepare_store(store)
    app = frozen_app()
    _log_address(settings, listener)
    _GunicornApp(app, frozen_app, settings, listener.detach(), folder).run()


class _GunicornApp(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn with a given application and socket; `make_app` builds the application again on reload."""

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
        """Build the application again; gunicorn calls this in the parent process on SIGHUP and replaces the workers."""
        super().reload()
        try:
            self._app = self.callable = self._make_app()
        except SetupError as error:
            _log.error("Not reloaded, nothing changed: %s", error.message)
        except Exception as error:  # noqa: BLE001  no error may stop the running service
            _log.error("Not reloaded, nothing changed", extra={"frames": list(traceback_frames(error))})
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
            "logger_class": GunicornLogger,
            "child_exit": self._on_child_exit,
            # Newer gunicorn releases open a control socket by default.
            "control_socket_disable": True,
        }

    def _on_child_exit(self, _server: Any, worker: Any) -> None:
        """Keep the counters of a worker that ended and drop its gauges."""
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid, str(self._metrics_folder))  # type: ignore[no-untyped-call]  # not typed


@dataclass(slots=True)
class _Chores:
    """What the parent process does beside gunicorn: keep the tables in the store, and load them again on their day.

    A timer of the parent alone looks every minute while something is open; a fork does not inherit it.
    """

    settings: Settings
    store: Store | None
    tables: LoadedTables | None = None
    is_kept: bool = False

    def begin(self, tables: LoadedTables) -> None:
        """Take over tables that were just loaded."""
        self.tables, self.is_kept = tables, self.store is None
        signal.signal(signal.SIGALRM, self.look)
        self.look()

    def look(self, *_: object) -> None:
        """Do what is due, and look again later if something is open."""
        if self.tables is None:
            return
        self.is_kept = self.is_kept or self._keep(self.tables)
        day = self.tables.next_day
        if day is not None and datetime.now(self.settings.timezone).date() >= day:
            _log.warning("Other changes of the site count from today on")
            os.kill(os.getpid(), signal.SIGHUP)
        elif day is not None or not self.is_kept:
            signal.setitimer(signal.ITIMER_REAL, _LOOK_SECONDS)

    def _keep(self, tables: LoadedTables) -> bool:
        """Keep the tables, so that it can be told later which limit applied; whether they are kept."""
        if self.store is None:
            return True
        snapshot = take_snapshot(tables.version, self.settings.site, tables.day)
        try:
            keep_snapshot(self.store, snapshot, datetime.now(UTC))
        except (StoreUnavailable, SettingError) as error:
            _log.error("The tables %s are not kept yet: %s", tables.version, error.message)
            return False
        finally:
            self.store.close()  # worker processes must not share connections
        return True


def _prepare_store(store: Store) -> None:
    """Migrate the database. If it can't be reached the service starts all the same: calls can be judged without it."""
    try:
        store.upgrade()
    except StoreUnavailable as error:
        _log.error("%s Feedback is refused and records are lost until %s answers", error.message, store.display_url)
    # Worker processes must not share connections.
    store.close()


def _log_storage(settings: Settings, store: Store | None) -> None:
    _log.info("Feedback and records: %s", store.display_url if store is not None else "not stored")
    if settings.shadow:
        _log.warning("SHADOW MODE: calls are judged and recorded, and no card is shown (setting CDS_SHADOW)")
    if settings.log_key is None:
        _log.warning("CDS_LOG_KEY is not set: the patient hashes in logs and records change with each start")


def _check_host(settings: Settings, insecure: bool) -> None:
    host = settings.host
    if is_loopback(host) or settings.clients:
        return
    if not insecure:
        raise SettingError(
            f'CDS_HOST is "{host}", which other machines can reach, and without registered clients anyone may call; '
            "register the EHRs in a file and name it in CDS_CLIENTS, or listen on 127.0.0.1, or add --insecure"
        )
    _log.warning("OPEN TO THE NETWORK on %s: anyone who reaches this address can call the service", host)


def _temporary_folder() -> Path:
    """A temporary folder, deleted when this process (not a forked child) ends."""
    folder, owner = Path(tempfile.mkdtemp(prefix="cds-service-")), os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


def _listener(settings: Settings) -> socket.socket:
    """A listening socket: calls queue in it until the workers run.

    Opened here and not by gunicorn, which would retry for seconds and not say what to do.
    """
    try:
        family, *_, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        raise SettingError(
            f"CDS_HOST {settings.host}, CDS_PORT {settings.port}: can't listen there ({error.strerror}); "
            "stop the program that uses the port, or choose another with --port"
        ) from None
    listener.set_inheritable(True)
    # gunicorn sends header and body separately; without this the body waits for the client's ACK of the header.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _warm_up_and_freeze(app: Flask) -> None:
    """Exclude everything loaded so far from garbage collection: scanning it repeatedly made the slowest calls slow."""
    app.test_client().get("/healthz")
    # Frees an application that a reload has replaced.
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _log_address(settings: Settings, listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    if settings.clients is None and is_loopback(host):
        _log.info("Open to every program on this machine, and to no other machine")
    if can_try(settings):
        _log.info("Try an order in the browser: http://%s:%d/try", shown, port)
    _log.info("Discovery: http://%s:%d/cds-services", shown, port)
