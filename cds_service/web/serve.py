"""The production server: gunicorn with threads (`worker.py`), in this process.

Tables and clients are loaded once, before the workers fork, so that a mistake stops the start and the workers share
memory. SIGTERM, SIGINT and SIGQUIT drain: no new connections, running calls are answered, and records are stored.
SIGHUP reloads tables and clients: new workers use them and the old ones drain. If they have a mistake nothing changes,
and the log says so.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import logging
import os
import resource
import secrets
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from cds_service.cards.suggest_resources import models
from cds_service.errors import SettingError, SetupError, StoreUnavailable
from cds_service.knowledge.snapshot import take_snapshot
from cds_service.security.fhir_servers import is_loopback
from cds_service.settings import Settings, share_metrics
from cds_service.storage.snapshots import keep_snapshot
from cds_service.storage.store import Store
from cds_service.storage.summaries import delete_expired
from cds_service.storage.writer import DRAIN_SECONDS, Writer
from cds_service.web.access import can_try
from cds_service.web.app import TABLES, LoadedTables, create_app, create_writer
from cds_service.web.logs import GunicornLogger, configure_logs, traceback_frames
from cds_service.web.metrics import Metrics

_log = logging.getLogger(__name__)

_BACKLOG = 1024
_CONNECTIONS = 1000
"""Connections that one worker process keeps open at once."""
_OTHER_FILES = 200
_DRAIN_SECONDS = 30
_FIRST_LOOK_SECONDS = 1.0
"""After the start: keeping the tables takes 0.1 s, and no caller waits for it."""
_LOOK_SECONDS = 60
"""How often it is looked whether the day has come on which other changes of a site count."""
_DELETE_SECONDS = 5.0
# Longer than the idle timeout of common proxies, so that they close idle connections and not the service.
_KEEP_ALIVE_SECONDS = 75


def serve(settings: Settings, *, insecure: bool = False, reread: Callable[[], Settings] | None = None) -> None:
    """Serve until the process is told to stop; never returns.

    Args:
        settings: the settings in force.
        insecure: allow an address that other machines can reach without registered clients.
        reread: returns the settings as they are now; on reload, secrets are taken from there.

    Raises:
        SettingError: the address can be reached by others without clients or `insecure`, or can't be listened on.
        ClientsError: the clients file is wrong.
        TableError: the tables are wrong.
    """
    configure_logs(settings.log_level)
    for name in settings.unknown_names:
        _log.warning("%s is not a setting of this service; see docs/settings.md", name)
    if settings.service_links:
        _log.warning(
            "%s: ignored, as Kubernetes sets them for a Service whose name starts with cds; "
            "`enableServiceLinks: false` in the pod avoids them, `--port` sets the port",
            ", ".join(settings.service_links),
        )
    _check_host(settings, insecure)
    listener = _listener(settings)
    folder = _temporary_folder()
    share_metrics(folder)
    if settings.log_key is None:
        _log.warning("CDS_LOG_KEY is not set: the patient hashes in logs and records change with each start")
        settings = replace(settings, log_key=secrets.token_bytes())
    running = _Running(settings, Metrics(folder), folder, reread or (lambda: settings))
    running.load()
    _GunicornApp(running, listener).run()


class _Running:
    """The application in force, with what outlives a reload: counts, pseudonyms, used tokens, waiting records."""

    def __init__(self, settings: Settings, metrics: Metrics, folder: Path, reread: Callable[[], Settings]) -> None:
        self.settings = settings
        self.folder = folder
        self._metrics = metrics
        self._reread = reread
        self.writer = self._new_writer(settings)
        self._chores = _Chores(settings, self.writer.store if self.writer is not None else None)
        self.app: Flask

    def load(self) -> None:
        """Build the application. On an error, nothing has changed."""
        if self.writer is not None:
            _prepare_store(self.writer.store)
        self.app = self._new_app(self.settings, self.writer)
        self._chores.begin(self.app.extensions[TABLES], after=_FIRST_LOOK_SECONDS)

    def reload(self) -> None:
        """Build it again, with the secrets of now. On an error, nothing has changed."""
        settings = _with_former_key(self.settings, self.settings.with_secrets_of(self._reread()))
        is_same = settings.database_url == self.settings.database_url
        writer = self.writer if is_same else self._new_writer(settings)
        self.app = self._new_app(settings, writer)
        self.settings, self.writer = settings, writer
        if writer is not None and not is_same:
            _prepare_store(writer.store)
        self._chores.settings, self._chores.store = settings, writer.store if writer is not None else None
        self._chores.begin(self.app.extensions[TABLES])

    def end(self) -> None:
        """Nothing more is due: an alarm while Python ends would kill the process."""
        self._chores.end()

    def _new_app(self, settings: Settings, writer: Writer | None) -> Flask:
        app = create_app(settings, writer=writer, metrics=self._metrics, used_tokens_folder=self.folder)
        _warm_up_and_freeze(app, has_former=hasattr(self, "app"))
        return app

    def _new_writer(self, settings: Settings) -> Writer | None:
        writer = create_writer(settings, self._metrics)
        _log_storage(settings, writer.store if writer is not None else None)
        return writer


def _with_former_key(before: Settings, now: Settings) -> Settings:
    """If the key of the pseudonyms was changed, earlier cards are still known by the former one."""
    if now.log_key is None or before.log_key is None or now.log_key == before.log_key:
        return replace(now, log_key=now.log_key or before.log_key)
    return replace(now, log_key_old=tuple(dict.fromkeys((*now.log_key_old, before.log_key))))


class _GunicornApp(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn with a given application and socket."""

    def __init__(self, running: _Running, listener: socket.socket) -> None:
        self._running = running
        self._address = listener.getsockname()
        self._listener = listener.detach()
        super().__init__()

    def run(self) -> None:
        _Arbiter(self).run()

    def load_config(self) -> None:
        for name, value in self._configuration().items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._running.app

    def reload(self) -> None:
        """Build the application again; gunicorn calls this in the parent process on SIGHUP and replaces the workers."""
        super().reload()
        try:
            self._running.reload()
        except SetupError as error:
            _log.error("Not reloaded, nothing changed: %s", error.message)
        except Exception as error:  # noqa: BLE001  no error may stop the running service
            _log.error("Not reloaded, nothing changed", extra={"frames": list(traceback_frames(error))})
        else:
            self.callable = self._running.app
            _log.warning("Reloaded: tables, clients and secrets")

    def _configuration(self) -> dict[str, Any]:
        return {
            "bind": f"fd://{self._listener}",
            "backlog": _BACKLOG,
            "workers": self._running.settings.workers,
            "threads": self._running.settings.threads,
            "worker_class": "cds_service.web.worker.Worker",
            "worker_connections": _connections(),
            "preload_app": True,
            "graceful_timeout": _DRAIN_SECONDS,
            "keepalive": _KEEP_ALIVE_SECONDS,
            "logger_class": GunicornLogger,
            "post_worker_init": _drain_on_every_signal,
            "when_ready": self._on_ready,
            "worker_exit": self._on_worker_exit,
            "child_exit": self._on_child_exit,
            "on_exit": self._on_exit,
            # Newer gunicorn releases open a control socket by default.
            "control_socket_disable": True,
        }

    def _on_ready(self, _server: Any) -> None:
        """Calls are let in from now on."""
        _log_address(self._running.settings, *self._address[:2])

    def _on_worker_exit(self, _server: Any, _worker: Any) -> None:
        """Store the records that wait in a worker that has answered its last call."""
        if self._running.writer is not None:
            self._running.writer.close(DRAIN_SECONDS)

    def _on_child_exit(self, _server: Any, worker: Any) -> None:
        """Keep the counters of a worker that ended and drop its gauges."""
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid, str(self._running.folder))  # type: ignore[no-untyped-call]  # not typed

    def _on_exit(self, _server: Any) -> None:
        self._running.end()


