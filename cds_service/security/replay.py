"""Replay protection: remembers used tokens until they expire, so that each is accepted once.

Processes on one machine share a small database file that does not outlive the service. Several machines share a Redis.
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
from cds_service.security.circuit_breaker import CircuitBreaker

_log = logging.getLogger(__name__)

REDIS_OPTIONS: dict[str, str | int] = {"socket_timeout": 1, "socket_connect_timeout": 1}
"""How long a call waits for Redis, in seconds."""
_BUSY_SECONDS = 5.0
_TABLE = """
CREATE TABLE IF NOT EXISTS used (token_hash BLOB PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS used_until ON used (until);
"""


class LocalReplayCache:
    """Used tokens, shared by the processes on one machine.

    Args:
        folder: an existing folder that only this service uses; the file in it is created on first use.
        sweep_seconds: how often expired tokens are deleted.
    """

    def __init__(self, folder: Path, sweep_seconds: float = 60.0) -> None:
        self._path = folder / "used-tokens.sqlite3"
        self._sweep_seconds = sweep_seconds
        self._last_sweep = time.monotonic()
        self._lock = threading.Lock()
        self._connection: tuple[int, sqlite3.Connection] | None = None

    def first_use(self, issuer: str, token_id: str, until: float) -> bool:
        """Remember a token and return whether this is its first use.

        Args:
            issuer: who signed the token.
            token_id: its `jti`, unique per issuer only.
            until: when the token expires, in seconds since 1970.
        """
        with self._lock:
            try:
                return self._is_new(_token_hash(issuer, token_id), until)
            except sqlite3.Error as error:
                # The token itself is verified. Decision 0033 explains why the call is accepted all the same.
                _log.error("used tokens can't be remembered: %s", type(error).__name__)
                return True

    def _is_new(self, token_hash: bytes, until: float) -> bool:
        database = self._database()
        if time.monotonic() - self._last_sweep >= self._sweep_seconds:
            database.execute("DELETE FROM used WHERE until < ?", [time.time()])
            self._last_sweep = time.monotonic()
        added = database.execute("INSERT OR IGNORE INTO used VALUES (?, ?)", [token_hash, until])
        return added.rowcount == 1

    def _database(self) -> sqlite3.Connection:
        """The connection of this process: one opened before a fork must not be used after it."""
        if self._connection is None or self._connection[0] != os.getpid():
            database = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            # Nothing needs to survive a crash. Not WAL: switching to it does not wait for other processes.
            database.executescript(f"PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; {_TABLE}")
            self._connection = (os.getpid(), database)
        return self._connection[1]


class RedisReplayCache:
    """Used tokens, shared by several machines through Redis.

    While Redis does not answer, only the local cache is used, and the log says so: rejecting the call would leave the
    clinician without the safety check, and all clients are registered. See decision 0033.

    Raises:
        SettingError: the Redis client is not installed, or the URL can't be used.
    """

    def __init__(self, url: str, local: LocalReplayCache) -> None:
        # An optional dependency: a single machine needs no Redis.
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
        self._redis_error = redis.RedisError
        self._breaker = CircuitBreaker()
        self._local = local

    def first_use(self, issuer: str, token_id: str, until: float) -> bool:
        """Remember a token, here and in Redis, and return whether this is its first use."""
        if not self._local.first_use(issuer, token_id, until):
            return False
        if self._breaker.is_open:
            return True
        seconds = max(1, int(until - time.time()) + 1)
        try:
            return bool(self._redis.set(f"cds:jti:{_token_hash(issuer, token_id).hex()}", 1, nx=True, ex=seconds))
        except self._redis_error as error:
            self._breaker.trip()
            _log.error(
                "Redis does not answer: used tokens are remembered on this machine only (%s)", type(error).__name__
            )
            return True


def _token_hash(issuer: str, token_id: str) -> bytes:
    """The SHA-256 of issuer and token id; the length prefix keeps two different pairs apart."""
    return hashlib.sha256(f"{len(issuer)}:{issuer}{token_id}".encode()).digest()
