"""What must agree between the rows of the tables; every disagreement is one line: file, row, problem, remedy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from cds_service.knowledge.allergy_table import AllergyTerms, allergy_terms, check_allergies
from cds_service.knowledge.code_checks import check_codes
from cds_service.knowledge.diagnosis_table import DiagnosisTerms, check_diagnosis_words, diagnosis_terms
from cds_service.knowledge.lab_orders import check_lab_orders
from cds_service.knowledge.medication_table import check_medications
from cds_service.knowledge.order_checks import check_order_words
from cds_service.knowledge.performed_table import check_performed
from cds_service.knowledge.question_types import QUESTION_TYPES
from cds_service.knowledge.shared_parts import shared
from cds_service.knowledge.table_rows import Row, TableRows
from cds_service.knowledge.units import Dimension, Units
from cds_service.knowledge.words import Words


class Terms(msgspec.Struct, frozen=True):
    """What the words of the tables are as terms: prepared once, for the checks and for the readers of texts."""

    words: Words
    allergies: AllergyTerms
    diagnoses: DiagnosisTerms


def terms_of(rows: TableRows) -> Terms:
    """The terms of checked rows."""
    words = shared(Words, rows.spelling)
    return Terms(words, allergy_terms(rows.allergy_words, words), diagnosis_terms(rows, words))


def cross_check(rows: TableRows, terms: Terms, problems: list[str]) -> None:
    """Append every disagreement between rows to `problems`; `terms` are those of the rows."""
    for check in (
        _conditions,
        _procedures,
        _indications,
        _contraindications,
        _thresholds,
        _labs,
        _lab_names,
        check_lab_orders,
        _urgency,
        check_medications,
        check_performed,
    ):
        problems += check(rows)
    problems += check_allergies(rows, terms.allergies)
    problems += check_diagnosis_words(terms.diagnoses)
    problems += check_order_words(rows)
    problems += check_codes(rows.systems, rows.value_sets, rows.concept_maps, rows.procedures, rows.places)


def _missing(file: str, row: str, field: str, names: Iterable[str], known: Iterable[str], kind: str) -> Iterator[str]:
    known = set(known)
    for name in names:
        if name and name not in known:
            yield f'{file}: "{row}", {field} names "{name}", which is no {kind}; correct it or add it'


def _conditions(rows: TableRows) -> Iterator[str]:
    for key, row in rows.conditions.items():
        file = "site/conditions.toml" if "change" in row else "conditions.toml"
        yield from _missing(file, key, "value_set", [row["value_set"]], rows.value_sets, "ValueSet")


def _procedures(rows: TableRows) -> Iterator[str]:
    for key, row in rows.procedures.items():
        file = rows.places.get(key, "site/procedures")
        yield from _missing(file, key, "parent", [row.get("parent", "")], rows.procedures, "procedure")
        yield from _missing(
            file, key, "alternatives", row.get("alternatives", {}).values(), rows.procedures, "procedure"
        )
        for field in ("notes", "at_most_info", "expected", "alternatives"):
            yield from _missing(file, key, field, row.get(field, ()), rows.contraindications, "contraindication")
        yield from _circle(rows, file, key)
        yield from _missing(
            file,
            key,
            "settled_by",
            conditions_named({"any_of": row.get("settled_by", ())}),
            rows.conditions,
            "condition",
        )
        for alert in row.get("alert", ()):
            yield from _missing(file, key, "alert", conditions_named(alert["when"]), rows.conditions, "condition")


def _urgency(rows: TableRows) -> Iterator[str]:
    known = {
        "procedures": (rows.procedures, "procedure"),
        "conditions": (rows.conditions, "condition"),
        "expected": (rows.contraindications, "contraindication"),
    }
    for field, names in rows.urgency.get("source_control", {}).items():
        yield from _missing("urgency.toml", "source_control", field, names, *known[field])


def _indications(rows: TableRows) -> Iterator[str]:
    seen: set[str] = set()
    for key, indication in ((k, i) for k, row in rows.procedures.items() for i in row.get("indication", ())):
        file = rows.places.get(key, "site/procedures")
        name = f"{key} / {indication['id']}"
        if indication["id"] in seen:
            yield f'{file}: indication "{name}" is there twice; give the second an id of its own'
        seen.add(indication["id"])
        for part in ("present_if", "possible_if"):
            yield from _missing(file, name, part, conditions_named(indication.get(part)), rows.conditions, "condition")
        because = indication.get("possible_because")
        if ("possible_if" in indication) != bool(because):
            yield f'{file}: "{name}" has only one of possible_if and possible_because; give both or none'


def _circle(rows: TableRows, file: str, key: str) -> Iterator[str]:
    seen, parent = {key}, rows.procedures[key].get("parent")
    while parent in rows.procedures:
        if parent in seen:
            if parent == key:
                yield f'{file}: "{key}" is an ancestor of itself, over parent; correct parent'
            return
        seen.add(parent)
        parent = rows.procedures[parent].get("parent")


def _contraindications(rows: TableRows) -> Iterator[str]:
    file = "contraindications.toml"
    seen: set[str] = set()
    for row in rows.contraindications.values():
        yield from _gate(rows, row["id"], row)
        ids = [criterion["id"] for criterion in row["criterion"]]
        for name in ids:
            if name in rows.contraindications:
                yield f'{file}: criterion "{name}" has the id of a row; give it an id of its own'
            elif name in seen:
                yield f'{file}: criterion "{name}" is there twice; give the second an id of its own'
            seen.add(name)
        for criterion in row["criterion"]:
            for field in ("superseded_by", "replaced_by"):
                yield from _missing(file, criterion["id"], field, criterion.get(field, ()), ids, "criterion here")
            for gate in (criterion, *criterion.get("required_when", ())):
                yield from _gate(rows, criterion["id"], gate)
            measured = criterion.get("measured_by", ())
            yield from _missing(file, criterion["id"], "measured_by", measured, rows.thresholds, "threshold")
            yield from _criterion(rows, file, criterion)
        yield from _silencing(file, {c["id"]: c.get("superseded_by", ()) for c in row["criterion"]})


def _criterion(rows: TableRows, file: str, row: Row) -> Iterator[str]:
    name, kind = row["id"], row["kind"]
    for field, unknown, wanted in QUESTION_TYPES[kind].unknown_names(row, rows):
        yield from _missing(file, name, field, [unknown], (), wanted)
    fields = dict.fromkeys(field for other in QUESTION_TYPES.values() for field in other.FIELDS)
    for field in fields:
        if field in row and field not in QUESTION_TYPES[kind].FIELDS:
            yield f'{file}: "{name}", {field} says nothing in a {kind} criterion; remove it or correct kind'


def _silencing(file: str, superseded: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Criteria that silence each other would all be silent, and the row absent although they are present."""
    for name in superseded:
        reached, ahead = set(), list(superseded[name])
        while ahead:
            step = ahead.pop()
            if step not in reached:
                reached.add(step)
                ahead += superseded.get(step, ())
        if name in reached:
            yield f'{file}: "{name}" is superseded by itself, over superseded_by; leave one of them to speak'


