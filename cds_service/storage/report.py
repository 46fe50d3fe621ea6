"""Feedback report: the cards of a period, joined with the feedback on them.

A card counts once, by its latest feedback. No feedback on a card means nothing, because EHRs do not report ignored
cards (CDS Hooks 2.0.1, Feedback). So rates refer to the cards with feedback.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median

import sqlalchemy as sa

from cds_service.storage.feedback import CUT
from cds_service.storage.schema import CARDS, FEEDBACK
from cds_service.storage.store import Store

_TIMEOUT_SECONDS = 60.0
OFTEN = 5
"""A clinician answers a card once, and may change their mind a few times."""
_FEW = 10
"""Entries on unknown cards that are no reason to look: after a restore, some are."""


@dataclass(frozen=True, slots=True)
class CardFeedback:
    """One card with its latest feedback; `outcome` is None if there is none.

    `row` is its topic: the problem of the patient, or `order`, `options`, `gaps`.
    `seconds` is the time from card to feedback, by the clocks of the service and of the client.
    """

    row: str
    indicator: str
    client: str
    service: str
    shown: bool
    rows: tuple[str, ...] = ()
    """Every table row that the card speaks for: contraindications, or procedures of a missing reason."""
    outcome: str | None = None
    reason: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Numbers of cards: shown, withheld in shadow, accepted and overridden."""

    shown: int = 0
    shadow: int = 0
    accepted: int = 0
    overridden: int = 0

    @property
    def answered(self) -> int:
        """Cards with feedback."""
        return self.accepted + self.overridden

    @property
    def overridden_percent(self) -> float | None:
        """Share of overridden among answered cards, to a tenth of a percent; None if none was answered."""
        return round(100 * self.overridden / self.answered, 1) if self.answered else None


@dataclass(frozen=True, slots=True)
class OddFeedback:
    """What is odd about the feedback that one client sent in the period; such a client's numbers are not to be trusted.

    `unknown_cards`: entries on cards that it did not receive. `changed_cards`: cards with more than `OFTEN` entries.
    `cut_comments`: comments too long to be stored whole.
    """

    unknown_cards: int = 0
    changed_cards: int = 0
    cut_comments: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """Feedback on the cards of a period.

    `by` maps `row`, `rule`, `indicator`, `client` and `service` to a tally for each value, the most shown first; a card
    counts for every rule (table row) that it speaks for. `reasons` counts override reasons. `seconds_to_answer` is
    sorted and never negative; `answers_before_card` counts feedback dated before its card (the client's clock is
    behind). `unknown_cards` counts entries received in the period on unknown cards. `review` lists the rules overridden
    above `review_above` percent, the worst first. `odd`: the clients whose feedback looks made up or broken.
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
    odd: Mapping[str, OddFeedback] = field(default_factory=dict)
    why: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Rule -> the reasons for which its cards were overridden, the most frequent first."""

    @property
    def median_seconds(self) -> float | None:
        """The median time from card to feedback."""
        return round(median(self.seconds_to_answer), 1) if self.seconds_to_answer else None


_BREAKDOWNS: Mapping[str, Callable[[CardFeedback], str]] = {
    "row": lambda card: card.row,
    "indicator": lambda card: card.indicator,
    "client": lambda card: card.client,
    "service": lambda card: card.service,
}


def build_report(store: Store, since: datetime | None, until: datetime | None, *, review_above: float) -> Report:
    """The report on the cards from `since` (inclusive) to `until` (exclusive).

    Args:
        store: the database.
        since: aware; None for no lower bound.
        until: aware; None for no upper bound.
        review_above: percent of overridden among answered cards above which a row is listed for review.

    Raises:
        StoreUnavailable: the database can't be reached.
    """
    with store.transaction(_TIMEOUT_SECONDS) as connection:
        cards = _cards(connection, since, until)
        unknown = _unknown(connection, since, until)
        odd = _odd(connection, since, until, unknown)
    by = {kind: _tallies(cards, of) for kind, of in _BREAKDOWNS.items()}
    by["rule"] = _tallies_of((rule, card) for card in cards for rule in card.rows)
    rates = {rule: tally.overridden_percent or 0.0 for rule, tally in by["rule"].items()}
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
        unknown_cards=sum(unknown.values()),
        review=sorted((rule for rule, rate in rates.items() if rate > review_above), key=lambda rule: -rates[rule]),
        why=_why(cards),
        odd=odd,
    )


