"""Raw resources by kind, and what was unavailable and why: the output of the clinical_data stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec


@dataclass(frozen=True, slots=True)
class Reason:
    """A sentence to be worded later: `key` is one of `reason.*` in `knowledge/wording.en.toml`."""

    key: str
    values: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unavailable:
    """One thing that could not be read.

    `data` is a prefetch key (`conditions`, `allergies`, `observations`, `patient`, `orders`) or a context field
    (`draftOrders`); `reference` names the resource where only one is concerned.
    """

    data: str
    reason: Reason
    reference: str | None = None


class Record(msgspec.Struct, frozen=True):
    """One resource, kept as the bytes received; `reference` is `Type/id`, or its place in the request.

    A msgspec struct, because one is made for every resource: frozen like the dataclasses, and five times cheaper.
    """

    reference: str
    resource_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Holding:
    """What was had of one kind of data.

    `obtained` is False where nothing could be had at all. `complete` is True only where everything that the
    record holds of this kind has been read; `records` counts either way. `source` says where they came from:
    `prefetch` or `fhir`.
    """

    records: tuple[Record, ...] = ()
    obtained: bool = True
    unavailable: tuple[Unavailable, ...] = ()
    source: str = "prefetch"

    @property
    def complete(self) -> bool:
        """True where nothing is missing, so that "not found" means "not there"."""
        return self.obtained and not self.unavailable


@dataclass(frozen=True, slots=True)
class ClinicalData:
    """Everything that one call may be judged on.

    `orders` are the orders (or appointments) in focus, `holdings` the other data by prefetch key.
    """

    orders: Holding
    holdings: Mapping[str, Holding]

    def holding(self, kind: str) -> Holding:
        """The holding of a prefetch key."""
        return self.holdings[kind]

    @property
    def fetched(self) -> tuple[bytes, ...]:
        """The bytes of every resource that a FHIR server gave."""
        asked = (holding for holding in (self.orders, *self.holdings.values()) if holding.source == "fhir")
        return tuple(record.body for holding in asked for record in holding.records)
