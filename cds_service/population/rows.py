"""One judged order as it is kept: references, pseudonyms and answers, nothing of the record itself."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from cds_service.cards.render import ChosenCards

_OF_THE_ORDER = {"order": "indication", "options": "options"}
"""Topics whose rows are procedures -> what is said of them."""
_GAPS = "gaps"
NOT_CHECKED = "not checked"
"""Begins the name of a row that a card says has no answer."""


class ToldCard(msgspec.Struct, frozen=True, order=True):
    """A card that would have been shown, or (`shown` False) withheld because its row is in shadow.

    `holds` are topic and rows of each matter of a card that holds more than one. What it speaks of: `Row.matters`.
    """

    topic: str
    rows: tuple[str, ...]
    indicator: str
    shown: bool = True
    holds: tuple[tuple[str, tuple[str, ...]], ...] = ()


def told_cards(chosen: ChosenCards) -> tuple[ToldCard, ...]:
    """The cards of one order, those withheld last."""
    shown = [ToldCard(card.topic, card.rows, card.indicator, holds=card.holds) for card in chosen.shown]
    return (
        *shown,
        *(ToldCard(card.topic, card.rows, card.indicator, shown=False, holds=card.holds) for card in chosen.withheld),
    )


class Row(msgspec.Struct, omit_defaults=True):
    """One order.

    `patient` and `requester` are pseudonyms, `unit` is a reference, `time` is as written (ISO). `procedure` is None for
    an order that is none of the table's; then `codes` are its codes. `present` maps contraindications to how loud,
    `unknown` to why (keys of the wording), `applies` lists every one that applies. `others` are the cards of other
    readings of an undated record, where they differ. `text` is the order's own, kept only on demand.
    """

    order: str
    patient: str
    time: str
    requester: str | None = None
    unit: str | None = None
    procedure: str | None = None
    recognised_by: str | None = None
    indication: str | None = None
    present: dict[str, str] = {}
    unknown: dict[str, list[str]] = {}
    applies: list[str] = []
    cards: tuple[ToldCard, ...] = ()
    others: tuple[tuple[ToldCard, ...], ...] = ()
    codes: list[str] = []
    text: str | None = None

    @property
    def shown(self) -> list[ToldCard]:
        """The cards that a clinician would have seen."""
        return [card for card in self.cards if card.shown]

    def matters(self, card: ToldCard) -> list[str]:
        """The table rows that one of its cards speaks of, each once.

        The id of a contraindication; `indication: ` and a procedure whose indication is not recorded; `not checked: `
        and a row without an answer. A card that speaks of no row has its topic as name.
        """
        named = [name for topic, rows in card.holds or ((card.topic, card.rows),) for name in self._named(topic, rows)]
        return list(dict.fromkeys(named))

    def _named(self, topic: str, rows: tuple[str, ...]) -> Sequence[str]:
        if topic == _GAPS:
            open_rows = [row for row in rows if row in self.applies]  # beside them stands the procedure that asks
            return [f"{NOT_CHECKED}: {row}" for row in open_rows or rows] or [NOT_CHECKED]
        if topic in _OF_THE_ORDER:
            return [f"{_OF_THE_ORDER[topic]}: {row}" for row in rows]
        return rows or [topic]

    @property
    def day(self) -> str:
        """The ISO date."""
        return self.time[:10]

    def digest(self) -> int:
        """A number for what was decided, the same whoever's key made the pseudonyms."""
        decided = (self.order, self.time, self.procedure, self.recognised_by, self.indication)
        found = (sorted(self.present.items()), sorted(self.unknown.items()), self.applies, self.cards, self.others)
        return int.from_bytes(hashlib.sha256(msgspec.json.encode((decided, found))).digest())
