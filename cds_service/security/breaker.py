"""Not asking again for a while: a server that did not answer would make every call wait for it."""

from __future__ import annotations

import time

_SECONDS = 5.0


class Breaker:
    """Opens for five seconds whenever it is tripped. Threads may share it."""

    def __init__(self) -> None:
        self._closes_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the server should be left alone for now."""
        return time.monotonic() < self._closes_at

    def trip(self) -> None:
        """The server did not answer."""
        self._closes_at = time.monotonic() + _SECONDS
