"""How often one client may call. Counted in Redis where several machines share one, else in each server process."""

from __future__ import annotations

import logging
import math
import time

import limits
from flask import Flask, request
from limits.errors import ConfigurationError, StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter

from cds_service.errors import SettingError, TooManyCalls
from cds_service.security.breaker import Breaker
from cds_service.security.replay import REDIS_OPTIONS
from cds_service.settings import Settings
from cds_service.web.access import OPEN_PATHS
from cds_service.web.callers import calling_client

_log = logging.getLogger(__name__)


def limit_calls(app: Flask, settings: Settings) -> None:
    """Answers more than `CDS_RATE_LIMIT` calls of one client with 429; the open paths are not counted.

    Args:
        app: the application; who is calling must be known before.
        settings: the settings in force.

    Raises:
        SettingError: the Redis client is not installed, or its URL can't be used.
    """
    if settings.rate_limit is None:
        return
    counter = _Counter(limits.parse(settings.rate_limit), settings.redis_url)

    @app.before_request
    def count() -> None:
        if request.path not in OPEN_PATHS and (seconds := counter.wait(_who())):
            raise TooManyCalls(seconds)


class _Counter:
    """Counts calls of each caller; without a Redis that answers, each process for itself."""

    def __init__(self, limit: limits.RateLimitItem, redis_url: str | None) -> None:
        self._limit = limit
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._shared = FixedWindowRateLimiter(_redis_storage(redis_url)) if redis_url else None
        self._breaker = Breaker()

    def wait(self, caller: str) -> int:
        """Seconds that a caller has to wait; 0 where the call may go on."""
        if self._shared and not self._breaker.is_open:
            try:
                return self._hit(self._shared, caller)
            except StorageError as error:
                self._breaker.trip()
                _log.error("Redis does not answer: each process counts calls for itself: %s", type(error).__name__)
        return self._hit(self._own, caller)

    def _hit(self, counter: FixedWindowRateLimiter, caller: str) -> int:
        if counter.hit(self._limit, "cds", caller):
            return 0
        return max(1, math.ceil(counter.get_window_stats(self._limit, "cds", caller).reset_time - time.time()))


def _redis_storage(url: str) -> RedisStorage:
    try:
        return RedisStorage(url, wrap_exceptions=True, **REDIS_OPTIONS)  # type: ignore[arg-type]  # typed as text
    except (ConfigurationError, ValueError):
        raise SettingError(
            "CDS_REDIS_URL can't be used; write a URL such as redis://127.0.0.1:6379/0 and install the extra `redis`"
        ) from None


def _who() -> str:
    client = calling_client()
    return client.issuer if client else f"address {request.remote_addr}"
