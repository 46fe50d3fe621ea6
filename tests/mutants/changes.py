"""Rows as they were read -> every small change of them that a mistake could make, one at a time, in a fixed order.

A field is changed by what it holds: a number by one step up and down, a level to its neighbours, a list by each of its
elements, an expression by each of its parts. So a field that is added to a table is changed as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cds_service.knowledge.rows import is_active
from cds_service.knowledge.table_rows import TableRows
from cds_service.knowledge.tables import CONTRAST
from cds_service.knowledge.value_sets import CodeRule, rules_of

Row = Mapping[str, Any]
Change = tuple[str, Any]
"""What was changed, and the new value."""

GONE = object()
"""In place of a new value: the field is left out."""

LEVELS = ("info", "warning", "critical")
LIMIT, COMPARISON, WINDOW, GATE, LEVEL, REQUIRED = "limit", "comparison", "window", "gate", "level", "required"
ROW, ADVICE, CODE, SENTENCE, USES, REASON, HOLD = "row", "advice", "code", "sentence", "uses", "reason", "hold"
OPTION, SECTION, SCORE, DONE, DRUG = "option", "section", "score", "performed", "medication"
"""Kinds of changes, by which the report counts."""

_NOT_JUDGED = frozenset({
    *("id", "label", "status", "source", "guideline", "grade", "kind", "result_profile", "lab", "unit", "threshold"),
    *("group", "criterion", "indication", "short", "region", "origin", "parent", "bleeding_risk_basis", "synonyms"),
    *("exclude_terms", "frequency", "urgency", "offered", "shadow", "possible_because"),
    *("problem", "condition", "wording", "alert", "name", "value_set", "class", "who", "ask_first", "scale"),
    *("words", "unverified_words", "look_alikes", "en", "de", "es", "complete_systems", "not_surgery"),
    *("not_surgery_words", "not_done_words", "twice_a_day_words", "topical_words", "compound_endings"),
    *("unit_words", "rate_words"),
    *("guidelines", "hold", "inputs"),
})  # fmt: skip
"""Fields that name, source or publish a row, and order names, which have tests of their own."""
_FIELDS_OF = {
    COMPARISON: ("comparison",),
    LEVEL: (
        *(
            "indicator",
            "severe",
            "physiologic",
            "even_in_emergency",
            "at_most_info",
            "emergency",
            "expected",
        ),
        *("tell", "unspecific", "at_risk_when"),
    ),
    REQUIRED: ("required", "required_when"),
    ADVICE: ("advice", "notes", "co2", "cite", "says"),
    ROW: ("value_sets",),
    REASON: ("present_if", "possible_if", "list_complete", "settled_by"),
    LIMIT: ("value", "rise", "ratio", "answers"),
    OPTION: ("option", "option_for"),
    SECTION: ("section",),
}
_KINDS = {name: kind for kind, names in _FIELDS_OF.items() for name in names}
"""Kind of change of a field; of any other it is a gate."""
_RISKS = ("low", "high")
_OPERATORS = {"all_of": "any_of", "any_of": "all_of"}
_EXPRESSION = ("all_of", "any_of", "none_of")
_PAIRS = (("<", "<="), (">", ">="), ("low", "high"), ("female", "male"), ("card", "line"))
_OTHER = {word: other for pair in _PAIRS for word, other in (pair, pair[::-1])}
"""What a word is changed to."""
_NEEDED = frozenset({
    *("value", "comparison", "within_days", "indicator", "present_if", "advice", "value_sets", "answers", "tell"),
    *("rise", "rise_within_hours", "ratio", "ratio_within_days"),
})  # fmt: skip
_OF_A_HOLD = ("bleeding_risk", "least", "most", "clearance_from", "clearance_above", "clearance_below", "clearance_to")
"""Fields of a hold that decide how long it is."""
_NEEDED_OF_A_PROCEDURE = frozenset({"uses", "access", "bleeding_risk"})
_IS_WINDOW = re.compile("_(days|hours)( |$)")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of the tables. `keys` are the ids of the row, from the outside in; `row` is the changed row."""

    table: str
    keys: tuple[str, ...]
    kind: str
    what: str
    row: Row | None = None
    rule: CodeRule | None = None

    @property
    def place(self) -> str:
        """The row in words, as `criterion kidney-failure/egfr-contrast`."""
        return f"{self.table} {'/'.join(self.keys)}"


def mutants(rows: TableRows) -> list[Mutant]:
    """Every change of the shipped tables, in the order of the files."""
    return [
        *_thresholds(rows),
        *_contraindications(rows),
        *_procedures(rows),
        *_holds(rows),
        *_medications(rows),
        *_performed(rows),
        *_scores(rows),
        *_codes(rows),
        *_sentences(rows),
    ]


def _thresholds(rows: TableRows) -> Iterator[Mutant]:
    used = {c.get("threshold") for row in rows.contraindications.values() for c in row["criterion"] if is_active(c)}
    for key, row in rows.thresholds.items():
        if is_active(row) and key in used:
            yield from _fields("threshold", (key,), row, {})


