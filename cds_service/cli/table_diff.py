"""Two states of the tables -> what differs: rows, limits, codes and words, and the cases that are answered otherwise.

In: two `Knowledge` and the cases. Out: lines for people, each with its row first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any

from cds_service.cases import Case, answer_case
from cds_service.errors import CdsError
from cds_service.knowledge.tables import Knowledge
from cds_service.publishing.rule import Rule
from cds_service.publishing.rule_book import RuleBook

_OF_A_RULE = ("status", "label", "source", "origin", "grade", "facts", "words", "code_lists")
_OF_A_QUESTION = (
    *(
        "label",
        "asks",
        "possible",
        "applies",
        "told_as",
        "without_data",
        "reads",
        "advice",
        "words",
        "code_lists",
        "table",
    ),
    *("source", "grade"),
)
_OF_A_LIMIT = ("comparison", "value", "unit", "within_days", "guideline", "source", "grade", "status")
_FROM_THE_LIMIT = ("asks", "source", "grade")
"""What a question has from its limit, which is a rule of its own."""
_SHOWN_ITEMS = 5
_ALIKE = 0.6
"""Share of words that two cards have in common, from which on only the others are told."""


def row_differences(old: Knowledge, new: Knowledge) -> list[str]:
    """Every row that is new, gone or changed: `limits/platelets-high-risk: value 50 → 75`."""
    before, after = RuleBook(old).rules, RuleBook(new).rules
    lines = [f"{'/'.join(key)}: new, {after[key].label}" for key in after if key not in before]
    lines += [f"{'/'.join(key)}: gone, {before[key].label}" for key in before if key not in after]
    for key in before:
        if key in after and before[key] != after[key]:
            lines += [f"{'/'.join(key)}: {line}" for line in _changed(_fields(before[key]), _fields(after[key]))]
    return lines + [f"{place}: {line}" for place, line in _texts_changed(old, new)]


def _texts_changed(old: Knowledge, new: Knowledge) -> Iterator[tuple[str, str]]:
    """What belongs to no row: sentences, reasons to go ahead, links, and data that are not connected."""
    for language in dict.fromkeys((*old.wordings, *new.wordings)):
        before, after = old.wordings.get(language, {}), new.wordings.get(language, {})
        for key in dict.fromkeys((*before, *after)):
            if before.get(key) != after.get(key):
                yield f"wording/{language}", f"{key} “{before.get(key, 'none')}” → “{after.get(key, 'none')}”"
    before_, after_ = _lists(old), _lists(new)
    for place in dict.fromkeys((*before_, *after_)):
        left, right = before_.get(place, []), after_.get(place, [])
        if left != right:
            yield place, ", ".join([*_signed("+", right, left), *_signed("-", left, right)]) or "in another order"


def _lists(knowledge: Knowledge) -> dict[str, list[str]]:
    reasons = {
        f"override reasons/{topic}": [r.display for r in found] for topic, found in knowledge.override_reasons.items()
    }
    links = {f"links/{row}": [f"{label} ({url})" for label, url in found] for row, found in knowledge.links.items()}
    return reasons | links | {"not connected": sorted(knowledge.not_connected)}


def _fields(rule: Rule) -> dict[str, Any]:
    """What is compared of a rule, by the name that it is told by."""
    if rule.limit is not None:
        limit = asdict(rule.limit)
        return {name: limit[name] for name in _OF_A_LIMIT}
    body = asdict(rule)
    fields = dict(_flat({name: body[name] for name in _OF_A_RULE}))
    for question in body["questions"]:
        fields[f"question {question['id']}"] = question["label"]
        left_out = _FROM_THE_LIMIT if question["limit"] else ()
        own = {name: question[name] for name in _OF_A_QUESTION if name not in left_out}
        fields |= _flat(own, f"{question['id']},")
    return fields


def _flat(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Fields by their path; a value set is one field, named by its title."""
    for name, member in value.items():
        if name == "code_lists":
            yield from ((f"{path} codes of {c['title']}".strip(), tuple(map(_item, c["codes"]))) for c in member)
        elif isinstance(member, Mapping):
            yield from _flat(member, f"{path} {name}".strip())
        elif isinstance(member, list | tuple):
            yield f"{path} {name}".strip(), tuple(map(_item, member))
        else:
            yield f"{path} {name}".strip(), member


