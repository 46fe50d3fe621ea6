"""The form of `/try`: fields as a browser sends them -> a case row, from which the hook request is made.

A case row is that of `cds_service/cases.py`. A text that looks like a code of a vocabulary that is read is sent as one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

import msgspec

from cds_service.kinds import CLINICAL
from cds_service.knowledge.tables import Knowledge
from cds_service.publishing.read_as import read_as

HOOKS = ("order-sign", "order-select", "patient-view")
SEXES = ("female", "male", "other", "unknown")
PRIORITIES = ("routine", "urgent", "asap", "stat")
SEVERITIES = ("mild", "moderate", "severe")
SENT = {"sent": "sent, complete", "not-sent": "not sent", "refused": "refused by the EHR"}
"""What becomes of a list of the record: the value in the form, and its label."""
_DRUGS = "medications"
_BLANK_ROWS = 2
_FIRST_LABS = 4
_CODE = re.compile(r"(\S+?\|\S+|\S+)(?:\s+(.+))?", re.DOTALL)
_MOST_ROWS = 50
_MOST_DAYS = 40_000
_GROUPED = re.compile(r"[<>=\s]*\d{1,3}(?:[.,]\d{3})+")
"""`150.000` is 150 to some and 150,000 to others."""


class Entry(msgspec.Struct, frozen=True):
    """One line of the form: what, how old in days, and for labs value and unit; all as typed."""

    text: str = ""
    days: str = ""
    value: str = ""
    unit: str = ""
    severity: str = ""


class TryForm(msgspec.Struct, frozen=True):
    """The fields as typed. `sent` maps a data kind to a key of `SENT`."""

    order: str = ""
    hook: str = HOOKS[0]
    priority: str = ""
    sex: str = ""
    age: str = ""
    diagnoses: tuple[Entry, ...] = ()
    allergies: tuple[Entry, ...] = ()
    labs: tuple[Entry, ...] = ()
    drugs: tuple[Entry, ...] = ()
    sent: Mapping[str, str] = msgspec.field(default_factory=dict)


def read_form(fields: Mapping[str, Sequence[str]]) -> TryForm:
    """The form as sent: field name -> its values in order."""

    def one(name: str) -> str:
        return next(iter(fields.get(name, ())), "").strip()

    def entries(what: str, **others: str) -> tuple[Entry, ...]:
        columns = [fields.get(name, ()) for name in (what, *others.values())]
        rows = [[_at(column, place) for column in columns] for place in range(min(len(columns[0]), _MOST_ROWS))]
        found = (Entry(row[0], **dict(zip(others, row[1:], strict=True))) for row in rows)
        return tuple(entry for entry in found if entry.text and (what != "lab" or entry.value))

    return TryForm(
        order=one("order"),
        hook=one("hook") if one("hook") in HOOKS else HOOKS[0],
        priority=one("priority"),
        sex=one("sex"),
        age=one("age"),
        diagnoses=entries("diagnosis", days="diagnosis_days"),
        allergies=entries("allergy", severity="severity"),
        labs=entries("lab", value="value", unit="unit", days="days"),
        drugs=entries("drug"),
        sent={kind.key: one(f"sent_{kind.key}") for kind in CLINICAL if one(f"sent_{kind.key}") in SENT},
    )


def _at(column: Sequence[str], place: int) -> str:
    return column[place].strip() if place < len(column) else ""


def case_row(form: TryForm, knowledge: Knowledge, today: date, problems: list[str]) -> dict[str, Any]:
    """The form as a case row; what can't be read of it is appended to `problems`."""
    row: dict[str, Any] = {"hook": form.hook}
    if form.order and form.hook != "patient-view":
        order = _order(form.order, knowledge)
        fields = {"priority": form.priority} if form.priority in PRIORITIES else {}
        row["order"] = order | ({"fields": fields} if fields else {})
    elif form.hook != "patient-view":
        problems.append("Order: write what is ordered, or pick a procedure.")
    row["conditions"] = [_condition(entry, knowledge, today, problems) for entry in form.diagnoses]
    row["allergies"] = [_allergy(entry, knowledge) for entry in form.allergies]
    row["labs"] = [lab for entry in form.labs if (lab := _lab(entry, knowledge, today, problems))]
    if form.drugs:
        row[_DRUGS] = [_concept(entry.text, _DRUGS, knowledge) for entry in form.drugs]
    row["patient"] = _patient(form, problems)
    row["not_sent"] = [key for key, sent in form.sent.items() if sent == "not-sent"]
    row["refused"] = [key for key, sent in form.sent.items() if sent == "refused"]
    return row


