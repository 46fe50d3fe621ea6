"""What `cds-service everyday` does; its options are in `commands/everyday.py`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from cds_service.cases import Case, answer_case
from cds_service.cli.everyday_orders import (
    MUST_SPEAK,
    ORDINARY,
    EverydayOrder,
    Targets,
    case_row,
    read_everyday_orders,
    read_targets,
)
from cds_service.cli.options import local_now, settings_of
from cds_service.cli.terminal import print_err
from cds_service.errors import TableError
from cds_service.indicator import Indicator, indicator_of
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.tables import Knowledge

_SILENT = "no card"


@dataclass(frozen=True, slots=True)
class Shown:
    """One card: its level, its summary, and the whole of its text in lower case."""

    level: Indicator
    summary: str
    text: str


@dataclass(frozen=True, slots=True)
class Played:
    """What one order was answered. `rows` are the rows of the decision that are not absent, `row/criterion level`."""

    order: EverydayOrder
    recognized: bool
    cards: tuple[Shown, ...]
    rows: tuple[str, ...]

    @property
    def loudest(self) -> Indicator | None:
        """Level of the loudest card; None for no card."""
        return max((card.level for card in self.cards), default=None)

    @property
    def false(self) -> bool:
        """True where a card is louder than the order accepts."""
        return (self.loudest or 0) > (self.order.at_most or 0)

    @property
    def missed(self) -> bool:
        """True where no card of the level that the order needs names what it must."""
        least = self.order.at_least
        return least is not None and not any(card.level >= least and self._names(card) for card in self.cards)

    def _names(self, card: Shown) -> bool:
        return all(any(word in card.text for word in name.lower().split("|")) for name in self.order.names)


@dataclass(frozen=True, slots=True)
class Tally:
    """All orders of a folder, played. Shares are of the ordinary orders that are recognized."""

    played: tuple[Played, ...]
    targets: Targets

    @property
    def ordinary(self) -> list[Played]:
        """The orders that the shares are of."""
        return [one for one in self.played if one.order.kind == ORDINARY and one.recognized]

    @property
    def any_card(self) -> float:
        """Share with any card, 0 to 1."""
        return self._share(Indicator.INFO)

    @property
    def warning(self) -> float:
        """Share with a warning or critical card, 0 to 1."""
        return self._share(Indicator.WARNING)

    @property
    def wrong(self) -> list[Played]:
        """False and missed ones, also those that the targets know."""
        return [one for one in self.played if one.false or one.missed]

    @property
    def unexpected(self) -> list[Played]:
        """False and missed ones that the targets don't know."""
        return [one for one in self.wrong if one.order.id not in self.targets.known]

    @property
    def outdated(self) -> list[str]:
        """Ids that the targets name as wrong, and that are right now, or not there at all."""
        wrong = {one.order.id for one in self.wrong}
        return [name for name in self.targets.known if name not in wrong]

    @property
    def holds(self) -> bool:
        """True where nothing is wrong unexpectedly and the shares are within the targets."""
        within = self.any_card <= self.targets.any_card and self.warning <= self.targets.warning
        return within and not self.unexpected

    def _share(self, least: Indicator) -> float:
        return sum((one.loudest or 0) >= least for one in self.ordinary) / max(len(self.ordinary), 1)


def run(args: argparse.Namespace) -> int:
    """Play the orders and print the shares; 1 where something is false, missed or above the targets.

    Raises:
        SettingError: a setting can't be used.
    """
    settings = settings_of(args)
    try:
        tally = play_folder(args.folder, load_knowledge(settings.site), local_now(settings))
    except TableError as error:
        for problem in error.problems:
            print_err(problem)
        return 1
    for line in report(tally):
        print(line)
    return 0 if tally.holds else 1


def play_folder(folder: Path, knowledge: Knowledge, now: datetime) -> Tally:
    """Every order of a folder through the whole answer.

    Raises:
        TableError: an order or the targets can't be read.
    """
    orders = read_everyday_orders(folder)
    return Tally(tuple(play(order, knowledge, now) for order in orders), read_targets(folder))


def play(order: EverydayOrder, knowledge: Knowledge, now: datetime) -> Played:
    """One order through the whole answer."""
    found = answer_case(Case(order.id, case_row(order, now)), knowledge, now)
    entries = found.decision["procedures"]
    recognized = bool(entries) and "procedure" in entries[0]
    rows = dict.fromkeys(chain.from_iterable(map(_told, entries)))
    return Played(order, recognized, tuple(map(_shown, found.cards)), (*rows, *_other_cards(found.cards, entries)))


def report(tally: Tally) -> Iterator[str]:
    """The lines for a terminal: shares, then each order that is wrong, with what was said and which rows said it."""
    ordinary, targets = tally.ordinary, tally.targets
    left_out = [one.order.id for one in tally.played if one.order.kind == ORDINARY and not one.recognized]
    must_speak = sum(one.order.kind == MUST_SPEAK for one in tally.played)
    yield f"{len(ordinary)} ordinary orders that are recognized, {must_speak} that must speak:"
    yield f"  any card             {tally.any_card:4.0%}, at most {targets.any_card:.0%}"
    yield f"  warning or critical  {tally.warning:4.0%}, at most {targets.warning:.0%}"
    false, missed = [one for one in tally.wrong if one.false], [one for one in tally.wrong if one.missed]
    known = len(tally.wrong) - len(tally.unexpected)
    yield f"  false {len(false)}, missed {len(missed)}; of them known for now: {known}"
    if left_out:
        yield f"  no procedure of the tables: {', '.join(left_out)}"
    for name, ones in (("False", false), ("Missed", missed)):
        yield from chain([f"\n{name}:"] if ones else [], *(_lines(one, targets) for one in ones))
    if tally.outdated:
        yield f"\nKnown to be wrong, and right now (take them out of targets.toml): {', '.join(tally.outdated)}"


def _lines(one: Played, targets: Targets) -> Iterator[str]:
    loudest = one.loudest.word if one.loudest else _SILENT
    at_most, at_least = one.order.at_most, one.order.at_least
    bound = f"at least {at_least.word}, naming {', '.join(one.order.names)}" if at_least and one.missed else ""
    bound = bound or f"at most {at_most.word if at_most else _SILENT}"
    known = targets.known.get(one.order.id)
    yield f"  {one.order.id}: {loudest}, {bound}. {one.order.row['why']}" + (f" (known: {known})" if known else "")
    yield from (f"      {card.level.word}: {card.summary}" for card in one.cards)
    if one.rows:
        yield f"      from {'; '.join(one.rows)}"


def _shown(card: Mapping[str, Any]) -> Shown:
    text = f"{card['summary']}\n{card.get('detail', '')}".lower()
    return Shown(indicator_of(card["indicator"]), card["summary"], text)


def _told(entry: Mapping[str, Any]) -> Iterator[str]:
    for row in entry.get("contraindications", ()):
        for criterion in row.get("criteria", ()):
            if criterion["certainty"] != "absent":
                yield f"{row['id']}/{criterion['id']} {criterion['certainty']} {criterion.get('indicator', '')}".strip()


def _other_cards(cards: Sequence[Mapping[str, Any]], entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Cards that no contraindication made, by topic: a missing reason, an alert, what was not looked at."""
    rows = {row["id"] for entry in entries for row in entry.get("contraindications", ())}
    topics = (card["source"].get("topic", {}).get("code", "") for card in cards)
    return [f"card {topic}" for topic in topics if topic not in rows]
