"""One stored card with the call that it came from and what was answered: why a card came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from cds_service.storage.schema import CALLS, CARDS, FEEDBACK
from cds_service.storage.store import Store

_SECONDS = 10.0


class Explanation(msgspec.Struct, frozen=True):
    """A card, its call and the feedback on it, as rows of their tables; the call is None if it was pruned."""

    card: Mapping[str, Any]
    call: Mapping[str, Any] | None
    feedback: tuple[Mapping[str, Any], ...]


def explain(store: Store, card: str) -> Explanation | None:
    """What is stored of a card; None if there is no card of this UUID.

    Raises:
        StoreUnavailable: the database can't be reached.
    """
    with store.transaction(_SECONDS) as connection:
        found = connection.execute(sa.select(CARDS).where(CARDS.c.uuid == card)).mappings().first()
        if found is None:
            return None
        call = connection.execute(sa.select(CALLS).where(CALLS.c.id == found["call"])).mappings().first()
        answered = (FEEDBACK.c.card == card) & (FEEDBACK.c.client == found["client"])
        feedback = connection.execute(sa.select(FEEDBACK).where(answered).order_by(FEEDBACK.c.outcome_at)).mappings()
        return Explanation(_plain(found), _plain(call) if call else None, tuple(map(_plain, feedback)))


def explain_hook(store: Store, hook_instance: str) -> tuple[tuple[Mapping[str, Any], ...], tuple[Explanation, ...]]:
    """The calls of one firing of a hook, and every card that they were answered with, in the order of time.

    Raises:
        StoreUnavailable: the database can't be reached.
    """
    with store.transaction(_SECONDS) as connection:
        query = sa.select(CALLS).where(CALLS.c.hook_instance == hook_instance).order_by(CALLS.c.at)
        calls = tuple(map(_plain, connection.execute(query).mappings()))
        named = sa.select(CARDS.c.uuid).where(CARDS.c.call.in_([call["id"] for call in calls])).order_by(CARDS.c.at)
        cards = list(connection.scalars(named))
    found = (explain(store, card) for card in cards)
    return calls, tuple(explanation for explanation in found if explanation is not None)


def _plain(row: sa.RowMapping) -> dict[str, Any]:
    """A row by plain names, which can be written as JSON."""
    return {str(name): value for name, value in row.items()}
