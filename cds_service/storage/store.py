"""The database of feedback and records: SQLite or PostgreSQL behind one `Store`.

A database that can't be reached does not delay callers for long: every wait has a timeout, and after a failed
connection further calls fail immediately until a pause is over.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from cds_service.errors import RowsRejected, SettingError, StoreUnavailable
from cds_service.storage.prepared import Prepared
from cds_service.storage.schema import CALLS, METADATA, NEWEST_REVISION, REVISION, make_tables
from cds_service.storage.sqlite_file import SqliteFile

RETRY_SECONDS = 2.0
"""How long to wait after a failed connection or migration before trying again."""
_CONNECT_SECONDS = 2
_MIGRATIONS = Path(__file__).parent / "migrations"
_INVALID_URL = (
    "CDS_DATABASE_URL is not a supported database URL; write sqlite:////path/to/records.db or "
    "postgresql://user:password@host/database"
)
_ENGINE_OPTIONS: dict[str, Any] = {
    "max_overflow": -1,
    "hide_parameters": True,
    "json_serializer": lambda value: msgspec.json.encode(value).decode(),
    "json_deserializer": msgspec.json.decode,
}
_MIGRATION_LOCK = 0x49_52_43_44  # an arbitrary key for pg_advisory_xact_lock


class _Closable(Protocol):
    def close(self) -> None: ...


C = TypeVar("C", bound=_Closable)


class Store:
    """One database. Created before worker processes fork, shared by their threads.

    `clock` tells the seconds by which the pause after a failed connection ends.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = _engine(url)
        self._is_sqlite = self._engine.dialect.name == "sqlite"
        self._driver_error: type[Exception] = self._engine.dialect.loaded_dbapi.Error
        self._file = _guarded_file(self._engine) if self._is_sqlite else None
        self._is_up_to_date = False
        self._upgrade_lock = threading.RLock()
        self._clock = clock
        self._retry_at = float("-inf")

    @property
    def display_url(self) -> str:
        """The URL without its password."""
        return self._engine.url.render_as_string(hide_password=True)

    def upgrade(self, *, migrate: bool = True) -> None:
        """Migrate the tables to this release, or without `migrate` only see that they are; several may try at once.

        Raises:
            StoreUnavailable: the database can't be reached.
            SettingError: the tables are those of a newer release, or, without `migrate`, of an older one.
        """
        with self._upgrade_lock:
            self._check_file(writing=False)
            if self._is_up_to_date:
                return
            opened = self._opened(self._engine.connect)
            with _translate_errors(), opened as connection, self._pause_on_failure(), connection.begin():
                _lock_for_migration(connection, self._is_sqlite)
                if _is_empty(connection):
                    make_tables(connection)
                elif _revision(connection) != NEWEST_REVISION:
                    self._migrate(connection, allowed=migrate)
            self._is_up_to_date = True

    def _migrate(self, connection: sa.Connection, *, allowed: bool = True) -> None:
        # Imported here as it takes a tenth of a second and 11 MB, and tables are migrated once a release at most.
        from alembic import command
        from alembic.config import Config
        from alembic.script import ScriptDirectory
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        tables = f"CDS_DATABASE_URL {self.display_url}: the tables are those of"
        try:
            ScriptDirectory.from_config(config).get_revision(_revision(connection) or "base")
        except CommandError:
            raise SettingError(
                f"{tables} a newer release; run that release, or restore the backup made before it"
            ) from None
        if not allowed:
            raise SettingError(
                f"{tables} an older release; use its commands until this release is started. "
                "Or make a backup with it, then run cds-service db upgrade: the older one can't use the tables then"
            )
        command.upgrade(config, "head")

    @contextmanager
    def transaction(self, seconds: float, *, writing: bool = False) -> Iterator[sa.Connection]:
        """A transaction, committed at the end of the block and rolled back on an error.

        Args:
            seconds: how long a statement may wait for locks.
            writing: the block writes. In SQLite it then has the lock from the start, as a transaction that has read
                can't wait for it.

        Raises:
            StoreUnavailable: the database can't be reached, timed out, or its file is gone; nothing was kept.
            RowsRejected: the database works and refuses these rows; nothing was kept.
        """
        self._make_ready(writing)
        with _translate_errors(), self._opened(self._engine.connect) as connection:
            with connection.begin():
                if statement := self._timeout(connection.info, seconds):
                    connection.exec_driver_sql(statement)
                if writing and self._is_sqlite:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection
            if self._file is not None:
                self._file.check_kept(connection.info["file"])

    @property
    def dialect(self) -> sa.Dialect:
        """The kind of database, for which statements are prepared."""
        return self._engine.dialect

    def rows(self, statement: Prepared, values: Mapping[str, Any], seconds: float) -> Sequence[tuple[Any, ...]]:
        """What a prepared SELECT finds, as the driver gives it; the arguments and errors are those of `transaction`."""
        self._make_ready(writing=False)
        # The driver alone: a transaction and a result of SQLAlchemy cost more than the statement.
        with _translate_errors(), self._opened(self._engine.raw_connection) as connection:
            cursor = connection.cursor()
            try:
                if timeout := self._timeout(connection.info, seconds):
                    cursor.execute(timeout)
                cursor.execute(statement.text, statement.filled(values))
                return cursor.fetchall()
            except self._driver_error as error:
                raise DBAPIError(None, None, error) from None
            finally:
                cursor.close()

    def problem(self) -> str | None:
        """Why nothing can be stored now; None if all is well. It writes, as a full disk can still be read."""
        try:
            with self.transaction(seconds=1.0, writing=True) as connection:
                connection.execute(sa.select(CALLS.c.id).limit(1))
                if self._is_sqlite:
                    connection.exec_driver_sql("PRAGMA user_version = 1")
                elif connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "on":
                    return "The database can only be read: is it a standby?"
        except (StoreUnavailable, SettingError) as error:
            return error.message
        if self._file is not None and self._file.is_disk_full():
            return f"The disk of {self._file.path.name} is full."
        return None

    def is_reachable(self) -> bool:
        """Whether the database answers now, has its tables, and can be written."""
        return self.problem() is None

    def close(self) -> None:
        """Close all connections; call it before a fork and at the end."""
        self._engine.dispose()

    def _make_ready(self, writing: bool) -> None:
        self._check_file(writing)
        if not self._is_up_to_date:
            self.upgrade()

    def _check_file(self, writing: bool) -> None:
        """If another SQLite file was put in place, open that one and migrate it."""
        if self._file is None or self._file.is_opened(writing=writing):
            return
        with self._upgrade_lock:
            if not self._file.is_opened(writing=writing):  # another thread may have been first
                file = self._file.identify()
                self._engine.dispose()
                self._is_up_to_date = False
                self._file.set_opened(file)

    def _timeout(self, info: dict[Any, Any], seconds: float) -> str | None:
        """The statement that limits how long others wait for locks; None where the connection has the limit already."""
        milliseconds = int(seconds * 1000)
        if not self._is_sqlite:
            return f"SET LOCAL statement_timeout = {milliseconds}"
        if info.get("timeout") == milliseconds:
            return None
        info["timeout"] = milliseconds
        return f"PRAGMA busy_timeout = {milliseconds}"

    @contextmanager
    def _opened(self, connect: Callable[[], C]) -> Iterator[C]:
        if self._clock() < self._retry_at:
            raise StoreUnavailable("The database can't be reached.")
        with self._pause_on_failure():
            connection = connect()
        with closing(connection):
            yield connection

    @contextmanager
    def _pause_on_failure(self) -> Iterator[None]:
        """If the block fails, do not try to connect again for a while."""
        try:
            yield
        except SQLAlchemyError:
            self._retry_at = self._clock() + RETRY_SECONDS
            raise


