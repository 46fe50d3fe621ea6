"""Checked rows of the tables -> the types of `tables.py`. One function a table; nothing is judged here."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from cds_service.indicator import indicator_of
from cds_service.knowledge.question_types import QUESTION_TYPES
from cds_service.knowledge.tables import (
    Alert,
    Condition,
    Contraindication,
    Criterion,
    Derivation,
    Expression,
    Gate,
    Indication,
    Lab,
    Procedure,
    Threshold,
    Unit,
)

Row = Mapping[str, Any]


def is_active(row: Row) -> bool:
    """Only active rows speak; draft and retired ones stay in the file."""
    return bool(row["status"] == "active")


def expression(value: Any) -> Expression:
    """A condition id, or a table with `all_of`, `any_of` or `none_of`."""
    if isinstance(value, str):
        return Expression("is", value)
    ((operator, parts),) = value.items()
    return Expression(operator, parts=tuple(expression(part) for part in parts))


def condition(row: Row, sufficient: frozenset[str]) -> Condition:
    """A [[condition]] row; `sufficient` are the value sets with a code that means the condition by itself."""
    return Condition(row["id"], row["label"], row["value_set"], row["value_set"] in sufficient)


def indication(row: Row) -> Indication:
    """A [[procedure.indication]] row."""
    possible = row.get("possible_if")
    return Indication(
        id=row["id"],
        label=row["label"],
        present_if=expression(row["present_if"]),
        possible_if=None if possible is None else expression(possible),
        source=row["source"],
        grade=row["grade"],
        possible_because=row.get("possible_because"),
    )


def procedure(row: Row) -> Procedure:
    """A [[procedure]] row with its active indications."""
    usually = frozenset(row.get("usually_uses", ()))
    return Procedure(
        id=row["id"],
        label=row["label"],
        region=row["region"],
        parent=row.get("parent"),
        uses=frozenset(row["uses"]) | usually,
        usually_uses=usually,
        access=row["access"],
        bleeding_risk=row["bleeding_risk"],
        bleeding_risk_basis=row["bleeding_risk_basis"],
        emergency=row["emergency"],
        co2=row["co2"],
        offered=row["offered"],
        synonyms=tuple(row["synonyms"]),
        exclude_terms=tuple(row.get("exclude_terms", ())),
        indications=tuple(indication(r) for r in row.get("indication", ()) if is_active(r)),
        alerts=tuple(Alert(a["condition"], a["wording"], indicator_of(a["indicator"])) for a in row.get("alert", ())),
        notes=dict(row.get("notes", {})),
        source=row["source"],
        shadow=row.get("shadow", False),
    )


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
    )


def criterion(row: Row, thresholds: Mapping[str, Threshold]) -> Criterion:
    """A [[contraindication.criterion]] row."""
    kind = QUESTION_TYPES[row["kind"]]
    return Criterion(
        id=row["id"],
        label=row["label"],
        question=kind.from_row(row, thresholds),
        indicator=indicator_of(row["indicator"]),
        gate=gate(row),
        required=row.get("required", kind.REQUIRED),
        superseded_by=tuple(row.get("superseded_by", ())),
        advice=tuple(row["advice"]),
    )


def contraindication(row: Row, thresholds: Mapping[str, Threshold]) -> Contraindication:
    """A [[contraindication]] row with the criteria that speak: active ones whose limit, if they have one, is."""
    active = [criterion(r, thresholds) for r in row["criterion"] if is_active(r)]
    return Contraindication(
        id=row["id"],
        label=row["label"],
        gate=gate(row),
        criteria=tuple(c for c in active if c.question.limit is None or c.question.limit.status == "active"),
        source=row["source"],
        shadow=row.get("shadow", False),
    )


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
        rise=_decimal(row.get("rise")),
        rise_within_hours=row.get("rise_within_hours"),
        ratio=_decimal(row.get("ratio")),
        ratio_within_days=row.get("ratio_within_days"),
        guideline=row["guideline"],
        source=row["source"],
        grade=row["grade"],
        status=row["status"],
    )


def lab(row: Row) -> Lab:
    """A [[lab]] row."""
    units: dict[str, Unit] = {}
    for spellings in row["units"]:
        factor = 1 / Decimal(spellings["divisor"]) if "divisor" in spellings else Decimal(spellings["factor"])
        unit = Unit(factor, spellings.get("note"), _decimal(spellings.get("at_most")))
        units |= dict.fromkeys(spellings["codes"], unit)
    derivation = row.get("derivation")
    return Lab(
        id=row["id"],
        label=row["label"],
        value_set=row.get("value_set", ""),
        unit=row["unit"],
        units=units,
        unit_optional=row.get("unit_optional", False),
        text_unit=row.get("text_unit"),
        lowest=_decimal(row.get("lowest")),
        highest=_decimal(row.get("highest")),
        derivation=None if derivation is None else _derivation(derivation),
    )


def flat_wording(table: Row, prefix: str = "") -> dict[str, str]:
    """Nested TOML tables of sentences -> `card.not_checked.summary` keys."""
    flat: dict[str, str] = {}
    for key, value in table.items():
        flat |= {prefix + key: value} if isinstance(value, str) else flat_wording(value, f"{prefix}{key}.")
    return flat


def _derivation(row: Row) -> Derivation:
    parameters = {name: Decimal(value) for name, value in row["parameters"].items()}
    return Derivation(row["kind"], tuple(row["inputs"]), parameters, row["source"])


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)
