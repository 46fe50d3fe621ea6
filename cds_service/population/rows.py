"""One judged order as it is kept: references, pseudonyms and answers, nothing of the record itself."""

from __future__ import annotations

import hashlib

import msgspec

from cds_service.cards.render import Told

_ABOUT_PROCEDURES = ("order", "options")


class ToldCard(msgspec.Struct, frozen=True, order=True):
    """A card that would have been shown, or (`shown` False) withheld because its row is in shadow.

    `holds` are topic and rows of each matter of a card that holds more than one.
    """

    topic: str
    rows: tuple[str, ...]
    indicator: str
    shown: bool = True
    holds: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def matters(self) -> list[str]:
        """What it speaks of, each once; where that is a procedure, those of other procedures are told apart."""
        return list(dict.fromkeys(_named(*matter) for matter in self.holds or ((self.topic, self.rows),)))


def _named(topic: str, rows: tuple[str, ...]) -> str:
    return f"{topic}: {', '.join(rows)}" if topic in _ABOUT_PROCEDURES and rows else topic


def told_cards(told: Told) -> tuple[ToldCard, ...]:
    """The cards of one order, those withheld last."""
    shown = [ToldCard(card.topic, card.rows, card.indicator, holds=card.holds) for card in told.shown]
    return (
        *shown,
        *(ToldCard(card.topic, card.rows, card.indicator, shown=False, holds=card.holds) for card in told.withheld),
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

    @property
    def day(self) -> str:
        """The ISO date."""
        return self.time[:10]

    def digest(self) -> int:
        """A number for what was decided, the same whoever's key made the pseudonyms."""
        decided = (self.order, self.time, self.procedure, self.recognised_by, self.indication)
        found = (sorted(self.present.items()), sorted(self.unknown.items()), self.applies, self.cards, self.others)
        return int.from_bytes(hashlib.sha256(msgspec.json.encode((decided, found))).digest())
