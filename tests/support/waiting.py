"""Waiting for what happens elsewhere: as long as it takes on a busy machine, and not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 120.0
"""Seconds; far longer than anything takes that works, so that it ends only what hangs. Nothing may depend on it."""
_PAUSE_SECONDS = 0.02


def until(done: Callable[[], bool], what: str = "something") -> None:
    """Returns once something is the case; `what` is for the message where it never is."""
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, f"waited {PATIENCE:.0f} s in vain for {what}"
        time.sleep(_PAUSE_SECONDS)
