"""The examples of `/try`, and cases of the tables, as the form that makes them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from cds_service.cases import SYSTEMS
from cds_service.kinds import CLINICAL
from cds_service.knowledge.tables import Knowledge
from cds_service.web.try_form import HOOKS, SEXES, Entry, TryForm

_EXAMPLES = Path(__file__).parent / "try_examples.toml"
_FIELDS_OF_THE_FORM = {
    *("id", "says", "expect", "hook", "order", "conditions", "allergies", "labs", "patient", "not_sent", "refused"),
}


@cache
def examples() -> Mapping[str, Mapping[str, Any]]:
    """The examples by id, as case rows; the first is for newcomers."""
    return {row["id"]: row for row in tomllib.loads(_EXAMPLES.read_text("utf-8"))["case"]}


def form_of(row: Mapping[str, Any], knowledge: Knowledge) -> TryForm | None:
    """The form that makes this case; None for a case that says more than the form has fields for."""
    if not set(row) <= _FIELDS_OF_THE_FORM:
        return None
    try:
        return TryForm(
            order=_order_text(row.get("order"), knowledge),
            hook=_only(row.get("hook", HOOKS[0]), HOOKS),
            sex=_only(row.get("patient", {}).get("gender", ""), ("", *SEXES)),
            age=_age(row.get("patient", {})),
            diagnoses=tuple(_entry(e, knowledge, days="onset_days") for e in row.get("conditions", ())),
            allergies=tuple(_entry(e, knowledge, severity="severity") for e in row.get("allergies", ())),
            labs=tuple(_lab_entry(e, knowledge) for e in row.get("labs", ())),
            sent=dict(_sent(row)),
        )
    except _NotInTheForm:
        return None


class _NotInTheForm(Exception):
    """A case says something that the form has no field for."""


def _only(value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise _NotInTheForm
    return value


def _order_text(order: Any, knowledge: Knowledge) -> str:
    if order is None:
        return ""
    if isinstance(order, str):
        return knowledge.procedures[order].label if order in knowledge.procedures else order
    if set(order) == {"text"}:
        return str(order["text"])
    if set(order) <= {"code", "display"} and isinstance(order.get("code"), str):
        return str(order["code"])
    raise _NotInTheForm


def _age(patient: Mapping[str, Any]) -> str:
    if not set(patient) <= {"gender", "age"}:
        raise _NotInTheForm
    return str(patient.get("age", ""))


def _entry(entry: Any, knowledge: Knowledge, **others: str) -> Entry:
    """`others`: field of an `Entry` -> the case's name of it."""
    fields = {"code": entry} if isinstance(entry, str) else entry
    code = fields.get("code", "")
    if not isinstance(code, str) or not set(fields) <= {"code", "text", *others.values()}:
        raise _NotInTheForm
    more = {name: str(fields[key]) for name, key in others.items() if key in fields}
    return Entry(" ".join(part for part in (code, _text_of(code, fields, knowledge)) if part), **more)


def _text_of(code: str, fields: Mapping[str, Any], knowledge: Knowledge) -> str:
    system, _, value = code.partition("|")
    known = knowledge.codes.display(SYSTEMS.get(system, system), value) if value else None
    return str(fields.get("text", known or ""))


def _lab_entry(entry: Mapping[str, Any], knowledge: Knowledge) -> Entry:
    code = entry.get("code")
    if not isinstance(code, str) or "value" not in entry or not set(entry) <= {"code", "value", "unit", "days"}:
        raise _NotInTheForm
    system, _, value = code.partition("|")
    held = {hit.value_set for hit in knowledge.codes.lookup(SYSTEMS.get(system, system), value) if hit.sufficient}
    labs = [lab.id for lab in knowledge.labs.values() if lab.value_set in held and not lab.coded]
    if not labs:
        raise _NotInTheForm
    return Entry(labs[0], str(entry.get("days", 1)), str(entry["value"]), str(entry.get("unit", "")))


def _sent(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, meaning in (("not_sent", "not-sent"), ("refused", "refused")):
        for key in row.get(name, ()):
            yield _only(key, [kind.key for kind in CLINICAL]), meaning
