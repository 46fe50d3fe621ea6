"""What follows from the tables alone, worked out when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")
_MOST = 4000


class WorkedOut:
    """Answers that no call changes, such as the rows that apply to a procedure."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Any] = {}

    def once(self, key: Hashable, work: Callable[[], T]) -> T:
        """The answer of `work`, done the first time.

        Args:
            key: the work, and what it is done for; nothing of a patient.
            work: gives the answer, never None.
        """
        known: T | None = self._known.get(key)
        if known is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            known = self._known[key] = work()
        return known
