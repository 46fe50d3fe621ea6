"""Rows of `medications.toml` and `holds.toml` -> `MedicationTable`; and what must agree between them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal

from cds_service.indicator import indicator_of
from cds_service.knowledge.medication_texts import MedicationTexts
from cds_service.knowledge.medication_types import (
    Agent,
    AskFirst,
    ClearanceBand,
    DoseSign,
    DoseWords,
    DrugClass,
    HoldAction,
    HoldRow,
    MedicationTable,
    MedicationUse,
    Prophylaxis,
    Target,
    Together,
)
from cds_service.knowledge.rows import is_active
from cds_service.knowledge.table_rows import Row, TableRows
from cds_service.knowledge.words import Words

_UNSOURCED = "C"


def medication_table(medications: Row, holds: Row, hold_rows: Iterable[Row], words: Words) -> MedicationTable:
    """The whole table.

    Args:
        medications: of `medications.toml`.
        holds: of `holds.toml`.
        hold_rows: its [[hold]] rows, a site's changes laid over them.
        words: how texts become words.
    """
    agents = {row["id"]: _agent(row) for row in medications["agent"]}
    reading, clot, wanted = medications["reading"], holds["treats_a_clot"], holds["part_of_treatment"]
    return MedicationTable(
        agents=agents,
        by_value_set={agent.value_set: key for key, agent in agents.items() if agent.value_set},
        holds=_by_agent(hold_rows, holds["guidelines"]),
        ask_first={row["id"]: _ask_first(row) for row in holds["ask_first"] if is_active(row)},
        doses=tuple(_dose(row) for row in medications["dose"] if is_active(row)),
        prophylaxis=tuple(_prophylaxis(row) for row in medications["prophylaxis"] if is_active(row)),
        together=tuple(
            Together(frozenset(row["kinds"]), frozenset(row["agents"]), row["ask_first"])
            for row in holds["together"]
            if is_active(row)
        ),
        classes={name: _drug_class(row) for row in holds["drug_class"] if is_active(row) for name in row["classes"]},
        uses=tuple(
            MedicationUse(frozenset(row["of"]), row["means"], tuple(row["words"])) for row in medications["use"]
        ),
        texts=_texts(medications, words),
        twice_a_day_words=tuple(reading["twice_a_day_words"]),
        held_words=tuple(reading["held_words"]),
        dose_words=DoseWords(tuple(reading["unit_words"]), frozenset(reading["rate_words"])),
        targets=tuple(Target(row["threshold"], frozenset(row.get("access", ()))) for row in holds["target"]),
        renal_within_days=holds["renal"]["within_days"],
        dialysis=holds["renal"]["dialysis"],
        clot_uses=frozenset(clot["uses"]),
        clot_procedures=frozenset(clot["procedures"]),
        treating_kinds=frozenset(wanted["kinds"]),
        treated_by_them=frozenset(wanted["procedures"]),
        completed_within_days=reading["completed_within_days"],
        stopped_within_days=reading["stopped_within_days"],
        lapsed_card_within_days=reading["lapsed_card_within_days"],
    )


def _agent(row: Row) -> Agent:
    return Agent(
        id=row["id"],
        label=row["label"],
        drug_class=row["class"],
        kind=row["kind"],
        value_set=row.get("value_set"),
        doses_a_day=_number(row, "doses_a_day"),
        at_most=indicator_of(row["at_most"]) if "at_most" in row else None,
        counts_within_days=row.get("counts_within_days"),
        topical=row.get("topical", False),
        a_class=row.get("a_class", False),
    )


def _by_agent(rows: Iterable[Row], guidelines: list[str]) -> dict[str, tuple[HoldRow, ...]]:
    found: dict[str, list[HoldRow]] = {}
    for row in sorted(rows, key=lambda row: guidelines.index(row["guideline"])):
        found.setdefault(row["agent"], []).append(_hold(row))
    return {agent: tuple(holds) for agent, holds in found.items()}


def _hold(row: Row) -> HoldRow:
    band = ("clearance_from", "clearance_above", "clearance_below", "clearance_to")
    risk = row["bleeding_risk"]
    return HoldRow(
        id=row["id"],
        agent=row["agent"],
        guideline=row["guideline"],
        bleeding_risk=None if risk == "any" else risk,
        dose=row.get("dose"),
        band=ClearanceBand(*(_number(row, name) for name in band)),
        action=HoldAction(row["action"]),
        least=_number(row, "least"),
        most=_number(row, "most"),
        unit=row.get("unit"),
        test=row.get("test"),
        test_limit=row.get("test_limit"),
        restart=row.get("restart"),
        source=row["source"],
        grade=row["grade"],
        active=is_active(row),
        doses_a_day=_number(row, "doses_a_day"),
    )


def _ask_first(row: Row) -> AskFirst:
    kinds = frozenset(row["kinds"])
    return AskFirst(row["id"], row["label"], row["value_set"], row.get("within_days"), kinds, row["who"])


def _drug_class(row: Row) -> DrugClass:
    return DrugClass(row["id"], row.get("lab"), row.get("before_stopping"), row.get("reversal"), row.get("ask_first"))


def _dose(row: Row) -> DoseSign:
    return DoseSign(row["agent"], Decimal(row["strength"]), Decimal(row["doses_a_day"]), row["ask_first"])


def _prophylaxis(row: Row) -> Prophylaxis:
    amounts = Decimal(row["at_most"]), row["unit"], Decimal(row["doses_a_day"])
    return Prophylaxis(row["agent"], *amounts, without_a_dose=row.get("without_a_dose", False))


def _texts(table: Row, words: Words) -> MedicationTexts:
    names: dict[str, list[str]] = {}
    for row in table["agent"]:
        for name in (*row.get("words", ()), *row.get("unverified_words", ())):
            names.setdefault(name, []).append(row["id"])
    unverified = [name for row in table["agent"] for name in row.get("unverified_words", ())]
    confirmed = {name for row in table["agent"] for name in row.get("words", ())}
    reading = table["reading"]
    return MedicationTexts(
        names,
        set(unverified) - confirmed,
        reading["look_alikes"],
        reading["topical_words"],
        reading["compound_endings"],
        reading["nothing_words"],
        words,
        beside_another={word: row["id"] for row in table["agent"] for word in row.get("words_beside_another", ())},
        never_missed={row["id"] for row in table["agent"] if row["kind"] in reading["asked_if_misspelled"]},
    )


def _number(row: Row, name: str) -> Decimal | None:
    return Decimal(row[name]) if name in row else None


def check_medications(rows: TableRows) -> Iterator[str]:
    """Every disagreement between the medication tables, one line each."""
    for place, name, known, what in _names(rows):
        if name not in known:
            yield f'{place} names "{name}", {what}; correct it or add it'
    yield from _holds(rows)


def _names(rows: TableRows) -> Iterator[tuple[str, str, Collection[str], str]]:
    """Everything that a row names: where, the name, those that there are, and what is wrong with another."""
    medications, holds = rows.medications, rows.hold_table
    agents = {row["id"] for row in medications["agent"]}
    asked = {row["id"] for row in holds["ask_first"]}
    classes = {row["class"] for row in medications["agent"]}
    for place, name in _value_sets_named(rows):
        yield place, name, rows.value_sets, "which is no ValueSet"
    for place, name in _agents_named(rows):
        yield place, name, agents, "which is no agent of the table"
    for place, name in _asked_named(rows):
        yield place, name, asked, "which is no ask_first row of holds.toml"
    for row in holds["drug_class"]:
        if "lab" in row:
            yield f'holds.toml: "{row["id"]}", lab', row["lab"], rows.labs, "which is no lab"
        for name in sorted(set(row["classes"])):
            yield f'holds.toml: "{row["id"]}", classes', name, classes, "which no agent has as its class"
    yield "holds.toml: renal, dialysis", holds["renal"]["dialysis"], rows.conditions, "which is no condition"
    for row in holds["target"]:
        yield "holds.toml: target", row["threshold"], rows.thresholds, "which is no threshold"
    for part in ("treats_a_clot", "part_of_treatment"):
        for name in holds[part]["procedures"]:
            yield f"holds.toml: {part}", name, rows.procedures, "which is no procedure"


def _value_sets_named(rows: TableRows) -> Iterator[tuple[str, str]]:
    for file, table in (("medications.toml", rows.medications["agent"]), ("holds.toml", rows.hold_table["ask_first"])):
        yield from ((f'{file}: "{row["id"]}", value_set', row["value_set"]) for row in table if "value_set" in row)


def _agents_named(rows: TableRows) -> Iterator[tuple[str, str]]:
    for key, row in rows.holds.items():
        yield f'holds.toml: "{key}", agent', row["agent"]
    for row in (*rows.medications["dose"], *rows.medications["prophylaxis"]):
        yield f'medications.toml: "{row["id"]}", agent', row["agent"]
    for row in rows.medications["use"]:
        yield from ((f'medications.toml: "use {row["means"]}", of', name) for name in (*row["of"], row["means"]))
    for row in rows.hold_table["together"]:
        yield from (('holds.toml: "together", agents', name) for name in row["agents"])


def _asked_named(rows: TableRows) -> Iterator[tuple[str, str]]:
    for row in rows.medications["dose"]:
        yield f'medications.toml: "{row["id"]}", ask_first', row["ask_first"]
    for row in rows.hold_table["together"]:
        yield "holds.toml: together, ask_first", row["ask_first"]
    for row in rows.hold_table["drug_class"]:
        if "ask_first" in row:
            yield f'holds.toml: "{row["id"]}", ask_first', row["ask_first"]


def _holds(rows: TableRows) -> Iterator[str]:
    for key, row in rows.holds.items():
        if row["guideline"] not in rows.hold_table["guidelines"]:
            yield f'holds.toml: "{key}", guideline "{row["guideline"]}" is not in guidelines; correct it or add it'
        if row["grade"] == _UNSOURCED and row["status"] == "active" and "change" not in row:
            yield f'holds.toml: "{key}" is of grade C and active; make it a draft until a hospital decides'
        if row["action"] == "hold" and not {"least", "unit"} <= set(row):
            yield f'holds.toml: "{key}" holds and does not say how long; give least and unit'
        if row.get("most", row.get("least", 0)) < row.get("least", 0):
            yield f'holds.toml: "{key}", most is below least; correct one of them'