def _gate(rows: TableRows, name: str, row: Row) -> Iterator[str]:
    file = "contraindications.toml"
    for field in ("procedures", "except_procedures"):
        yield from _missing(file, name, field, row.get(field, ()), rows.procedures, "procedure")
    for part in ("when", "unless", "at_risk_when"):
        yield from _missing(file, name, part, conditions_named(row.get(part)), rows.conditions, "condition")


def _thresholds(rows: TableRows) -> Iterator[str]:
    changed = {change["id"] for change in rows.changes if change["table"] == "thresholds"}
    for key, row in rows.thresholds.items():
        file = f"{'site/' if key in changed else ''}thresholds.toml"
        yield from _missing(file, key, "lab", [row["lab"]], rows.labs, "lab")
        for field in ("answers", "other_answers"):
            yield from _missing(file, key, field, row.get(field, ()), rows.value_sets, "ValueSet")
        canonical = rows.labs.get(row["lab"], row)["unit"]
        if row["unit"] != canonical:
            yield f'{file}: "{key}", unit is "{row["unit"]}"; write the limit in "{canonical}", as {row["lab"]} is'
        yield from _value(file, key, row, rows.labs.get(row["lab"], {}))
        if "value" in row and row["comparison"] in ("in", "rise"):
            yield f'{file}: "{key}", value says nothing with the comparison {row["comparison"]}; remove it'


