"""What is known of each piece of advice beside its sentence: who does it, when, and with what it is never said.

Only types live here; the rows are in `advice.toml`.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

import msgspec


class Doer(StrEnum):
    """Who does what is advised: who orders, or interventional radiology."""

    ORDERER = "orderer"
    IR = "ir"


class Moment(IntEnum):
    """When something advised is done, seen from the procedure; in the order in which a card lists it."""

    NOW = 1
    BEFORE = 2
    DAY = 3
    AFTER = 4


class Advice(msgspec.Struct, frozen=True):
    """One thing that can be done, `advice.<id>` in the wording.

    `never_with`: ids of criteria with which it is never said, and of what a card knows of its orders: `emergency`,
    `urgent`, `no-co2`, `gadolinium-allergy`, a note on the evidence (`allergy-physiologic`), or the class of an agent
    that is taken. `only_with`: the same, with one of which alone it is said. `test`: id of the test
    (lab_orders.toml) that a button orders for it: `now` for tomorrow, `before` for the day before, `after` for 48 hours
    after the procedure.
    """

    id: str
    by: Doer = Doer.ORDERER
    when: Moment = Moment.BEFORE
    never_with: frozenset[str] = frozenset()
    only_with: frozenset[str] = frozenset()
    test: str | None = None
