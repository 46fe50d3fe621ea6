"""Which tokens have been used: each counts once, until it has expired.

Processes on one machine share a folder with one empty file per token, which the file system creates once and only
once. Processes on several machines share a Redis.
Source: CDS Hooks 2.0.1, Trusting CDS Clients (`jti`); RFC 7519, 4.1.7.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from cds_service.errors import SettingError

_log = logging.getLogger(__name__)

FirstUse = Callable[[str, str, float], bool]
"""Issuer, token id, and the time (seconds since 1970) from which the token doesn't count anyway -> first time seen."""

_SETTLED_SECONDS = 60.0
REDIS_OPTIONS: dict[str, str | int] = {"socket_timeout": 1, "socket_connect_timeout": 1}
"""How long a call waits for a Redis that does not answer, in seconds."""
_PAUSE_SECONDS = 5.0


class FolderMemory:
    """Used tokens as files of one folder, whose time of change is the time from which they may be forgotten.

    Args:
        folder: exists, and belongs to this service alone.
        sweep_seconds: how often what has expired is forgotten.
    """

    def __init__(self, folder: Path, sweep_seconds: float = 60.0) -> None:
        self._folder = folder
        self._sweep_seconds = sweep_seconds
        self._swept_at = time.monotonic()
        self._sweeping = threading.Lock()

    def first_use(self, issuer: str, token_id: str, until: float) -> bool:
        """Whether this is the first use; it is remembered."""
        self._sweep()
        path = self._folder / _name(issuer, token_id)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        os.utime(path, (until, until))
        return True

    def _sweep(self) -> None:
        """Forgets what has expired."""
        if time.monotonic() - self._swept_at < self._sweep_seconds or not self._sweeping.acquire(blocking=False):
            return
        try:
            self._swept_at = time.monotonic()
            # A file just made has the time of now until its own is set; so what is a minute over goes.
            forget = time.time() - _SETTLED_SECONDS
            for entry in os.scandir(self._folder):
                if entry.stat().st_mtime < forget:
                    Path(entry.path).unlink(missing_ok=True)
        finally:
            self._sweeping.release()


class RedisMemory:
    """Used tokens in a Redis that several machines share.

    Where Redis does not answer, the folder of this machine is asked instead, and the log says so: a safety check that
    is refused leaves the clinician without it, and the clients of this service are known. See decision 0033.
    """

    def __init__(self, url: str, local: FolderMemory) -> None:
        # An optional dependency: who runs one machine needs no Redis.
        try:
            import redis
        except ModuleNotFoundError:
            raise SettingError(
                "CDS_REDIS_URL is set, and the Redis client is not installed: pip install 'ir-cds-service[redis]'"
            ) from None
        try:
            self._redis = redis.Redis.from_url(url, **REDIS_OPTIONS)
        except ValueError:
            raise SettingError("CDS_REDIS_URL can't be used; write a URL such as redis://127.0.0.1:6379/0") from None
        self._down = redis.RedisError
        self._ask_again_at = 0.0
        self._local = local

    def first_use(self, issuer: str, token_id: str, until: float) -> bool:
        """Whether this is the first use; it is remembered here and for all."""
        if not self._local.first_use(issuer, token_id, until):
            return False
        if time.monotonic() < self._ask_again_at:
            return True
        seconds = max(1, int(until - time.time()) + 1)
        try:
            return bool(self._redis.set(f"cds:jti:{_name(issuer, token_id)}", 1, nx=True, ex=seconds))
        except self._down as error:
            self._ask_again_at = time.monotonic() + _PAUSE_SECONDS
            _log.error(
                "Redis does not answer (%s): used tokens are remembered on this machine only", type(error).__name__
            )
            return True


def _name(issuer: str, token_id: str) -> str:
    """A name of fixed length that gives nothing away; the two parts can't be shifted into each other."""
    return hashlib.sha256(f"{len(issuer)}:{issuer}{token_id}".encode()).hexdigest()
