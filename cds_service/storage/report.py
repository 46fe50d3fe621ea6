"""How cards were received: cards given in a period, joined with what clinicians answered to them.

A card counts once, by its latest answer. A card without an answer says nothing: ignored cards are never reported
(CDS Hooks 2.0.1, Feedback). Rates are therefore of the answered cards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median

import sqlalchemy as sa

from cds_service.storage.schema import CARDS, FEEDBACK
from cds_service.storage.store import Store

_SECONDS = 60.0
_ABOUT_PROCEDURES = ("indication", "alert", "options")


@dataclass(frozen=True, slots=True)
class GivenCard:
    """One card with its latest answer; `outcome` None where nobody answered.

    `row` is the contraindication that it speaks for, or what it is about with the procedures concerned.
    `seconds` from the card to the answer, by the clocks of the service and of the client.
    """

    row: str
    indicator: str
    client: str
    service: str
    shown: bool
    outcome: str | None = None
    reason: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Numbers of cards: given (shown), withheld in shadow, and answered one way or the other."""

    shown: int = 0
    shadow: int = 0
    accepted: int = 0
    overridden: int = 0

    @property
    def answered(self) -> int:
        """Cards that somebody answered."""
        return self.accepted + self.overridden

    @property
    def overridden_percent(self) -> float | None:
        """Overridden of those answered, to a tenth of a percent; None where nobody answered."""
        return round(100 * self.overridden / self.answered, 1) if self.answered else None


@dataclass(frozen=True, slots=True)
class Report:
    """How the cards of a period were received.

    `by` maps `row`, `indicator`, `client` and `service` to a tally for each value, the most shown first. `reasons`
    counts override reasons. `seconds_to_answer` are sorted and never negative; `answers_before_card` counts those that
    would be (the client's clock is behind). `unknown_cards` are entries received in the period on cards that
    nobody remembers. `review` are rows overridden more often than asked for, the worst first.
    """

    since: datetime | None
    until: datetime | None
    review_above: float
    total: Tally
    by: Mapping[str, Mapping[str, Tally]]
    reasons: Mapping[str, int]
    seconds_to_answer: Sequence[float]
    answers_before_card: int
    unknown_cards: int
    review: Sequence[str] = field(default=())

    @property
    def median_seconds(self) -> float | None:
        """The middle time to an answer."""
        return round(median(self.seconds_to_answer), 1) if self.seconds_to_answer else None


_KINDS: Mapping[str, Callable[[GivenCard], str]] = {
    "row": lambda card: card.row,
    "indicator": lambda card: card.indicator,
    "client": lambda card: card.client,
    "service": lambda card: card.service,
}


def report(store: Store, since: datetime | None, until: datetime | None, *, review_above: float) -> Report:
    """The report of the cards given from `since` up to and without `until`.

    Args:
        store: the database.
        since: aware; None for everything before `until`.
        until: aware; None for everything since.
        review_above: percent of overridden among answered cards above which a row is listed for review.

    Raises:
        StoreUnavailable: the database can't be reached.
    """
    with store.transaction(_SECONDS) as connection:
        cards = _cards(connection, since, until)
        unknown = _unknown(connection, since, until)
    by = {kind: _tallies(cards, of) for kind, of in _KINDS.items()}
    rates = {row: tally.overridden_percent or 0.0 for row, tally in by["row"].items()}
    seconds = [card.seconds for card in cards if card.seconds is not None]
    return Report(
        since=since,
        until=until,
        review_above=review_above,
        total=_tally(cards),
        by=by,
        reasons=dict(Counter(card.reason for card in cards if card.reason).most_common()),
        seconds_to_answer=sorted(second for second in seconds if second >= 0),
        answers_before_card=sum(second < 0 for second in seconds),
        unknown_cards=unknown,
        review=sorted((row for row, rate in rates.items() if rate > review_above), key=lambda row: -rates[row]),
    )


def _cards(connection: sa.Connection, since: datetime | None, until: datetime | None) -> list[GivenCard]:
    answered = (CARDS.c.uuid == FEEDBACK.c.card) & (CARDS.c.client == FEEDBACK.c.client)
    asked = (
        sa.select(CARDS, FEEDBACK.c.outcome, FEEDBACK.c.outcome_at, FEEDBACK.c.reason_system, FEEDBACK.c.reason_code)
        .select_from(CARDS.outerjoin(FEEDBACK, answered))
        .where(*_between(CARDS.c.at, since, until))
        .order_by(FEEDBACK.c.outcome_at, FEEDBACK.c.id)
    )
    latest: dict[str, GivenCard] = {}
    for row in connection.execute(asked):
        latest[row.uuid] = GivenCard(
            row=_row_of(row.topic, row.rows),
            indicator=row.indicator,
            client=row.client,
            service=row.service,
            shown=row.shown,
            outcome=row.outcome,
            reason=f"{row.reason_system}|{row.reason_code}" if row.outcome and row.reason_code else None,
            seconds=(row.outcome_at - row.at).total_seconds() if row.outcome else None,
        )
    return list(latest.values())


def _row_of(topic: str, rows: Sequence[str]) -> str:
    """Cards about procedures are told apart by procedure; `not-checked` is one row, whatever it lists."""
    return f"{topic}: {', '.join(rows)}" if topic in _ABOUT_PROCEDURES and rows else topic


def _unknown(connection: sa.Connection, since: datetime | None, until: datetime | None) -> int:
    given = sa.exists().where(CARDS.c.uuid == FEEDBACK.c.card, CARDS.c.client == FEEDBACK.c.client)
    asked = sa.select(sa.func.count()).select_from(FEEDBACK).where(~given)
    return connection.execute(asked.where(*_between(FEEDBACK.c.received_at, since, until))).scalar_one()


def _between(
    column: sa.Column[datetime], since: datetime | None, until: datetime | None
) -> list[sa.ColumnElement[bool]]:
    limits = [column >= since if since else None, column < until if until else None]
    return [limit for limit in limits if limit is not None]


def _tallies(cards: Iterable[GivenCard], of: Callable[[GivenCard], str]) -> dict[str, Tally]:
    groups: dict[str, list[GivenCard]] = {}
    for card in cards:
        groups.setdefault(of(card), []).append(card)
    tallies = {name: _tally(group) for name, group in groups.items()}
    return dict(sorted(tallies.items(), key=lambda item: (-item[1].shown, -item[1].shadow, item[0])))


def _tally(cards: Sequence[GivenCard]) -> Tally:
    outcomes = Counter(card.outcome for card in cards)
    shown = sum(card.shown for card in cards)
    return Tally(shown, len(cards) - shown, outcomes["accepted"], outcomes["overridden"])