class _Arbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """Drains on SIGINT and SIGQUIT as on SIGTERM; gunicorn would drop running calls. A second signal gives it 2 s."""

    handle_int = handle_quit = Arbiter.handle_term


def _drain_on_every_signal(worker: Any) -> None:
    """A terminal sends Ctrl-C to the workers too."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, worker.handle_exit)


class _Chores(msgspec.Struct):
    """What the parent process does beside gunicorn: keep the tables in the store, and load them again on their day.

    A timer of the parent alone looks every minute while something is open; a fork does not inherit it.
    """

    settings: Settings
    store: Store | None
    tables: LoadedTables | None = None
    is_kept: bool = False

    def begin(self, tables: LoadedTables, *, after: float = 0.0) -> None:
        """Take over tables that were just loaded, and do what is due, at once or after some seconds."""
        self.tables, self.is_kept = tables, self.store is None
        signal.signal(signal.SIGALRM, self.look)
        if after:
            signal.setitimer(signal.ITIMER_REAL, after)
        else:
            self.look()

    @staticmethod
    def end() -> None:
        """Stop the timer."""
        signal.setitimer(signal.ITIMER_REAL, 0)

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
        delete_expired(store, datetime.now(UTC), seconds=_DELETE_SECONDS)  # what was kept when the service stopped
    except StoreUnavailable as error:
        _log.error("%s Feedback is refused and records are lost until %s answers", error.message, store.display_url)
    # Worker processes must not share connections.
    store.close()


def _log_storage(settings: Settings, store: Store | None) -> None:
    _log.info("Feedback and records: %s", store.display_url if store is not None else "not stored")
    if settings.shadow:
        _log.warning("SHADOW MODE: calls are judged and recorded, and no card is shown (setting CDS_SHADOW)")


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


def _connections() -> int:
    """How many connections a worker may keep open: raises the limit of open files as far as that needs and can be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _CONNECTIONS + _OTHER_FILES
    if 0 <= soft < wanted:
        raised = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(OSError, ValueError):  # where a sandbox forbids it
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
            soft = raised
    return _CONNECTIONS if soft < 0 else max(64, min(_CONNECTIONS, soft - _OTHER_FILES))


