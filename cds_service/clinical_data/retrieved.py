"""Raw resources by kind, and what was unavailable and why: the output of the clinical_data stage."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cds_service.reasons import Reason


class Unavailable(msgspec.Struct, frozen=True):
    """One thing that could not be read.

    `data` is a prefetch key (`conditions`, `allergies`, `observations`, `medications`, `patient`, `orders`) or a
    context field (`draftOrders`); `reference` names the resource where only one is concerned, `text` is what the record
    calls it; where it has no words, `code` is its first code, with its system.
    """

    data: str
    reason: Reason
    reference: str | None = None
    text: str | None = None
    code: tuple[str, str] | None = None

    @property
    def names_one(self) -> bool:
        """Whether it is about one resource, which it names; else it is about its kind of data."""
        return self.reference is not None or self.text is not None


class RawResource(msgspec.Struct, frozen=True, gc=False):
    """One resource, kept as the bytes received; `reference` is `Type/id`, or its place in the request."""

    reference: str
    resource_type: str
    body: bytes


class RetrievedData(msgspec.Struct, frozen=True):
    """What was retrieved of one kind of data.

    `obtained` is False where nothing could be retrieved. `complete` is True only where everything that the record
    holds of this kind was retrieved; `records` counts either way. `source` says where they came from: `prefetch` or
    `fhir`.
    """

    records: tuple[RawResource, ...] = ()
    obtained: bool = True
    unavailable: tuple[Unavailable, ...] = ()
    source: str = "prefetch"

    @property
    def complete(self) -> bool:
        """True where nothing is missing, so that "not found" means "not there"."""
        return self.obtained and not self.unavailable


class ClinicalData(msgspec.Struct, frozen=True):
    """Everything that one call may be judged on.

    `in_focus` are the orders (or appointments) that the call is about, `by_kind` the other data by prefetch key.
    """

    in_focus: RetrievedData
    by_kind: Mapping[str, RetrievedData]
    gaps: tuple[Unavailable, ...] = ()
    """What was not used, beside the data of one kind."""
    beside: tuple[RawResource, ...] = ()
    """ServiceRequests that came along and are not in focus: drafts that are not selected, orders of the patient."""
    drafted_medications: RetrievedData = RetrievedData()
    """Medication orders among the drafts of the call: part of it, and of no data kind."""

    def retrieved(self, kind: str) -> RetrievedData:
        """What was retrieved for a prefetch key; a kind that the service does not ask for was not sent."""
        return self.by_kind.get(kind) or missing(kind, "not-sent")

    @property
    def fetched(self) -> tuple[bytes, ...]:
        """The bytes of every resource that a FHIR server gave."""
        asked = (data for data in (self.in_focus, *self.by_kind.values()) if data.source == "fhir")
        return tuple(record.body for data in asked for record in data.records)


def missing(data: str, key: str, **values: str | int) -> RetrievedData:
    """The data of a kind of which nothing could be retrieved; `key` is a reason of the wording."""
    return RetrievedData(obtained=False, unavailable=(Unavailable(data, Reason(key, values)),))
