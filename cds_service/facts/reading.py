"""Facts stage: what every reader of one call needs, and the gaps that readers find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import tzinfo

from cds_service.clinical_data.retrieved import RawResource, Unavailable
from cds_service.facts.patient_facts import Concept
from cds_service.reasons import Reason


@dataclass(frozen=True, slots=True)
class Reading:
    """One call's reading.

    `zone` is the hospital's. `reads` says whether an Observation with a code is, or may be, one that anything reads;
    others are passed over. `gaps` collects every resource that can't be read: one never sinks the others.
    """

    zone: tzinfo
    reads: Callable[[Concept], bool]
    gaps: list[Unavailable] = field(default_factory=list)

    def note_unreadable(self, kind: str, record: RawResource) -> None:
        """A resource of a data kind can't be read."""
        self.gaps.append(Unavailable(kind, Reason("unreadable-resource"), record.reference))
