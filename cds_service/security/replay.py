"""Which tokens have been used: each counts once, until it has expired.

Processes of one machine share a small database file; nothing in it outlives the service. Processes of several machines
share a Redis.
Source: CDS Hooks 2.0.1, Trusting CDS Clients (`jti`); RFC 7519, 4.1.7.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import threading
import time
from pathlib import Path

from cds_service.errors import SettingError
from cds_service.security.breaker import Breaker

_log = logging.getLogger(__name__)

REDIS_OPTIONS: dict[str, str | int] = {"socket_timeout": 1, "socket_connect_timeout": 1}
"""How long a call waits for a Redis that does not answer, in seconds."""
_BUSY_SECONDS = 5.0
_TABLE = """
CREATE TABLE IF NOT EXISTS used (name BLOB PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS used_until ON used (until);
"""


class LocalMemory:
    """Used tokens of the processes of one machine.

    Args:
        folder: exists, and belongs to this service alone; the file in it is made at the first use.
        sweep_seconds: how often what has expired is forgotten.
    """

    def __init__(self, folder: Path, sweep_seconds: float = 60.0) -> None:
        self._path = folder / "used-tokens.sqlite3"
        self._sweep_seconds = sweep_seconds
        self._swept_at = time.monotonic()
        self._lock = threading.Lock()
        self._connection: tuple[int, sqlite3.Connection] | None = None

    def first_use(self, issuer: str, token_id: str, until: float) -> bool:
        """Whether this is the first use; it is remembered.

        Args:
            issuer: who signed the token.
            token_id: its `jti`, unique for its issuer only.
            until: seconds since 1970 from which the token doesn't count anyway.
        """
        with self._lock:
            try:
                return self._is_new(_name(issuer, token_id), until)
            except sqlite3.Error as error:
                # The token itself is proven; see decision 0033 on what an answer that is refused would cost.
                _log.error("used tokens can't be remembered: %s", type(error).__name__)
                return True

    def _is_new(self, name: bytes, until: float) -> bool:
        database = self._database()
        if time.monotonic() - self._swept_at >= self._sweep_seconds:
            database.execute("DELETE FROM used WHERE until < ?", [time.time()])
            self._swept_at = time.monotonic()
        added = database.execute("INSERT OR IGNORE INTO used VALUES (?, ?)", [name, until])
        return added.rowcount == 1

    def _database(self) -> sqlite3.Connection:
        """The connection of this process: one made before a fork must not be used after it."""
        if self._connection is None or self._connection[0] != os.getpid():
            database = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            # Nothing of it has to survive a crash of the machine. Not WAL: changing to it does not wait for others.
            database.executescript(f"PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; {_TABLE}")
            self._connection = (os.getpid(), database)
        return self._connection[1]


class RedisMemory:
    """Used tokens of several machines that share a Redis.

    Where Redis does not answer, the memory of this machine is asked alone, and the log says so: a safety check that
    is refused leaves the clinician without it, and the clients of this service are known. See decision 0033.

    Raises:
        SettingError: the Redis client is not installed, or the URL can't be used.
    """

    def __init__(self, url: str, local: LocalMemory) -> None:
        # An optional dependency: who runs one machine needs no Redis.
        try:
            import redis
        except ModuleNotFoundError:
            raise SettingError(
                "CDS_REDIS_URL is set, and the Redis client is not installed: install the extra `redis`"
            ) from None
        try:
            self._redis = redis.Redis.from_url(url, **REDIS_OPTIONS)
        except ValueError:
            raise SettingError("CDS_REDIS_URL can't be used; write a URL such as redis://127.0.0.1:6379/0") from None
        self._failures = redis.RedisError
        self._breaker = Breaker()
        self._local = local

    def first_use(self, issuer: str, token_id: str, until: float) -> bool:
        """Whether this is the first use; it is remembered here and for all."""
        if not self._local.first_use(issuer, token_id, until):
            return False
        if self._breaker.is_open:
            return True
        seconds = max(1, int(until - time.time()) + 1)
        try:
            return bool(self._redis.set(f"cds:jti:{_name(issuer, token_id).hex()}", 1, nx=True, ex=seconds))
        except self._failures as error:
            self._breaker.trip()
            _log.error(
                "Redis does not answer: used tokens are remembered on this machine only: %s", type(error).__name__
            )
            return True


def _name(issuer: str, token_id: str) -> bytes:
    """A name of fixed length that gives nothing away; the two parts can't be shifted into each other."""
    return hashlib.sha256(f"{len(issuer)}:{issuer}{token_id}".encode()).digest()
