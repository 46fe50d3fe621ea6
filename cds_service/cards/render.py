"""The cards stage, whole: `Findings` -> cards for people, the decision for machines, and which card spoke for what.

Rows in shadow are judged like all others; here they are held back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from cds_service.cards.basis import basis_of
from cds_service.cards.build import build_cards, card_of, context_of
from cds_service.cards.card import CardSummary, card_json
from cds_service.cards.context import DEFAULT_CARD_SETTINGS, CardContext, CardSettings
from cds_service.cards.decision import build_decision
from cds_service.cards.nothing_judged import nothing_judged
from cds_service.cards.part import Part
from cds_service.cards.shadow import rows_in_shadow, without_shadow
from cds_service.errors import NothingJudged
from cds_service.findings.finding import Findings
from cds_service.hooks.request import Service
from cds_service.knowledge.tables import Knowledge


class Rendered(msgspec.Struct, frozen=True):
    """What is said about one call; `summaries` names every card, those withheld last.

    `nothing_judged` is the error for clients that want one where nothing of the record could be retrieved.
    """

    cards: list[dict[str, Any]]
    decision: dict[str, Any]
    summaries: tuple[CardSummary, ...]
    nothing_judged: NothingJudged | None = None


def render(
    findings: Findings,
    knowledge: Knowledge,
    service: Service,
    new_id: Callable[[], str],
    card_settings: CardSettings = DEFAULT_CARD_SETTINGS,
) -> Rendered:
    """Cards and decision of one call.

    Args:
        findings: everything that was found.
        knowledge: the effective tables.
        service: the service that was called.
        new_id: gives a new UUID for each card and suggestion.
        card_settings: what the site or client chooses about cards.
    """
    chosen = choose_cards(findings, knowledge, service, card_settings)
    worded = [card_of(part, chosen.context) for part in chosen.parts]
    cards = [card_json(card, knowledge, new_id, card_settings.public_url, chosen.context.wording) for card in worded]
    summaries = [
        replace(summary, uuid=body["uuid"], basis=basis_of(card, chosen.findings))
        for summary, card, body in zip(chosen.shown, worded, cards, strict=True)
    ]
    decision = build_decision(chosen.findings, knowledge, in_shadow=chosen.in_shadow)
    error = nothing_judged(findings, knowledge)
    return Rendered(cards, decision, (*summaries, *chosen.withheld), error)


class ChosenCards(msgspec.Struct, frozen=True):
    """The cards of findings before they are in words: those shown, a summary of those withheld, and of what.

    `in_shadow` are the ids of rows that were held back.
    """

    parts: tuple[Part, ...]
    withheld: tuple[CardSummary, ...]
    context: CardContext
    in_shadow: tuple[str, ...] = ()

    @property
    def findings(self) -> Findings:
        """The findings that are shown."""
        return self.context.findings

    @property
    def shown(self) -> tuple[CardSummary, ...]:
        """The cards in ids, for callers that word none."""
        return tuple(map(_summary, self.parts))


def choose_cards(
    findings: Findings, knowledge: Knowledge, service: Service, card_settings: CardSettings = DEFAULT_CARD_SETTINGS
) -> ChosenCards:
    """The cards that findings bring, and those that a shadow holds back; arguments as of `render`."""
    in_shadow = rows_in_shadow(findings)
    shown = without_shadow(findings) if in_shadow else findings
    context = context_of(shown, knowledge, card_settings)
    parts = build_cards(context, service, card_settings)
    withheld: list[CardSummary] = []
    if in_shadow:
        everything = build_cards(context_of(findings, knowledge, card_settings), service, card_settings)
        withheld = list((Counter(map(_summary, everything)) - Counter(map(_summary, parts))).elements())
    return ChosenCards(tuple(parts), tuple(withheld), context, in_shadow)


def _summary(part: Part) -> CardSummary:
    return CardSummary(part.topic, part.rows, part.indicator.word, holds=part.holds)
