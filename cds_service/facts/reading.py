"""Facts stage: what every reader of one call needs, and the gaps that readers find."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo

import msgspec

from cds_service.clinical_data.retrieved import RawResource, Unavailable
from cds_service.facts.patient_facts import Concept
from cds_service.reasons import Reason


class Reading(msgspec.Struct, frozen=True):
    """One call's reading.

    `now` is the time of the call, aware, in the hospital's zone. `reads` says whether an Observation with a code is, or
    may be, one that anything reads; others are passed over. `gaps` collects every resource that can't be read: one
    never sinks the others.
    """

    now: datetime
    reads: Callable[[Concept], bool]
    gaps: list[Unavailable] = msgspec.field(default_factory=list)

    @property
    def zone(self) -> tzinfo:
        """The hospital's time zone."""
        zone = self.now.tzinfo
        if zone is None:
            raise ValueError("now must carry the hospital's time zone")
        return zone

    def note_unreadable(self, kind: str, record: RawResource, member: str | None = None) -> None:
        """A resource of a data kind can't be read; `member`: the one that is not as FHIR R4 has it."""
        reason = Reason("unreadable-member", {"member": member}) if member else Reason("unreadable-resource")
        self.gaps.append(Unavailable(kind, reason, record.reference))
