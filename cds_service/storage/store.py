"""The database of feedback and records: SQLite or PostgreSQL behind one `Store`.

A store that can't be reached never holds a caller up for long: every wait has an end, and after a failed connection
the store says at once that it is away, until a pause is over.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from cds_service.errors import SettingError, StoreUnavailable
from cds_service.storage.schema import CALLS

PAUSE_SECONDS = 2.0
"""How long a store is left alone that could not be connected to or brought up to date."""
_CONNECT_SECONDS = 2
_MIGRATIONS = Path(__file__).parent / "migrations"
_NO_URL = (
    "CDS_DATABASE_URL is no URL of a database that can be used; write sqlite:////path/to/records.db or "
    "postgresql://user:password@host/database"
)
_MIGRATION_LOCK = 0x49_52_43_44  # any number that no other program of this database locks


class Store:
    """One database. Made before worker processes fork, used by all their threads.

    `clock` tells the seconds by which the pause after a failed connection ends.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = _engine(url)
        self._is_sqlite = self._engine.dialect.name == "sqlite"
        self._current = False
        self._upgrading = threading.Lock()
        self._clock = clock
        self._away_until = float("-inf")

    @property
    def shown(self) -> str:
        """The URL without its password."""
        return self._engine.url.render_as_string(hide_password=True)

    def upgrade(self) -> None:
        """Bring the tables up to date; several processes may try at once.

        Raises:
            StoreUnavailable: the database can't be reached.
            SettingError: it was written by a newer release.
        """
        with self._upgrading:
            if self._current:
                return
            with _as_unavailable(), self._connected() as connection, self._pausing(), connection.begin():
                _lock_for_migration(connection, self._is_sqlite)
                config = Config()
                config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
                config.attributes["connection"] = connection
                try:
                    command.upgrade(config, "head")
                except CommandError:
                    raise SettingError(
                        f"CDS_DATABASE_URL {self.shown}: the tables are those of a newer release; "
                        "run that release, or restore the backup made before it"
                    ) from None
            self._current = True

    @contextmanager
    def transaction(self, seconds: float) -> Iterator[sa.Connection]:
        """A transaction that is committed at the end of the block, or not at all.

        Args:
            seconds: how long a statement may wait for others, at most.

        Raises:
            StoreUnavailable: the database can't be reached or did not answer in time; nothing was written.
        """
        if not self._current:
            self.upgrade()
        with _as_unavailable(), self._connected() as connection, connection.begin():
            milliseconds = int(seconds * 1000)
            if self._is_sqlite:
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {milliseconds}")
            else:
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = {milliseconds}")
            yield connection

    def is_reachable(self) -> bool:
        """Whether the database answers now, with its tables there."""
        try:
            with self.transaction(seconds=1.0) as connection:
                connection.execute(sa.select(CALLS.c.id).limit(1))
        except (StoreUnavailable, SettingError):
            return False
        return True

    def close(self) -> None:
        """Let go of all connections; before a fork, and at the end."""
        self._engine.dispose()

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        if self._clock() < self._away_until:
            raise StoreUnavailable("The store is away.")
        with self._pausing():
            connection = self._engine.connect()
        with connection:
            yield connection

    @contextmanager
    def _pausing(self) -> Iterator[None]:
        """Where the block fails, the store is left alone for a while."""
        try:
            yield
        except SQLAlchemyError:
            self._away_until = self._clock() + PAUSE_SECONDS
            raise


@contextmanager
def _as_unavailable() -> Iterator[None]:
    """Whatever the database or its driver complains of; the message may quote rows, so only its kind is kept."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise StoreUnavailable(f"The store failed ({type(cause).__name__}).") from None


def _engine(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):
        raise SettingError(_NO_URL) from None
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(parsed)
        case "postgresql":
            return _postgresql(parsed)
        case _:
            raise SettingError(_NO_URL)


def _postgresql(url: sa.URL) -> sa.Engine:
    options = {"connect_timeout": _CONNECT_SECONDS, "tcp_user_timeout": _CONNECT_SECONDS * 1000}
    try:
        engine = sa.create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args=options,
            pool_pre_ping=True,
            max_overflow=-1,
            hide_parameters=True,
        )
    except ModuleNotFoundError:
        raise SettingError(
            "CDS_DATABASE_URL names PostgreSQL, whose driver is not installed: install the extra `postgresql`"
        ) from None

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # In another zone the first and last moments of the calendar can't be read back.
        connection.execute("SET TIME ZONE 'UTC'")
        connection.commit()

    return engine


def _sqlite(url: sa.URL) -> sa.Engine:
    file = Path(url.database or "")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # For nobody else to read: comments may name patients. What SQLite puts beside the file has its mode.
        file.touch(mode=0o600)
    except OSError as error:
        raise SettingError(
            f"CDS_DATABASE_URL: {file} can't be written ({error.strerror}); name another file, or give it to this user"
        ) from None
    engine = sa.create_engine(url, connect_args={"timeout": _CONNECT_SECONDS}, max_overflow=-1, hide_parameters=True)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        _use_wal(connection)
        connection.execute("PRAGMA synchronous=FULL").close()

    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """Readers and the writer don't wait for each other; where another process is just changing to it, wait for that.

    Source: sqlite.org, Write-Ahead Logging; the change needs the file for itself, and SQLite does not wait for it.
    """
    end = time.monotonic() + _CONNECT_SECONDS
    while True:
        try:
            return connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)


def _lock_for_migration(connection: sa.Connection, is_sqlite: bool) -> None:
    if is_sqlite:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_CONNECT_SECONDS * 1000}")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
