"""How much of what could be tried is tried: a sample in the daily run, everything in `make nightly`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

WHOLE = os.environ.get("TEST_WHOLE") == "1"
"""Whether a test marked `sampled` tries everything."""


def sample(items: Sequence[T], each: int, start: int = 0) -> Sequence[T]:
    """Every so many of some items, the same in every run; all of them where the whole is asked for."""
    return items if WHOLE else items[start::each]