def _contraindications(rows: TableRows) -> Iterator[Mutant]:
    for key, row in rows.contraindications.items():
        if not is_active(row):
            continue
        yield Mutant("contraindication", (key,), ROW, "left out")
        yield from _fields("contraindication", (key,), row, {"uses": GATE})
        for number, criterion in enumerate(row["criterion"]):
            limit = rows.thresholds.get(criterion.get("threshold", ""), criterion)
            if is_active(criterion) and is_active(limit):
                yield from _parts(row, "criterion", number, ("criterion", (key, criterion["id"])))


def _procedures(rows: TableRows) -> Iterator[Mutant]:
    asking = [row for outer in rows.contraindications.values() for row in (outer, *outer["criterion"])]
    gated = {use for row in asking for use in row.get("uses", ())}
    accessed = {
        risk
        for row in asking
        if "access" in row
        for risk in ([row["bleeding_risk"]] if "bleeding_risk" in row else _RISKS)
    }
    for key, row in rows.procedures.items():
        if not is_active(row):
            continue
        yield Mutant("procedure", (key,), ROW, "left out")
        for mutant in _fields("procedure", (key,), row, {"uses": USES, "usually_uses": USES, "access": USES}):
            if mutant.kind != USES or _is_read(mutant.what, gated, accessed=row["bleeding_risk"] in accessed):
                yield mutant
        for part in ("indication", "alert"):
            for number, inner in enumerate(row.get(part, ())):
                if inner.get("status", "active") == "active":
                    yield from _parts(row, part, number, (part, (key, inner.get("id", inner.get("condition", "")))))


def _is_read(what: str, gated: set[str], *, accessed: bool) -> bool:
    """Whether a row asks for what was changed: contrast wherever it goes, the access at some bleeding risks only."""
    if what.startswith("access"):
        return accessed
    use = what.rpartition(" ")[2]
    return use in gated or use == CONTRAST


def _parts(row: Row, name: str, number: int, place: tuple[str, tuple[str, ...]]) -> Iterator[Mutant]:
    """Changes of one row within a row; what they make is the outer row."""

    def outer(inner: Row | None) -> Row:
        kept = list(row[name])
        kept[number : number + 1] = [] if inner is None else [inner]
        return {**row, name: kept}

    table, keys = place
    yield Mutant(table, keys, ROW, "left out", outer(None))
    for mutant in _fields(table, keys, row[name][number], {}):
        yield Mutant(table, keys, mutant.kind, mutant.what, outer(mutant.row))


def _fields(table: str, keys: tuple[str, ...], row: Row, kinds: Mapping[str, str]) -> Iterator[Mutant]:
    for name, value in row.items():
        if name in _NOT_JUDGED or _says_nothing(name, row):
            continue
        needed = name in _NEEDED or (table == "procedure" and name in _NEEDED_OF_A_PROCEDURE)
        for what, new in _changes(name, value, needed=needed):
            made = {key: kept for key, kept in row.items() if key != name} if new is GONE else {**row, name: new}
            kind = WINDOW if _IS_WINDOW.search(what) else kinds.get(name) or _KINDS.get(name, GATE)
            yield Mutant(table, keys, kind, what, made)


def _says_nothing(name: str, row: Row) -> bool:
    """Whether no answer rests on the field of this row.

    A list of allergies is asked for by every question about them, so `required` is not looked at (findings/telling.py).
    Whether a guideline names a procedure in its class decides how loud an answer is: those of the low class are
    information already.
    """
    if name == "required":
        return row.get("kind") == "allergy"
    return name == "bleeding_risk_named" and row.get("bleeding_risk") == "low"


def _changes(name: str, value: Any, *, needed: bool) -> Iterator[Change]:
    """Every change of one value; GONE where the field is left out."""
    if isinstance(value, bool):
        yield f"{name} {not value}".lower(), not value
    elif isinstance(value, list | tuple):
        yield from _of_a_list(name, list(value), needed=needed)
    elif isinstance(value, Mapping):
        yield from _of_a_table(name, value)
        yield from () if needed else [(f"{name} left out", GONE)]
    else:
        near = _numbers(value) if isinstance(value, int | Decimal) else _words(name, value)
        yield from ((f"{name} {value} -> {new}", new) for new in near)
        yield from () if needed else [(f"{name} left out", GONE)]


def _numbers(value: int | Decimal) -> Iterator[int | Decimal]:
    """One step down and up in the last place that is written: 1.8 -> 1.7 and 1.9."""
    step = 1 if isinstance(value, int) else Decimal(1).scaleb(int(value.as_tuple().exponent))
    yield from (new for new in (value - step, value + step) if new >= 0)


def _words(name: str, value: str) -> Iterator[str]:
    if value in LEVELS:
        yield from (level for level in LEVELS if abs(LEVELS.index(level) - LEVELS.index(value)) == 1)
    elif name == "access":
        yield "percutaneous" if value in ("arterial", "any") else "arterial"
    elif value in _OTHER:
        yield _OTHER[value]