def _value(file: str, key: str, row: Row, lab: Row) -> Iterator[str]:
    """A limit that no result can reach, or that every one does, was written in another unit."""
    value, lowest, highest = row.get("value"), lab.get("lowest"), lab.get("highest")
    if value is None or lowest is None or highest is None or lowest >= highest:
        return
    if not lowest <= value <= highest:
        yield (
            f'{file}: "{key}", value is {value}, which {row["lab"]} can not be in {row["unit"]} '
            f"({lowest} to {highest}); is it in another unit?"
        )


def _labs(rows: TableRows) -> Iterator[str]:
    file, units = "labs.toml", Units(rows.units)
    for key, row in rows.labs.items():
        yield from _missing(file, key, "value_set", [row.get("value_set", "")], rows.value_sets, "ValueSet")
        inputs = row.get("derivation", {}).get("inputs", ())
        yield from _missing(file, key, "derivation.inputs", inputs, rows.labs, "lab")
        yield from _units_of(key, row, units)
        if row.get("lowest", 0) >= row.get("highest", 1) and {"lowest", "highest"} <= set(row):
            yield f'{file}: "{key}", lowest is not below highest; correct one of them'
        yield from _score(file, key, row.get("derivation", {}), rows)


def _score(file: str, key: str, row: Row, rows: TableRows) -> Iterator[str]:
    """Each input of a score is described once; a computed one is computed before."""
    if "values" not in row:
        return
    labs, order = [value["lab"] for value in row["values"]], list(rows.labs)
    yield from _missing(file, key, "derivation.inputs", row["inputs"], labs, "lab among its values")
    yield from _missing(file, key, "derivation.values", labs, row["inputs"], "input")
    for place, term in enumerate(row.get("terms", ()), 1):
        names = [*term.get("of", ()), *([term["above"]["lab"]] if "above" in term else [])]
        yield from _missing(file, key, f"derivation.terms {place}", names, labs, "lab among its values")
    others = [value["otherwise"] for value in row["values"] if "otherwise" in value]
    when = [other["when"] for other in others if "when" in other]
    yield from _missing(file, key, "derivation.values", when, rows.conditions, "condition")
    classes = {agent["class"] for agent in rows.medications["agent"]}
    drugs = [name for other in others for name in other.get("drug_classes", ())]
    yield from _missing(file, key, "derivation.values", drugs, classes, "class of medications.toml")
    sets = [part["value_set"] for part in row.get("recorded", ())]
    yield from _missing(file, key, "derivation.recorded", sets, rows.value_sets, "ValueSet")
    for name in row["inputs"]:
        if "derivation" in rows.labs.get(name, {}) and order.index(name) > order.index(key):
            yield f'{file}: "{key}", derivation.inputs names "{name}", which is computed after it; move it up'


def _units_of(key: str, row: Row, units: Units) -> Iterator[str]:
    """A unit that can't be read, and one that says the same as another."""
    file = "labs.toml"
    named = [("unit", row["unit"]), *(("also", other["unit"]) for other in row.get("also", ()))]
    seen: set[Dimension] = set()
    for field, text in named:
        readings = units.read(text)
        if not readings:
            yield f'{file}: "{key}", {field} is "{text}", which units.toml can not read; write it in UCUM'
        elif readings[0].dimension in seen:
            yield f'{file}: "{key}", also names "{text}", which is converted already; leave it out'
        seen.update(reading.dimension for reading in readings[:1])
    text = row.get("text_unit")
    if text and not any(reading.dimension in seen for reading in units.read(text)):
        yield f'{file}: "{key}", text_unit names "{text}", which is no unit of this lab; correct it or add it'


def _lab_names(rows: TableRows) -> Iterator[str]:
    for row in rows.lab_names["lab"]:
        yield from _missing("lab_names.toml", row["id"], "id", [row["id"]], rows.labs, "lab")
        yield from _missing(
            "lab_names.toml", row["id"], "value_set", [row.get("value_set", "")], rows.value_sets, "ValueSet"
        )


def conditions_named(value: Any) -> list[str]:
    """Condition ids named by an expression as written in TOML."""
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if "is" in value:
        return [value["is"]]
    return [name for parts in value.values() for part in parts for name in conditions_named(part)]