def _order(text: str, knowledge: Knowledge) -> dict[str, Any]:
    """A procedure picked from the list is sent as its code, anything else as a person's words."""
    picked = [p for p in knowledge.procedures.values() if text.casefold() in (p.id, p.label.casefold())]
    if picked:
        return {"code": f"procedure|{picked[0].id}", "display": picked[0].label}
    if "|" in text:
        return {"code": text}
    return {"text": text}


def _concept(text: str, kind: str, knowledge: Knowledge) -> dict[str, Any]:
    """`D25.9 Leiomyoma` is a code with its text, `sct|91936005` a code, `knee pain` words."""
    found = _CODE.fullmatch(text.strip())
    if found is None:
        return {"text": text}
    token, rest = found.groups()
    named = {"text": rest} if rest else {}
    if "|" in token:
        return {"code": token, **named}
    system = knowledge.codes.system_of(token, _systems(kind, knowledge))
    return {"code": f"{system}|{token}", **named} if system else {"text": text}


def _systems(kind: str, knowledge: Knowledge) -> frozenset[str]:
    """The code systems that questions read in a data kind."""
    needs = (n for row in knowledge.contraindications for c in row.criteria for n in c.question.needs(knowledge))
    return knowledge.codes.systems_of({need.value_set for need in needs if need.kind == kind})


def _condition(entry: Entry, knowledge: Knowledge, today: date, problems: list[str]) -> dict[str, Any]:
    days = _days(entry.days, f"Diagnosis {entry.text}", today, problems)
    return _concept(entry.text, "conditions", knowledge) | ({} if days is None else {"onset_days": days})


def _allergy(entry: Entry, knowledge: Knowledge) -> dict[str, Any]:
    severity = {"severity": entry.severity} if entry.severity in SEVERITIES else {}
    return _concept(entry.text, "allergies", knowledge) | severity


def _lab(entry: Entry, knowledge: Knowledge, today: date, problems: list[str]) -> dict[str, Any] | None:
    lab = knowledge.labs.get(entry.text)
    if lab is None:
        problems.append(f"Result {entry.text}: is no lab of the tables; pick one of the list.")
        return None
    if _GROUPED.fullmatch(entry.value):
        problems.append(
            f"Result {lab.label}: is {entry.value} in thousands? Write it without a mark (150000), or as 150.0."
        )
    codes = knowledge.codes.rules_of(lab.value_set)
    days = _days(entry.days, f"Result {lab.label}", today, problems)
    result: dict[str, Any] = {"code": f"{codes[0].system}|{codes[0].code}" if codes else lab.label}
    result |= {"display": codes[0].display} if codes and codes[0].display else {}
    result |= {"unit": entry.unit or lab.unit, "days": 1 if days is None else days}
    return result | _value(entry.value)


def _value(text: str) -> dict[str, Any]:
    """A number, with a comparator if it has one, or the text as it is."""
    found = re.fullmatch(r"(<=?|>=?)?\s*(\d+(?:[.,]\d+)?)", text)
    if found is None:
        return {"string": text}
    comparator, number = found.groups()
    value = float(number.replace(",", "."))
    return {"value": int(value) if value.is_integer() else value, **({"comparator": comparator} if comparator else {})}


def _patient(form: TryForm, problems: list[str]) -> dict[str, Any]:
    patient: dict[str, Any] = {"gender": form.sex} if form.sex in SEXES else {}
    age = _whole(form.age, "Age", 130, problems)
    if age is not None:
        patient["age"] = age
    return patient