def _of_a_list(name: str, values: list[Any], *, needed: bool) -> Iterator[Change]:
    for number, value in enumerate(values):
        kept = values[:number] + values[number + 1 :]
        yield f"{name} without {_short(value)}", kept if kept or needed else GONE
        if isinstance(value, Mapping):
            for what, new in _of_a_table(name, value):
                yield what, [*values[:number], new, *values[number + 1 :]]


def _of_a_table(name: str, table: Row) -> Iterator[Change]:
    """Changes inside an expression, a condition with a date, a gate, or notes by id."""
    for key, value in table.items():
        other = {kept: inner for kept, inner in table.items() if kept != key}
        if key in _OPERATORS and len(value) > 1:
            yield f"{name} {key} -> {_OPERATORS[key]}", {_OPERATORS[key]: value}
        if key == "is" or (isinstance(value, str) and not {"when", "unless"} & {key} and name != "notes"):
            continue
        for what, new in _changes(f"{name} {key}", value, needed=key in _EXPRESSION and len(value) == 1):
            yield what, other if new is GONE else {**other, key: new}


def _short(value: Any) -> str:
    return value if isinstance(value, str) else f"[{', '.join(map(str, value.values()))}]"


def _holds(rows: TableRows) -> Iterator[Mutant]:
    for key, row in rows.holds.items():
        if is_active(row):
            yield Mutant("hold", (key,), HOLD, "left out")
            for name in (name for name in row if name in _OF_A_HOLD):
                of_one_number = name == "most" and row[name] == row.get("least")  # without it the least is the most
                needed = of_one_number or (name != "most" and not name.startswith("clearance"))
                for what, new in _changes(name, row[name], needed=needed):
                    made = {other: kept for other, kept in row.items() if other != name or new is not GONE}
                    yield Mutant("hold", (key,), HOLD, what, made if new is GONE else {**made, name: new})


def _medications(rows: TableRows) -> Iterator[Mutant]:
    """Agents, what a dose or a use says, and who is asked first: parts of two files, each made as the whole of it."""
    for table, whole in (("medications", rows.medications), ("holds", rows.hold_table)):
        for name, part in whole.items():
            if name in ("hold", "guidelines"):
                continue
            listed = part if isinstance(part, list) else [part]
            for number, row in enumerate(listed):
                if row.get("status", "active") != "active":
                    continue

                def made(new: Row | None, name: str = name, number: int = number, whole: Row = whole) -> Row:
                    if not isinstance(whole[name], list):
                        return {**whole, name: new}
                    kept = list(whole[name])
                    kept[number : number + 1] = [] if new is None else [new]
                    return {**whole, name: kept}

                keys = (name, row.get("id", row.get("means", row.get("threshold", ""))))
                if isinstance(part, list):
                    yield Mutant(table, keys, DRUG, "left out", made(None))
                for mutant in _fields(table, keys, row, {}):
                    yield Mutant(table, keys, DRUG, mutant.what, made(mutant.row))


def _performed(rows: TableRows) -> Iterator[Mutant]:
    for key, row in ((row["id"], row) for row in rows.performed["performed"]):
        yield Mutant("performed", (key,), DONE, "left out")
        if "value_set" in row:
            made = {name: value for name, value in row.items() if name != "value_set"}
            yield Mutant("performed", (key,), DONE, "value_set left out", made)
        for mutant in _fields("performed", (key,), row, {}):
            yield Mutant("performed", (key,), DONE, mutant.what, mutant.row)


def _scores(rows: TableRows) -> Iterator[Mutant]:
    """Formulas, points, classes and ranges of what is computed."""
    for key, row in rows.labs.items():
        if "derivation" not in row:
            continue
        for mutant in _fields("lab", (key,), row["derivation"], {}):
            if _as_held(mutant.row or {}) != _as_held(row["derivation"]):
                yield Mutant("lab", (key,), SCORE, mutant.what, {**row, "derivation": mutant.row})
        graded = {name: row[name] for name in ("grades",) if name in row}
        for mutant in _fields("lab", (key,), graded, {}):
            yield Mutant("lab", (key,), SCORE, mutant.what, {**row, **(mutant.row or {})})


def _as_held(derivation: Row) -> Row:
    """With what an input may count as otherwise held to its ends, as the formula does: beyond them nothing changes."""
    values = [
        _held(value) if "value" in value.get("otherwise", {}) else value for value in derivation.get("values", ())
    ]
    return {**derivation, "values": values}


def _held(value: Row) -> Row:
    other = value["otherwise"]["value"]
    held = max(other, value.get("lowest", other))
    held = min(held, value.get("highest", held))
    return {**value, "otherwise": {**value["otherwise"], "value": held}}


def _codes(rows: TableRows) -> Iterator[Mutant]:
    """Each line of a ValueSet that a row reads."""
    for key, value_set in rows.value_sets.items():
        for rule in rules_of(value_set)[0]:
            code = f"{rule.code}*" if rule.prefix else rule.code
            yield Mutant("value set", (key,), CODE, f"without {rule.system}|{code}", None, rule)


def _sentences(rows: TableRows) -> Iterator[Mutant]:
    for key in rows.wordings["wording.en.toml"]:
        yield Mutant("sentence", (key,), SENTENCE, "another sentence")
