"""Rows as they were read -> every small change of them that a mistake could make, one at a time, in a fixed order.

A field is changed by what it holds: a number by one step up and down, a level to its neighbours, a list by each of its
elements, an expression by each of its parts. So a field that is added to a table is changed as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cds_service.knowledge.rows import is_active
from cds_service.knowledge.table_rows import TableRows
from cds_service.knowledge.tables import CONTRAST
from cds_service.knowledge.value_sets import CodeRule, rules_of

Row = Mapping[str, Any]
Made = tuple[str, Row | None]
"""What was changed, and the row that it makes; None where the row is left out."""

LEVELS = ("info", "warning", "critical")
COMPARISONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
LIMIT, COMPARISON, WINDOW, GATE, LEVEL, REQUIRED, ROW, ADVICE, CODE, SENTENCE, USES, REASON = (
    *("limit", "comparison", "window", "gate", "level", "required", "row", "advice", "code", "sentence"),
    *("uses", "reason"),
)
"""Kinds of changes, by which the report counts."""

_NOT_JUDGED = frozenset({
    *("id", "label", "status", "source", "guideline", "grade", "kind", "result_profile", "lab", "unit", "threshold"),
    *("group", "criterion", "indication", "short", "region", "origin", "parent", "bleeding_risk_basis", "synonyms"),
    *("exclude_terms", "urgency", "frequency", "bleeding_risk_named", "offered", "shadow", "possible_because"),
    *("problem", "condition", "wording"),
})  # fmt: skip
"""Fields that name, source or publish a row, and order names, which have tests of their own."""
_KINDS = {
    "comparison": COMPARISON,
    "indicator": LEVEL, "severe": LEVEL, "physiologic": LEVEL, "even_in_emergency": LEVEL, "at_most_info": LEVEL,
    "emergency": LEVEL, "required": REQUIRED, "required_when": REQUIRED, "advice": ADVICE, "notes": ADVICE,
    "co2": ADVICE, "uses": GATE, "value_sets": ROW, "present_if": REASON, "possible_if": REASON, "alert": REASON,
    "value": LIMIT, "rise": LIMIT, "ratio": LIMIT, "answers": LIMIT,
}  # fmt: skip
_OPERATORS = {"all_of": "any_of", "any_of": "all_of"}
_RISKS = {"low": "high", "high": "low"}


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
    return [*_thresholds(rows), *_contraindications(rows), *_procedures(rows), *_codes(rows), *_sentences(rows)]


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
    gated = {
        use for row in rows.contraindications.values() for r in (row, *row["criterion"]) for use in r.get("uses", ())
    }
    for key, row in rows.procedures.items():
        if not is_active(row):
            continue
        yield Mutant("procedure", (key,), ROW, "left out")
        for mutant in _fields("procedure", (key,), row, {"uses": USES, "usually_uses": USES, "access": USES}):
            if mutant.kind != USES or _is_read(mutant.what, gated):
                yield mutant
        for part in ("indication", "alert"):
            for number, inner in enumerate(row.get(part, ())):
                if inner.get("status", "active") == "active":
                    yield from _parts(row, part, number, (part, (key, inner.get("id", inner.get("condition", "")))))


def _is_read(what: str, gated: set[str]) -> bool:
    """Whether a row asks for the use that was taken out; contrast is asked for wherever it goes."""
    use = what.rpartition(" ")[2]
    return use in gated or use == CONTRAST or not what.startswith(("uses", "usually_uses"))


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
        if name not in _NOT_JUDGED:
            kind = kinds.get(name) or _KINDS.get(name) or (WINDOW if "_within_" in f"_{name}" else GATE)
            for what, made in _values(name, value, row):
                yield Mutant(table, keys, kind, what, made)


def _values(name: str, value: Any, row: Row) -> Iterator[Made]:
    """Every change of one field."""

    def put(new: Any) -> Row:
        return {**row, name: new}

    without = {key: kept for key, kept in row.items() if key != name}
    if isinstance(value, bool):
        yield f"{name} {not value}".lower(), put(not value)
    elif isinstance(value, int | Decimal):
        step = _step(value)
        yield from ((f"{name} {value} -> {new}", put(new)) for new in (value - step, value + step) if new >= 0)
    elif name == "comparison":
        yield from ((f"{value} -> {new}", put(new)) for new in (COMPARISONS.get(value),) if new)
    elif name == "access":
        yield from _access(value, put, without)
    elif isinstance(value, str) and value in LEVELS:
        near = [level for level in LEVELS if abs(LEVELS.index(level) - LEVELS.index(value)) == 1]
        yield from ((f"{name} {value} -> {level}", put(level)) for level in near)
        yield from [(f"{name} left out", without)] if name != "indicator" else []
    elif isinstance(value, str) and value in _RISKS:
        yield f"{name} {value} -> {_RISKS[value]}", put(_RISKS[value])
        yield from [(f"{name} left out", without)] if "bleeding_risk_basis" not in row else []
    elif isinstance(value, list | tuple):
        yield from _elements(name, list(value), put, without)
    elif name in ("when", "unless", "required_when", "present_if", "possible_if"):
        yield from _expressions(name, value, put)
        yield from [(f"{name} left out", without)] if name != "present_if" else []
    elif isinstance(value, Mapping):
        yield from ((f"{name}.{key} left out", put({k: v for k, v in value.items() if k != key})) for key in value)


def _step(value: int | Decimal) -> int | Decimal:
    """One in the last place that is written: 1.8 -> 0.1, 50 -> 1."""
    return 1 if isinstance(value, int) else Decimal(1).scaleb(int(value.as_tuple().exponent))


def _access(value: Any, put: Callable[[Any], Row], without: Row) -> Iterator[Made]:
    if isinstance(value, str):
        new = "percutaneous" if value in ("arterial", "any") else "arterial"
        yield f"access {value} -> {new}", put(new)
    else:
        yield from _elements("access", list(value), put, without)


def _elements(name: str, values: list[Any], put: Callable[[Any], Row], without: Row) -> Iterator[Made]:
    required = name in ("value_sets", "uses", "advice", "answers")
    for number, value in enumerate(values):
        kept = values[:number] + values[number + 1 :]
        yield f"{name} without {value}", put(kept) if kept or required else without


def _expressions(name: str, value: Any, put: Callable[[Any], Row]) -> Iterator[Made]:
    if isinstance(value, str):
        return
    ((operator, parts),) = value.items()
    if operator in _OPERATORS and len(parts) > 1:
        yield f"{name} {operator} -> {_OPERATORS[operator]}", put({_OPERATORS[operator]: parts})
    for number, part in enumerate(parts):
        kept = parts[:number] + parts[number + 1 :]
        if kept:
            yield f"{name} without {part}", put({operator: kept})
        for what, inner in _expressions(
            name, part, lambda new, at=number: {operator: [*parts[:at], new, *parts[at + 1 :]]}
        ):  # type: ignore[misc]
            yield what, put(inner)


def _codes(rows: TableRows) -> Iterator[Mutant]:
    """Each line of a ValueSet that a row reads."""
    for key, value_set in rows.value_sets.items():
        for rule in rules_of(value_set)[0]:
            code = f"{rule.code}*" if rule.prefix else rule.code
            yield Mutant("value set", (key,), CODE, f"without {rule.system}|{code}", None, rule)


def _sentences(rows: TableRows) -> Iterator[Mutant]:
    for key in rows.wordings["wording.en.toml"]:
        yield Mutant("sentence", (key,), SENTENCE, "another sentence")
