"""How soon a procedure is needed, where only the call says it: `urgency.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class UrgencyTable(msgspec.Struct, frozen=True):
    """The numbers of `urgency.toml`.

    `priority`: FHIR request-priority -> `emergency`, `urgent` or `elective`; `days_left`: these -> days until the
    procedure where no day is given. A condition counts as current within `current_within_days`, a procedure is near
    within `near_within_days`. The procedures of `treating_infection` control the source of the conditions `infections`,
    and the contraindications `expected` are no surprise there.
    """

    current_within_days: int
    near_within_days: int
    priority: Mapping[str, str]
    days_left: Mapping[str, int]
    treating_infection: frozenset[str]
    infections: tuple[str, ...]
    expected: frozenset[str]


def urgency_table(row: Mapping[str, Any]) -> UrgencyTable:
    """The whole of the file, once it was checked."""
    control = row["source_control"]
    return UrgencyTable(
        row["current_within_days"],
        row["near_within_days"],
        row["priority"],
        row["days_left"],
        frozenset(control["procedures"]),
        tuple(control["conditions"]),
        frozenset(control["expected"]),
    )
