"""Checked rows of the tables -> the types of `tables.py`. One function a table; nothing is judged here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from cds_service.indicator import indicator_of
from cds_service.knowledge.advice import Advice, Doer, Moment
from cds_service.knowledge.alerts import Alert
from cds_service.knowledge.changes import SilentRow
from cds_service.knowledge.code_system import CodeSystem
from cds_service.knowledge.derivation import Derivation, Grade, Input, Otherwise, RecordedPart, Step, Term
from cds_service.knowledge.expressions import ANYBODY, Expression, PatientGroup
from cds_service.knowledge.lab_types import Lab, Scale, Threshold
from cds_service.knowledge.question_types import QUESTION_TYPES
from cds_service.knowledge.table_rows import Row, TableRows
from cds_service.knowledge.tables import (
    CONTRAST,
    IN_VESSELS,
    SECTION_OF,
    SITE,
    SOURCE_TABLE,
    Condition,
    Contraindication,
    Criterion,
    Gate,
    Indication,
    Procedure,
)
from cds_service.knowledge.units import Dimension, Units


def is_active(row: Row) -> bool:
    """Only active rows speak; draft and retired ones stay in the file."""
    return bool(row["status"] == "active")


def expression(value: Any) -> Expression:
    """A condition id, one with a date (`is`), or a table with `all_of`, `any_of` or `none_of`."""
    if isinstance(value, str):
        return Expression("is", value)
    if "is" in value:
        return Expression("is", value["is"], **{name: value[name] for name in value if name != "is"})
    ((operator, parts),) = value.items()
    return Expression(operator, parts=tuple(expression(part) for part in parts))


def condition(row: Row, sufficient: frozenset[str]) -> Condition:
    """A [[condition]] row; `sufficient` are the value sets with a code that means the condition by itself."""
    return Condition(row["id"], row["label"], row["value_set"], row["value_set"] in sufficient, row.get("urgency"))


def indication(row: Row, origin: str = SOURCE_TABLE) -> Indication:
    """A [[procedure.indication]] row; `origin` is where it comes from if it does not say so itself."""
    possible = row.get("possible_if")
    return Indication(
        id=row["id"],
        label=row["label"],
        present_if=expression(row["present_if"]),
        possible_if=None if possible is None else expression(possible),
        source=row["source"],
        grade=row["grade"],
        possible_because=row.get("possible_because"),
        origin=row.get("origin", origin),
        patients=patient_group(row),
        option=row.get("option", True),
        option_for=PatientGroup(to_age=row.get("option_to_age")),
    )


def patient_group(row: Row) -> PatientGroup:
    """The fields `sex`, `from_age` and `to_age` of a row."""
    group = PatientGroup(row.get("sex"), row.get("from_age"), row.get("to_age"))
    return ANYBODY if group == ANYBODY else group


def alert(row: Row) -> Alert:
    """A [[procedure.alert]] row."""
    louder = row.get("even_in_emergency")
    return Alert(
        when=expression(row["when"]),
        wording=row["wording"],
        indicator=indicator_of(row["indicator"]),
        unless_indication=row.get("unless_indication", ""),
        even_in_emergency=None if louder is None else indicator_of(louder),
    )


def procedure(row: Row) -> Procedure:
    """A [[procedure]] row with its active indications."""
    usually = _uses(row.get("usually_uses", ()), row)
    own = SOURCE_TABLE if "origin" in row else SITE
    return Procedure(
        id=row["id"],
        label=row["label"],
        short=row.get("short", row["label"]),
        region=row["region"],
        origin=row.get("origin", SITE),
        parent=row.get("parent"),
        uses=_uses(row["uses"], row) | usually,
        usually_uses=usually,
        access=row["access"],
        bleeding_risk=row["bleeding_risk"],
        bleeding_risk_named=row.get("bleeding_risk_named", False),
        bleeding_risk_basis=row["bleeding_risk_basis"],
        urgency=tuple(row.get("urgency", ())),
        frequency=row.get("frequency"),
        emergency=row["emergency"],
        co2=row["co2"],
        offered=row["offered"],
        synonyms=tuple(row["synonyms"]),
        exclude_terms=tuple(row.get("exclude_terms", ())),
        indications=tuple(indication(r, own) for r in row.get("indication", ()) if is_active(r)),
        alerts=tuple(alert(r) for r in row.get("alert", ()) if is_active(r)),
        notes=dict(row.get("notes", {})),
        at_most_info=frozenset(row.get("at_most_info", ())),
        expected=frozenset(row.get("expected", ())),
        source=row["source"],
        shadow=row.get("shadow", False),
        patients=patient_group(row),
        alternatives=dict(row.get("alternatives", {})),
        list_complete=row.get("list_complete", False),
        settled_by=tuple(map(expression, row["settled_by"])) if "settled_by" in row else None,
        radiation_field=frozenset(row.get("radiation_field", ())),
    )


def _uses(words: Iterable[str], row: Row) -> frozenset[str]:
    """Contrast goes into vessels unless the row denies it: a row that says nothing is asked more, not less."""
    uses = frozenset(words)
    in_vessels = CONTRAST in uses and not row.get("contrast_outside_vessels", False)
    return uses | {IN_VESSELS} if in_vessels else uses


def gate(row: Row) -> Gate:
    """The gate fields of a row or criterion."""
    when, unless = row.get("when"), row.get("unless")
    return Gate(
        uses=frozenset(row.get("uses", ())),
        bleeding_risk=row.get("bleeding_risk"),
        access=frozenset(row.get("access", ())),
        procedures=frozenset(row.get("procedures", ())),
        when=None if when is None else expression(when),
        unless=None if unless is None else expression(unless),
        unless_within_days=row.get("unless_within_days"),
        bleeding_risk_named=row.get("bleeding_risk_named", False),
        patients=patient_group(row),
        radiation_field=frozenset(row.get("radiation_field", ())),
        except_procedures=frozenset(row.get("except_procedures", ())),
        urgency=frozenset(row.get("urgency", ())),
    )


def criterion(row: Row, problem: str, minor: str | None, thresholds: Mapping[str, Threshold]) -> Criterion:
    """A [[contraindication.criterion]] row; `problem` and `minor` are those of its contraindication."""
    kind = QUESTION_TYPES[row["kind"]]
    return Criterion(
        id=row["id"],
        label=row["label"],
        question=kind.from_row(row, thresholds),
        indicator=indicator_of(row["indicator"]),
        gate=gate(row),
        required=row.get("required", kind.REQUIRED),
        problem=row.get("problem", problem),
        section=row.get("section", SECTION_OF.get(row.get("problem", problem), row.get("problem", problem))),
        superseded_by=tuple(row.get("superseded_by", ())),
        replaced_by=tuple(row.get("replaced_by", ())),
        even_in_emergency=indicator_of(row["even_in_emergency"]) if "even_in_emergency" in row else None,
        required_when=tuple(gate(required) for required in row.get("required_when", ())),
        at_risk_when=expression(row["at_risk_when"]) if "at_risk_when" in row else None,
        measured_by=tuple(row.get("measured_by", ())),
        tell=row.get("tell", "card"),
        unspecific=row.get("unspecific", "line"),
        advice=tuple(row["advice"]),
        says=row.get("says"),
        minor=row.get("minor", minor),
        source=row.get("source", ""),
        grade=row.get("grade", ""),
    )


def contraindication(row: Row, thresholds: Mapping[str, Threshold]) -> Contraindication:
    """A [[contraindication]] row with the criteria that speak: active ones whose limit, if they have one, is."""
    active = [criterion(r, row["problem"], row.get("minor"), thresholds) for r in row["criterion"] if is_active(r)]
    return Contraindication(
        id=row["id"],
        label=row["label"],
        gate=gate(row),
        criteria=tuple(c for c in active if c.question.limit is None or c.question.limit.status == "active"),
        source=row["source"],
        shadow=row.get("shadow", False),
        cite=row.get("cite", ""),
    )


def silent_rows(files: TableRows) -> Iterator[SilentRow]:
    """Every procedure, indication, contraindication and criterion that is not active, or whose limit is not."""
    parts = {"procedures": ("indication", "indications"), "contraindications": ("criterion", "criteria")}
    for table, (name, inner_table) in parts.items():
        for row in getattr(files, table).values():
            if not is_active(row):
                yield SilentRow(table, row["id"], row["label"], row["status"], row["id"])
            for inner in row.get(name, ()):
                limit = files.thresholds.get(inner.get("threshold", ""), inner)
                if silent := next((one for one in (inner, limit) if not is_active(one)), None):
                    yield SilentRow(inner_table, inner["id"], inner["label"], silent["status"], row["id"])


def threshold(row: Row) -> Threshold:
    """A [[threshold]] row."""
    return Threshold(
        id=row["id"],
        lab=row["lab"],
        comparison=row["comparison"],
        value=_decimal(row.get("value")),
        unit=row["unit"],
        within_days=row["within_days"],
        answers=tuple(row.get("answers", ())),
        other_answers=tuple(row.get("other_answers", ())),
        answer_words=frozenset(map(str.casefold, row.get("answer_words", ()))),
        other_words=frozenset(map(str.casefold, row.get("other_words", ()))),
        rise=_decimal(row.get("rise")),
        rise_within_hours=row.get("rise_within_hours"),
        ratio=_decimal(row.get("ratio")),
        ratio_within_days=row.get("ratio_within_days"),
        guideline=row["guideline"],
        source=row["source"],
        grade=row["grade"],
        status=row["status"],
        cite=row.get("cite", row["guideline"].partition(":")[0]),
    )


def lab(row: Row, units: Units) -> Lab:
    """A [[lab]] row; its units were checked to be read by `units`."""
    derivation = row.get("derivation")
    return Lab(
        id=row["id"],
        label=row["label"],
        value_set=row.get("value_set", ""),
        unit=row["unit"],
        scales=_scales(row, units),
        reported_in=(row["unit"], *(other["unit"] for other in row.get("also", ()))),
        unit_words=frozenset(map(str.casefold, row.get("unit_words", ()))),
        unit_optional=row.get("unit_optional", False),
        text_unit=row.get("text_unit"),
        coded=row.get("coded", False),
        lowest=_decimal(row.get("lowest")),
        highest=_decimal(row.get("highest")),
        derivation=None if derivation is None else _derivation(derivation),
        decimals=row.get("decimals"),
        unit_in_summary=row.get("unit_in_summary", True),
        earlier_from_days=row.get("earlier_from_days"),
        earlier_to_days=row.get("earlier_to_days"),
        grades=tuple(Grade(grade["name"], _decimal(grade.get("at_most"))) for grade in row.get("grades", ())),
    )


def _scales(row: Row, units: Units) -> dict[Dimension, Scale]:
    canonical = units.read(row["unit"])[0]
    scales = {canonical.dimension: Scale(1 / canonical.factor)}
    for other in row.get("also", ()):
        unit = units.read(other["unit"])[0]
        factor = 1 / Fraction(other["divisor"]) if "divisor" in other else Fraction(other["factor"])
        at_most = Fraction(other["at_most"]) * unit.factor if "at_most" in other else None
        scales[unit.dimension] = Scale(factor / unit.factor, other.get("note"), at_most)
    return scales


def flat_wording(table: Row, prefix: str = "") -> dict[str, str]:
    """Nested TOML tables of sentences -> `card.not_checked.summary` keys."""
    flat: dict[str, str] = {}
    for key, value in table.items():
        flat |= {prefix + key: value} if isinstance(value, str) else flat_wording(value, f"{prefix}{key}.")
    return flat


def code_system(row: Row) -> CodeSystem:
    """A [[code_system]] row."""
    return CodeSystem(
        url=row["url"],
        label=row["label"],
        spelling=row["spelling"],
        classifies=row.get("classifies", False),
        form=re.compile(row["form"]) if "form" in row else None,
        edition_of=row.get("edition_of"),
        absence=row.get("absence", False),
        family_length=row.get("family_length", 0),
        own_meanings=tuple(row.get("own_meanings", ())),
        longer_of=row.get("longer_of"),
        **{name: re.compile(row[name]) for name in ("residual", "categories", "longer_form") if name in row},
    )


def _derivation(row: Row) -> Derivation:
    return Derivation(
        row["kind"],
        tuple(row["inputs"]),
        {name: Decimal(value) for name, value in row.get("parameters", {}).items()},
        row["source"],
        tuple(_input(value) for value in row.get("values", ())),
        tuple(_term(term) for term in row.get("terms", ())),
        tuple(
            RecordedPart(part["name"], part["value_set"], Decimal(part["points"]), part.get("within_days"))
            for part in row.get("recorded", ())
        ),
    )


def _input(row: Row) -> Input:
    other = row.get("otherwise")
    otherwise = other and Otherwise(
        Decimal(other["value"]), other["name"], other.get("when"), frozenset(other.get("drug_classes", ()))
    )
    return Input(
        lab=row["lab"],
        unit=row.get("unit"),
        lowest=_decimal(row.get("lowest")),
        highest=_decimal(row.get("highest")),
        subtract_from=_decimal(row.get("subtract_from")),
        logarithm=row.get("logarithm"),
        steps=tuple(Step(step["comparison"], Decimal(step["value"])) for step in row.get("steps", ())),
        otherwise=otherwise,
    )


def _term(row: Row) -> Term:
    above = row.get("above", {})
    return Term(
        Decimal(row["weight"]), tuple(row.get("of", ())), row.get("sex"), above.get("lab"), _decimal(above.get("value"))
    )


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)


def advice(row: Row) -> Advice:
    """An [[advice]] row."""
    never, only = (frozenset(row.get(name, ())) for name in ("never_with", "only_with"))
    return Advice(row["id"], Doer(row["by"]), Moment[row["when"].upper()], never, only, row.get("test"))
