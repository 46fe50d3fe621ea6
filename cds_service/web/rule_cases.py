"""The clinical cases beside the rules that they are about: in which one a rule speaks, and in which it stays silent.

Cases are read when a page first asks for them. Where none are installed, pages show none.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from cds_service.answer import Answer
from cds_service.cards.context import CardSettings
from cds_service.cases import Case, answer_case, failures, read_cases
from cds_service.errors import CdsError, TableError
from cds_service.findings.finding import Shown
from cds_service.knowledge.tables import Knowledge
from cds_service.publishing.rule import Rule

_log = logging.getLogger(__name__)
_MOST, _MOST_ALIKE = 12, 2
"""Cases that a page lists of each sort, and of those that say the same."""


@dataclass(frozen=True, slots=True)
class RuleCase:
    """A case as a page lists it; `expects` is the answer that it expects of the rule."""

    id: str
    says: str
    expects: str


@dataclass(frozen=True, slots=True)
class ShownCase:
    """The cards of a case that are about a rule."""

    says: str
    cards: list[dict[str, Any]]


class RuleCases:
    """The cases of some folders, by what they expect of which row."""

    def __init__(self, folders: Iterable[Path]) -> None:
        """Nothing is read yet."""
        self._folders = tuple(folders)

    @cached_property
    def all(self) -> Mapping[str, Case]:
        """Every case by its id; empty where the files can't be read, which the log says."""
        try:
            return {case.row["id"]: case for folder in self._folders for case in read_cases(folder)}
        except TableError as error:
            _log.error("The pages show no cases, run `cds-service check`: %s", error.message)
            return {}

    @cached_property
    def _by_row(self) -> Mapping[str, list[RuleCase]]:
        found: dict[str, list[RuleCase]] = {}
        for name, case in self.all.items():
            for row, expects in _expected(case.row):
                found.setdefault(row, []).append(RuleCase(name, case.row.get("says", ""), expects))
        return found

    def speaking(self, rule: Rule) -> list[RuleCase]:
        """Cases in which the rule, or one of its questions, is present."""
        return _some(case for case in self._about(rule) if case.expects.startswith("present"))

    def silent(self, rule: Rule) -> list[RuleCase]:
        """Cases in which it is absent or unknown."""
        return _some(case for case in self._about(rule) if not case.expects.startswith("present"))

    def shown(self, rule: Rule, knowledge: Knowledge, now: datetime, card_settings: CardSettings) -> ShownCase | None:
        """The first case in which the rule is told on a card, with that card, as it is answered now.

        Of a procedure every card; an indication that is present is told on none.
        """
        for case in self.speaking(rule) if rule.kind != "indications" else ():
            try:
                answer = answer_case(self.all[case.id], knowledge, now, card_settings)
            except CdsError:
                continue
            cards = answer.cards if rule.kind == "procedures" else _cards_of(rule, answer)
            if cards:
                return ShownCase(case.says, cards)
        return None

    def otherwise(self, rule: Rule, knowledge: Knowledge, now: datetime) -> frozenset[str]:
        """Ids of the listed cases that a hospital's changes answer otherwise than they expect."""
        if not rule.changes:
            return frozenset()
        listed = (*self.speaking(rule), *self.silent(rule))
        return frozenset(case.id for case in listed if failures(self.all[case.id], knowledge, now))

    def _about(self, rule: Rule) -> Iterator[RuleCase]:
        ids = [rule.id] if rule.kind != "procedures" else [f"order {rule.id}"]
        ids += [question.id for question in rule.questions]
        seen: set[str] = set()
        for case in (case for name in ids for case in self._by_row.get(name, ())):
            if case.id not in seen:
                seen.add(case.id)
                yield case


def _some(cases: Iterable[RuleCase]) -> list[RuleCase]:
    """The first of each sentence, as far as a page has room."""
    alike: Counter[str] = Counter()
    found = []
    for case in cases:
        alike[case.says] += 1
        if alike[case.says] <= _MOST_ALIKE:
            found.append(case)
    return found[:_MOST]


def _cards_of(rule: Rule, answer: Answer) -> list[dict[str, Any]]:
    """The cards that tell one of the rule's questions."""
    questions = {question.id for question in rule.questions}
    rows = {
        row.contraindication.id
        for order in answer.findings.orders
        for row in order.contraindications
        for found in row.criteria
        if found.criterion.id in questions and found.told.shown is Shown.CARD
    }
    about = {card.uuid for card in answer.summary.cards if rows & set(card.rows)}
    return [card for card in answer.cards if card["uuid"] in about]


def _expected(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    expect = row["expect"]
    for table in ("contraindications", "criteria", "indications"):
        yield from expect.get(table, {}).items()
    if procedure := expect.get("procedure"):
        yield f"order {procedure}", "present"
