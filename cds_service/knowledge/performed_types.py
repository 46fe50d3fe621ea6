"""What a Procedure of the record may be, as frozen types: a row of `performed.toml`. Only types live here."""

from __future__ import annotations

import msgspec

from cds_service.knowledge.value_sets import procedure_value_set


class Performed(msgspec.Struct, frozen=True):
    """One row: what was done, and the value set of conditions that it proves, for `proves_within_days` or for ever.

    `procedures` are ids of procedures of the tables that it is recognized as. `ended_by` names rows that undo it.
    """

    id: str
    label: str
    value_set: str | None
    procedures: frozenset[str]
    words: tuple[str, ...]
    look_alikes: tuple[str, ...]
    proves: str | None
    proves_within_days: int | None
    ended_by: tuple[str, ...]

    @property
    def code_sets(self) -> tuple[str, ...]:
        """The value sets that hold its codes."""
        own = (self.value_set,) if self.value_set else ()
        return (*own, *map(procedure_value_set, sorted(self.procedures)))