def _days(text: str, where: str, today: date, problems: list[str]) -> int | None:
    """How many days ago: a number, or a day as an ISO date."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        with suppress(ValueError):  # no day of the calendar, said below
            text = str((today - date.fromisoformat(text)).days)
    if text and not (re.fullmatch(r"\d{1,5}", text) and int(text) <= _MOST_DAYS):
        problems.append(f"{where}: when? Write how many days ago (3), or the day (2026-11-24), not one to come.")
        return None
    return int(text) if text else None


def _whole(text: str, where: str, most: int, problems: list[str]) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"\d{1,5}", text) or int(text) > most:
        problems.append(f"{where}: write a whole number up to {most}.")
        return None
    return int(text)


def remarks(form: TryForm, knowledge: Knowledge) -> list[str]:
    """What of the form is judged otherwise than one may think: it is sent all the same, as an EHR would."""
    found: list[str] = []
    for what, entries in (("Diagnosis", form.diagnoses), ("Drug", form.drugs), ("Allergy", form.allergies)):
        for entry in entries:
            meant = read_as(entry.text, knowledge), read_as(_code_of(entry.text), knowledge)
            if not any(one.value_sets for one in meant):
                found.append(f"{what} “{entry.text}”: the tables ask for nothing of this name.")
    for entry in form.labs:
        lab = knowledge.labs.get(entry.text)
        if lab is not None and "value" not in _value(entry.value):
            found.append(f"Result {lab.label}: “{entry.value}” is no number and is sent as text.")
        elif lab is not None and entry.unit and lab.factor_of(entry.unit, knowledge.units) is None:
            found.append(f"Result {lab.label}: “{entry.unit}” is no unit of it; it is read in units as {lab.unit}.")
    return found


def _code_of(text: str) -> str:
    """The code at the beginning of an entry, without the short name of its system."""
    return text.split(maxsplit=1)[0].rpartition("|")[2]


def with_blanks(entries: Sequence[Entry], least: int = 1) -> list[Entry]:
    """The lines of a list, and blank ones to write more on."""
    return [*entries, *[Entry()] * max(_BLANK_ROWS, least - len(entries))]


def lab_lines(form: TryForm, knowledge: Knowledge) -> list[Entry]:
    """The results of the form, then the labs that most questions ask for, without a value yet."""
    asked: dict[str, int] = {}
    for row in knowledge.contraindications:
        for lab in (lab for criterion in row.criteria for lab in criterion.question.labs):
            asked[lab] = asked.get(lab, 0) + 1
    given = {entry.text for entry in form.labs}
    usual = sorted(
        (lab for lab in asked if lab not in given and not knowledge.labs[lab].coded), key=lambda x: -asked[x]
    )
    return [*form.labs, *(Entry(lab) for lab in usual[: max(1, _FIRST_LABS - len(form.labs))])]


def proposals(kind: str, knowledge: Knowledge, most_each: int = 3) -> list[str]:
    """Codes with their names to pick from, a few of each value set that a question or an indication reads."""
    needs = (n for row in knowledge.contraindications for c in row.criteria for n in c.question.needs(knowledge))
    value_sets = dict.fromkeys(need.value_set for need in needs if need.kind == kind)
    if kind == "conditions":
        value_sets |= dict.fromkeys(c.value_set for c in knowledge.conditions.values())
    return list(dict.fromkeys(text for name in value_sets for text in _some(name, knowledge, most_each)))


def drug_proposals(knowledge: Knowledge) -> list[str]:
    """Every agent of the tables, and every product that they name with its agent: `eliquis (apixaban)`."""
    table = knowledge.medications
    short = {key: agent.label.partition(" (")[0] for key, agent in table.agents.items()}
    products = (
        f"{name} ({' + '.join(short[agent] for agent in meant)})"
        for name, meant in table.texts.names.items()
        if name.casefold() not in {short[agent].casefold() for agent in meant}
    )
    # Not what only the tables call so: what is not taken into the body, what nobody knows.
    return sorted({*(name for key, name in short.items() if key in table.texts.agents_in(name)), *products})


def _some(value_set: str, knowledge: Knowledge, most: int) -> list[str]:
    named = [rule for rule in knowledge.codes.rules_of(value_set) if rule.display and not rule.prefix]
    return [f"{rule.code} {rule.display}" for rule in named[:most]]
