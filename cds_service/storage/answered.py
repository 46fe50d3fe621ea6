"""Which cards need not be shown again: somebody answered them, or an earlier hook of the same draft showed them.

A card is the same where client, patient, orders, problem and evidence are. A new result, another day or a louder level
is other evidence, and reopens it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

import msgspec
import sqlalchemy as sa

from cds_service.hooks.catalog import SERVICES
from cds_service.storage.prepared import Prepared, prepared
from cds_service.storage.schema import CARDS, FEEDBACK
from cds_service.storage.store import Store

ANSWERED_FOR = timedelta(days=30)
"""How long an answer holds: an order is signed, sent and booked in this time."""
SHOWN_FOR = timedelta(hours=12)
"""How long a card that nobody answered counts as seen: the session in which an order is written and signed."""
_ORDER_OF_HOOKS = ("order-select", "order-sign", "order-dispatch", "appointment-book")
_MOST_READ = 500
ShownAt = Callable[[str, str, str, str], float]
"""Client, service, subject and evidence of a card -> seconds since 1970 when it was shown; 0 if that is not known."""


def _never(*_: str) -> float:
    return 0.0


class CardMark(msgspec.Struct, frozen=True):
    """What a card is known by: `subject` and `evidence` are keyed hashes. `must_repeat`: until it is answered."""

    subject: str
    evidence: str
    must_repeat: bool = False


class Earlier(msgspec.Struct, frozen=True):
    """The call before which cards are looked for: its client, service and time."""

    client: str
    service: str
    at: datetime


_GAVE_FEEDBACK = sa.exists().where(FEEDBACK.c.client == sa.bindparam("client"))
"""Looked at before any card: a client that sends no feedback may show a card very often."""
_WAS_ANSWERED = sa.exists().where(FEEDBACK.c.card == CARDS.c.uuid, FEEDBACK.c.client == CARDS.c.client)


def _cards(subjects: int, after: str, *, answered: bool) -> sa.Select[tuple[str, str, bool]]:
    """Cards that the client was shown of so many subjects, from one time on."""
    return (
        sa.select(CARDS.c.subject, CARDS.c.evidence, sa.literal(answered).label("answered"))
        .distinct()
        .where(CARDS.c.client == sa.bindparam("client"), CARDS.c.subject.in_(_places("subject", subjects)))
        .where(CARDS.c.shown, CARDS.c.at > sa.bindparam(after), CARDS.c.at <= sa.bindparam("until"))
    )


def _places(name: str, count: int) -> list[sa.BindParameter[str]]:
    return [sa.bindparam(f"{name}{number}", type_=sa.String) for number in range(count)]


@lru_cache(maxsize=64)
def _settled(subjects: int, earlier: int, dialect: sa.Dialect) -> Prepared:
    """Cards of so many subjects that were answered, or shown by one of so many services."""
    answered = _cards(subjects, "answers_after", answered=True).where(_GAVE_FEEDBACK, _WAS_ANSWERED)
    if not earlier:
        return prepared(answered.limit(_MOST_READ), dialect)
    seen = _cards(subjects, "seen_after", answered=False).where(CARDS.c.service.in_(_places("earlier", earlier)))
    return prepared(sa.union_all(answered, seen).limit(_MOST_READ), dialect)


def already_answered(
    store: Store, marks: Mapping[str, Sequence[CardMark]], call: Earlier, *, seconds: float, shown_at: ShownAt = _never
) -> frozenset[str]:
    """The uuids of the cards that are not to be shown again.

    A card is held back where the same card was answered (accepted or overridden); or, unless it must repeat, where a
    hook that comes before this one showed it. The same hook shows it again: a client replaces what it showed before.

    Args:
        store: the database.
        marks: of this call's cards, by uuid; several by the keys of before a rotation.
        call: this call.
        seconds: how long a statement may wait for locks.
        shown_at: what was shown in the last moments, and may not be in the database yet.

    Raises:
        StoreUnavailable: nobody can tell, so all of them are to be shown.
    """
    subjects = sorted({mark.subject for several in marks.values() for mark in several})
    earlier = _services_before(call.service)
    since = call.at - SHOWN_FOR
    values: dict[str, object] = {"client": call.client, "until": call.at, "seen_after": since}
    values["answers_after"] = call.at - ANSWERED_FOR
    values |= {f"subject{number}": subject for number, subject in enumerate(subjects)}
    values |= {f"earlier{number}": service for number, service in enumerate(earlier)}
    rows = store.rows(_settled(len(subjects), len(earlier), store.dialect), values, seconds)
    answered = {(subject, evidence) for subject, evidence, is_answer in rows if is_answer}
    seen = {(subject, evidence) for subject, evidence, is_answer in rows if not is_answer}

    def is_settled(mark: CardMark) -> bool:
        if (mark.subject, mark.evidence) in (answered if mark.must_repeat else answered | seen):
            return True
        moments = (shown_at(call.client, service, mark.subject, mark.evidence) for service in earlier)
        return not mark.must_repeat and any(moment > since.timestamp() for moment in moments)

    return frozenset(uuid for uuid, several in marks.items() if any(map(is_settled, several)))


@lru_cache(maxsize=64)
def _services_before(other: str) -> tuple[str, ...]:
    return tuple(service for service in SERVICES if _comes_before(service, other))


def _comes_before(service: str, other: str) -> bool:
    ranks = [_ORDER_OF_HOOKS.index(hook) if hook in _ORDER_OF_HOOKS else -1 for hook in map(_hook, (service, other))]
    return -1 < ranks[0] < ranks[1]


def _hook(service: str) -> str:
    return SERVICES[service].hook if service in SERVICES else ""
