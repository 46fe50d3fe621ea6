"""Cards stage: what every card is worded from, and what a site or client may choose about cards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import msgspec

from cds_service.cards.suggest_draft import draft_of
from cds_service.cards.wording import ENGLISH, Wording
from cds_service.errors import SettingError
from cds_service.findings.finding import Findings, OrderFinding
from cds_service.knowledge.tables import Knowledge
from cds_service.settings import Settings


class CardSettings(msgspec.Struct, frozen=True):
    """What a site or client chooses about cards.

    `unknown_orders`: whether orders that look interventional and are not known are told. `options`: whether
    patient-view shows the interventional options; otherwise it shows no card. `language` is one of
    `Knowledge.wordings`. `public_url`: where the pages of the rules are; None leaves the link out.
    """

    unknown_orders: bool = True
    options: bool = False
    language: str = ENGLISH
    public_url: str | None = None


DEFAULT_CARD_SETTINGS = CardSettings()


def card_settings_of(settings: Settings, knowledge: Knowledge, language: str | None = None) -> CardSettings:
    """What the settings choose; `language` is that of the calling client, None for the service's.

    Raises:
        SettingError: the tables have no wording of the language.
    """
    language = language or settings.language
    if language not in knowledge.wordings:
        known = ", ".join(sorted(knowledge.wordings))
        raise SettingError(f'there is no whole wording in the language "{language}"; the languages are {known}')
    return CardSettings(settings.unknown_ir_orders, settings.patient_view == "options", language, settings.public_url)


_Draft = tuple[OrderFinding, Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class CardContext:
    """The findings of one call, the tables, and the sentences of one language."""

    findings: Findings
    knowledge: Knowledge
    wording: Wording
    _drafts: dict[int, _Draft] = field(default_factory=dict, init=False, repr=False, compare=False)
    """By the identity of their orders, which are kept here so that no other takes it."""

    def draft_of(self, order: OrderFinding) -> Mapping[str, Any] | None:
        """As `suggest_draft.draft_of`, read once for all that is offered of an order."""
        if id(order) not in self._drafts:
            self._drafts[id(order)] = order, draft_of(order.order)
        return self._drafts[id(order)][1]

    @property
    def today(self) -> date | None:
        """The hospital's day; None leaves out how long ago something was."""
        return self.findings.today

    @property
    def judged(self) -> list[OrderFinding]:
        """The orders of known procedures."""
        return [order for order in self.findings.orders if order.procedure is not None]