def _temporary_folder() -> Path:
    """A temporary folder, deleted when this process (not a forked child) ends."""
    folder, owner = Path(tempfile.mkdtemp(prefix="cds-service-")), os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


def _listener(settings: Settings) -> socket.socket:
    """A socket that has the address and does not listen yet: gunicorn lets calls in once it handles signals.

    Opened here and not by gunicorn, which would retry for seconds and not say what to do. Until it listens, a call is
    refused; in a queue, it would be reset by a signal that ends the start.
    """
    listener = None
    try:
        family, *_, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address[:2])
    except OSError as error:
        if listener is not None:
            listener.close()
        raise SettingError(
            f"CDS_HOST {settings.host}, CDS_PORT {settings.port}: can't listen there ({error.strerror}); "
            "stop the program that uses the port, or choose another with --port"
        ) from None
    listener.set_inheritable(True)
    # gunicorn sends header and body separately; without this the body waits for the client's ACK of the header.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _warm_up_and_freeze(app: Flask, *, has_former: bool) -> None:
    """Exclude everything loaded so far from garbage collection: scanning it repeatedly made the slowest calls slow.

    Args:
        app: the application.
        has_former: it replaces one, whose objects are freed; at a first start looking for garbage takes 0.1 s.
    """
    app.test_client().get("/healthz")
    models()
    if has_former:
        gc.unfreeze()
        gc.collect()
    gc.freeze()
    gc.enable()


def _log_address(settings: Settings, host: str, port: int) -> None:
    shown = f"[{host}]" if ":" in host else host
    if settings.clients is None and is_loopback(host):
        _log.info("Open to every program on this machine, and to no other machine")
    if can_try(settings):
        _log.info("Try an order in the browser: http://%s:%d/try", shown, port)
    _log.info("Discovery: http://%s:%d/cds-services", shown, port)