def _item(item: Any) -> str:
    if not isinstance(item, Mapping):
        return str(item)
    return f"{item['vocabulary']} {item['code']}" if "code" in item else " ".join(map(str, item.values()))


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for path in dict.fromkeys((*old, *new)):
        before, after = old.get(path) or (), new.get(path) or ()
        question = path.partition(",")[0]
        # Of a question that is new or gone, its name says enough.
        if before == after or ("," in path and (f"question {question}" in old) != (f"question {question}" in new)):
            continue
        if isinstance(before, tuple) and isinstance(after, tuple):
            steps = [*_signed("+", after, before), *_signed("-", before, after)]
            yield f"{path} {', '.join(steps) or 'in another order'}"
        else:
            yield f"{path} {before or 'none'} → {after or 'none'}"


def _signed(sign: str, items: Iterable[str], others: Iterable[str]) -> list[str]:
    left = [item for item in items if item not in set(others)]
    more = [f"{sign} {len(left) - _SHOWN_ITEMS} more"] if len(left) > _SHOWN_ITEMS else []
    return [*(f"{sign} {item}" for item in left[:_SHOWN_ITEMS]), *more]


@dataclass(frozen=True, slots=True)
class Cause:
    """What changed in some cases alike: the answers of rows, empty where only cards differ; `cards` -> those cases."""

    rows: str
    cards: Mapping[str, Sequence[str]]

    @property
    def count(self) -> int:
        """The number of its cases."""
        return sum(map(len, self.cards.values()))


def case_differences(cases: Iterable[Case], old: Knowledge, new: Knowledge, now: datetime) -> list[Cause]:
    """What the two states answer otherwise: each change of rows once, with its cases, the most first."""
    found: dict[str, dict[str, list[str]]] = {}
    for case in cases:
        before, after = _answer(case, old, now), _answer(case, new, now)
        rows = "; ".join(_rows_changed(before.rows, after.rows))
        if rows or before.cards != after.cards:
            found.setdefault(rows, {}).setdefault(_cards_changed(before, after), []).append(case.place)
    return sorted((Cause(*one) for one in found.items()), key=lambda cause: -cause.count)


@dataclass(frozen=True, slots=True)
class _Said:
    """What is said of each row of each order, and the cards."""

    rows: Mapping[str, str]
    cards: tuple[str, ...]


def _rows_changed(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys((*before, *after)):
        said = {before.get(name), after.get(name)}
        # A row that was not asked and is absent now changes nothing for anybody.
        if len(said) == 2 and said != {None, "absent"}:
            yield f"{name} {before.get(name, 'not listed')} → {after.get(name, 'not listed')}"


def _cards_changed(before: _Said, after: _Said) -> str:
    """The cards that are gone and new; of cards with the same words but a few, these words."""
    gone = [card for card in before.cards if card not in after.cards]
    new = [card for card in after.cards if card not in before.cards]
    if before.rows == after.rows and len(gone) == len(new) and (words := _words_changed(gone, new)):
        return f"in the words of a card: {', '.join(words)}"
    return "; ".join([*(f"- {card}" for card in gone), *(f"+ {card}" for card in new)]) or "the same cards"


def _words_changed(before: Iterable[str], after: Iterable[str]) -> list[str]:
    """`50 → 75`, each once; empty where most of the words differ."""
    found: list[str] = []
    for one, other in zip(before, after, strict=True):
        left, right = one.split(), other.split()
        steps = SequenceMatcher(None, left, right, autojunk=False)
        if steps.ratio() < _ALIKE:
            return []
        found += [
            f"{' '.join(left[a:b])} → {' '.join(right[c:d])}"
            for tag, a, b, c, d in steps.get_opcodes()
            if tag != "equal"
        ]
    return list(dict.fromkeys(found))


def _answer(case: Case, knowledge: Knowledge, now: datetime) -> _Said:
    try:
        found = answer_case(case, knowledge, now)
    except CdsError as error:
        return _Said({"answer": error.message}, ())
    rows: dict[str, str] = {}
    entries = found.decision.get("procedures", ())
    for entry in entries:
        order = f"{entry['order']} " if len(entries) > 1 and "order" in entry else ""
        rows[f"{order}procedure"] = entry.get("procedure", "none")
        for row in (*entry.get("indications", ()), *entry.get("contraindications", ())):
            rows[f"{order}{row['id']}"] = " ".join(row[n] for n in ("certainty", "indicator") if n in row)
    return _Said(rows, tuple(f"{card['indicator']} “{card['summary']}”" for card in found.cards))
