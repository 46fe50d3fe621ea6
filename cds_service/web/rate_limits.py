"""Rate limit per client, counted in Redis if several machines share one, else in each server process.

`limits` counts in Redis. It is loaded only where Redis is used: it takes 0.03 s of a start.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable

from flask import Flask, request

from cds_service.errors import SettingError, TooManyCalls
from cds_service.security.circuit_breaker import CircuitBreaker
from cds_service.security.replay import REDIS_OPTIONS
from cds_service.settings import Settings
from cds_service.web.access import OPEN_PATHS
from cds_service.web.calling_client import calling_client

_log = logging.getLogger(__name__)

_SECONDS = {"second": 1, "minute": 60, "hour": 3600}
_MOST_WINDOWS = 10_000
"""Of clients or addresses, before those that have ended are dropped."""


def limit_rate(app: Flask, settings: Settings) -> None:
    """Answer calls above `CDS_RATE_LIMIT` with 429, per client; open paths are not counted.

    Args:
        app: the application; register after authentication.
        settings: the settings in force.

    Raises:
        SettingError: the Redis client is not installed, or its URL can't be used.
    """
    if settings.rate_limit is None:
        return
    limiter = _RateLimiter(settings.rate_limit, settings.redis_url)

    @app.before_request
    def count() -> None:
        if request.path not in OPEN_PATHS and (seconds := limiter.hit(_client_id())):
            raise TooManyCalls(seconds)


class _RateLimiter:
    """Counts the calls of each client; while Redis does not answer, each process counts on its own."""

    def __init__(self, limit: str, redis_url: str | None) -> None:
        """`limit` as of the setting, such as `600/minute`."""
        amount, _, unit = limit.partition("/")
        self._local = LocalWindows(int(amount), _SECONDS[unit])
        self._shared = _SharedWindows(limit, redis_url) if redis_url else None
        self._breaker = CircuitBreaker()

    def hit(self, client_id: str) -> int:
        """Count one call; the seconds the client has to wait, 0 if the call is within the limit."""
        if self._shared and not self._breaker.is_open:
            try:
                return self._shared.hit(client_id)
            except _RedisUnavailable as error:
                self._breaker.trip()
                _log.error("Redis does not answer: each process counts calls on its own (%s)", error)
        return self._local.hit(client_id)


class _RedisUnavailable(Exception):
    """Redis did not answer; the message is the kind of error."""


class _SharedWindows:
    """Counts in Redis, for all processes and machines that use it."""

    def __init__(self, limit: str, redis_url: str) -> None:
        import limits
        from limits.errors import ConfigurationError, StorageError
        from limits.storage import RedisStorage
        from limits.strategies import FixedWindowRateLimiter

        try:
            storage = RedisStorage(redis_url, wrap_exceptions=True, **REDIS_OPTIONS)  # type: ignore[arg-type]  # typed as text
        except (ConfigurationError, ValueError):
            raise SettingError(
                "CDS_REDIS_URL can't be used; write a URL such as redis://127.0.0.1:6379/0 and install the extra "
                "`redis`"
            ) from None
        self._limit, self._limiter, self._error = limits.parse(limit), FixedWindowRateLimiter(storage), StorageError

    def hit(self, client_id: str) -> int:
        """Count one call; the seconds to wait, 0 if it is within the limit.

        Raises:
            _RedisUnavailable: nobody knows.
        """
        try:
            if self._limiter.hit(self._limit, "cds", client_id):
                return 0
            ends = self._limiter.get_window_stats(self._limit, "cds", client_id).reset_time
        except self._error as error:
            raise _RedisUnavailable(type(error).__name__) from None
        return max(1, math.ceil(ends - time.time()))


class LocalWindows:
    """Counts calls in windows that begin with a client's first call; the memory storage of `limits` starts a thread
    for nearly every call, which was a tenth of a small one.

    Args:
        amount: calls within one window.
        seconds: its length.
        clock: seconds that only grow.
    """

    def __init__(self, amount: int, seconds: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._amount, self._seconds, self._clock = amount, seconds, clock
        self._windows: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def hit(self, client_id: str) -> int:
        """Count one call; the seconds to wait, 0 if it is within the limit."""
        now = self._clock()
        with self._lock:
            ends, calls = self._windows.get(client_id, (now, 0))
            if ends <= now:
                ends, calls = now + self._seconds, 0
                self._drop_ended(now)
            self._windows[client_id] = ends, calls + 1
        return 0 if calls < self._amount else max(1, math.ceil(ends - now))

    def _drop_ended(self, now: float) -> None:
        if len(self._windows) >= _MOST_WINDOWS:
            self._windows = {client: window for client, window in self._windows.items() if window[0] > now}


def _client_id() -> str:
    client = calling_client()
    return client.issuer if client else f"address {request.remote_addr}"
