"""Which cards need not be shown again: somebody answered them, or an earlier hook of the same draft showed them.

A card is the same where client, patient, orders, problem and evidence are. A new result, another day or a louder level
is other evidence, and reopens it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from cds_service.hooks.catalog import SERVICES
from cds_service.storage.schema import CARDS, FEEDBACK
from cds_service.storage.store import Store

ANSWERED_FOR = timedelta(days=30)
"""How long an answer holds: an order is signed, sent and booked in this time."""
SHOWN_FOR = timedelta(hours=12)
"""How long a card that nobody answered counts as seen: the session in which an order is written and signed."""
_ORDER_OF_HOOKS = ("order-select", "order-sign", "order-dispatch", "appointment-book")
_MOST_READ = 500


@dataclass(frozen=True, slots=True)
class CardMark:
    """What a card is known by: `subject` and `evidence` are keyed hashes. `must_repeat`: until it is answered."""

    subject: str
    evidence: str
    must_repeat: bool = False


@dataclass(frozen=True, slots=True)
class Earlier:
    """The call before which cards are looked for: its client, service and time."""

    client: str
    service: str
    at: datetime


def already_answered(store: Store, marks: Mapping[str, CardMark], call: Earlier, *, seconds: float) -> frozenset[str]:
    """The uuids of the cards that are not to be shown again.

    A card is held back where the same card was answered (accepted or overridden); or, unless it must repeat, where a
    hook that comes before this one showed it. The same hook shows it again: a client replaces what it showed before.

    Args:
        store: the database.
        marks: of this call's cards, by uuid.
        call: this call.
        seconds: how long a statement may wait for locks.

    Raises:
        StoreUnavailable: nobody can tell, so all of them are to be shown.
    """
    subjects = sorted({mark.subject for mark in marks.values()})
    shown = (
        sa.select(CARDS.c.subject, CARDS.c.evidence, CARDS.c.service, CARDS.c.at, FEEDBACK.c.card.label("answer"))
        .outerjoin(FEEDBACK, (FEEDBACK.c.card == CARDS.c.uuid) & (FEEDBACK.c.client == CARDS.c.client))
        .where(CARDS.c.client == call.client, CARDS.c.subject.in_(subjects), CARDS.c.shown)
        .where(CARDS.c.at > call.at - ANSWERED_FOR, CARDS.c.at <= call.at)
        .order_by(CARDS.c.at.desc())
        .limit(_MOST_READ)
    )
    with store.transaction(seconds) as connection:
        rows = connection.execute(shown).all() if subjects else []
    answered = {(row.subject, row.evidence) for row in rows if row.answer is not None}
    since = call.at - SHOWN_FOR
    seen = {(row.subject, row.evidence) for row in rows if row.at > since and _comes_before(row.service, call.service)}
    return frozenset(
        uuid
        for uuid, mark in marks.items()
        if (mark.subject, mark.evidence) in (answered if mark.must_repeat else answered | seen)
    )


def _comes_before(service: str, other: str) -> bool:
    ranks = [_ORDER_OF_HOOKS.index(hook) if hook in _ORDER_OF_HOOKS else -1 for hook in map(_hook, (service, other))]
    return -1 < ranks[0] < ranks[1]


def _hook(service: str) -> str:
    return SERVICES[service].hook if service in SERVICES else ""