def _cards(connection: sa.Connection, since: datetime | None, until: datetime | None) -> list[CardFeedback]:
    answered = (CARDS.c.uuid == FEEDBACK.c.card) & (CARDS.c.client == FEEDBACK.c.client)
    query = (
        sa.select(CARDS, FEEDBACK.c.outcome, FEEDBACK.c.outcome_at, FEEDBACK.c.reason_system, FEEDBACK.c.reason_code)
        .select_from(CARDS.outerjoin(FEEDBACK, answered))
        .where(*_between(CARDS.c.at, since, until))
        .order_by(FEEDBACK.c.outcome_at, FEEDBACK.c.id)
    )
    latest: dict[str, CardFeedback] = {}
    for row in connection.execute(query):
        latest[row.uuid] = CardFeedback(
            row=row.topic,
            rows=tuple(row.rows),
            indicator=row.indicator,
            client=row.client,
            service=row.service,
            shown=row.shown,
            outcome=row.outcome,
            reason=f"{row.reason_system}|{row.reason_code}" if row.outcome and row.reason_code else None,
            seconds=(row.outcome_at - row.at).total_seconds() if row.outcome else None,
        )
    return list(latest.values())


def _why(cards: Iterable[CardFeedback]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for card in cards:
        for rule in card.rows if card.reason else ():
            found.setdefault(rule, Counter())[card.reason or ""] += 1
    return {rule: dict(reasons.most_common()) for rule, reasons in found.items()}


def _unknown(connection: sa.Connection, since: datetime | None, until: datetime | None) -> dict[str, int]:
    """Entries on unknown cards, by client."""
    given = sa.exists().where(CARDS.c.uuid == FEEDBACK.c.card, CARDS.c.client == FEEDBACK.c.client)
    return _by_client(connection, ~given, *_between(FEEDBACK.c.received_at, since, until))


def _odd(
    connection: sa.Connection, since: datetime | None, until: datetime | None, unknown: Mapping[str, int]
) -> dict[str, OddFeedback]:
    received = _between(FEEDBACK.c.received_at, since, until)
    often = (
        sa.select(FEEDBACK.c.client)
        .where(*received)
        .group_by(FEEDBACK.c.client, FEEDBACK.c.card)
        .having(sa.func.count() > OFTEN)
    )
    changed = Counter(connection.scalars(often))
    cut = _by_client(connection, FEEDBACK.c.comment.endswith(CUT, autoescape=True), *received)
    strange = {client: count for client, count in unknown.items() if count > _FEW}
    return {
        client: OddFeedback(strange.get(client, 0), changed[client], cut.get(client, 0))
        for client in sorted({*strange, *changed, *cut})
    }


def _by_client(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> dict[str, int]:
    """Entries of feedback, by client."""
    query = sa.select(FEEDBACK.c.client, sa.func.count()).where(*conditions).group_by(FEEDBACK.c.client)
    return {row[0]: row[1] for row in connection.execute(query)}


def _between(
    column: sa.Column[datetime], since: datetime | None, until: datetime | None
) -> list[sa.ColumnElement[bool]]:
    limits = [column >= since if since else None, column < until if until else None]
    return [limit for limit in limits if limit is not None]


def _tallies(cards: Iterable[CardFeedback], of: Callable[[CardFeedback], str]) -> dict[str, Tally]:
    return _tallies_of((of(card), card) for card in cards)


def _tallies_of(named: Iterable[tuple[str, CardFeedback]]) -> dict[str, Tally]:
    groups: dict[str, list[CardFeedback]] = {}
    for name, card in named:
        groups.setdefault(name, []).append(card)
    tallies = {name: _tally(group) for name, group in groups.items()}
    return dict(sorted(tallies.items(), key=lambda item: (-item[1].shown, -item[1].shadow, item[0])))


def _tally(cards: Sequence[CardFeedback]) -> Tally:
    outcomes = Counter(card.outcome for card in cards)
    shown = sum(card.shown for card in cards)
    return Tally(shown, len(cards) - shown, outcomes["accepted"], outcomes["overridden"])
