"""Circuit breaker: after a failure, leave a server alone for a while so that calls do not wait for it."""

from __future__ import annotations

import time

_SECONDS = 5.0


class CircuitBreaker:
    """Open for five seconds after each failure. Safe to share between threads."""

    def __init__(self) -> None:
        self._closes_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether to skip the server for now."""
        return time.monotonic() < self._closes_at

    def trip(self) -> None:
        """Open the breaker: the server did not answer."""
        self._closes_at = time.monotonic() + _SECONDS