_SQLITE_ERRORS = {
    "SQLITE_FULL": "the disk is full, make room",
    "SQLITE_READONLY": "the file or its folder is read-only, make it writable",
    "SQLITE_CANTOPEN": "the file can't be opened, look at its folder and rights",
    "SQLITE_CORRUPT": "the file is damaged, restore a backup",
    "SQLITE_NOTADB": "the file is no database, restore a backup",
    "SQLITE_BUSY": "another process keeps it locked",
    "SQLITE_IOERR": "the disk can't be read or written, look at it",
}
"""Start of a SQLite result code -> what to do. Source: sqlite.org, Result and Error Codes."""


def _is_empty(connection: sa.Connection) -> bool:
    """Whether none of our tables is there yet."""
    return {*METADATA.tables, REVISION.name}.isdisjoint(sa.inspect(connection).get_table_names())


def _revision(connection: sa.Connection) -> str | None:
    """The migration that the tables are of; None where there are none."""
    if not sa.inspect(connection).has_table(REVISION.name):
        return None
    return connection.execute(sa.select(REVISION.c.version_num)).scalar()


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Turn database errors into StoreUnavailable. Their messages may quote rows: only class and code are looked at."""
    try:
        yield
    except SQLAlchemyError as error:
        original = getattr(error, "orig", None) or error
        cause = type(original).__name__
        if isinstance(error, IntegrityError | DataError) or type(error) is StatementError:
            raise RowsRejected(f"The database refused the rows ({cause}).") from None
        code = getattr(original, "sqlite_errorname", "")
        remedy = next((f": {remedy}" for name, remedy in _SQLITE_ERRORS.items() if code.startswith(name)), "")
        raise StoreUnavailable(f"The database failed ({cause}){remedy}.") from None


def file_of(url: str) -> Path | None:
    """The file of a SQLite database; None for another database."""
    parsed = _parsed(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def _parsed(url: str) -> sa.URL:
    try:
        return sa.make_url(url)
    except (ArgumentError, ValueError):
        raise SettingError(_INVALID_URL) from None


def _engine(url: str) -> sa.Engine:
    parsed = _parsed(url)
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(parsed)
        case "postgresql":
            return _postgresql(parsed)
        case _:
            raise SettingError(_INVALID_URL)


def _postgresql(url: sa.URL) -> sa.Engine:
    options = {"connect_timeout": _CONNECT_SECONDS, "tcp_user_timeout": _CONNECT_SECONDS * 1000}
    try:
        engine = sa.create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args=options,
            pool_pre_ping=True,
            **_ENGINE_OPTIONS,
        )
    except ModuleNotFoundError:
        raise SettingError(
            "CDS_DATABASE_URL names PostgreSQL, but its driver is not installed: install the extra `postgresql`"
        ) from None

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # In other zones the minimum and maximum datetime can't be read back.
        connection.execute("SET TIME ZONE 'UTC'")
        connection.commit()

    return engine


def _sqlite(url: sa.URL) -> sa.Engine:
    file = Path(url.database or "")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Readable by the owner only: comments may name patients. SQLite gives its other files the same mode.
        file.touch(mode=0o600)
    except OSError as error:
        raise SettingError(
            f"CDS_DATABASE_URL: {file} can't be written ({error.strerror}); name another file, or give it to this user"
        ) from None
    engine = sa.create_engine(url, connect_args={"timeout": _CONNECT_SECONDS}, **_ENGINE_OPTIONS)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        _use_wal(connection)
        connection.execute("PRAGMA synchronous=FULL").close()

    return engine


def _guarded_file(engine: sa.Engine) -> SqliteFile:
    """The file of a SQLite engine, whose connections know from now on which file they have opened.

    They do not create it, as the default of SQLite is: an empty one would hide that the file is gone.
    """
    file = SqliteFile(Path(engine.url.database or "").absolute())

    @sa.event.listens_for(engine, "do_connect")
    def open_existing(_dialect: object, record: Any, args: list[Any], options: dict[str, Any]) -> None:
        record.info["file"] = file.identify()
        args[0] = f"{file.path.as_uri()}?mode=rw"
        options["uri"] = True

    return file


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging, in which readers and the writer do not block each other.

    Source: sqlite.org, Write-Ahead Logging. The switch needs an exclusive lock, and SQLite does not wait for it.
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
