"""What is wrong with a clinical case before it is judged: a field, a form or a name that nothing reads.

A misspelled field would let a case hold whatever is answered, and a misspelled id would fail it for another reason.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from cds_service.hooks.catalog import SERVICES
from cds_service.kinds import CLINICAL
from cds_service.knowledge.tables import Knowledge
from cds_service.near_names import did_you_mean

SYSTEMS = {
    "sct": "http://snomed.info/sct",
    "icd-10-cm": "http://hl7.org/fhir/sid/icd-10-cm",
    "icd-10": "http://hl7.org/fhir/sid/icd-10",
    "icd-10-gm": "http://fhir.de/CodeSystem/bfarm/icd-10-gm",
    "icd-10-pcs": "http://www.cms.gov/Medicare/Coding/ICD10",
    "loinc": "http://loinc.org",
    "radlex": "http://radlex.org",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "unii": "http://fdasis.nlm.nih.gov",
    "atc": "http://www.whocc.no/atc",
    "procedure": "https://example.org/ir-cds/fhir/CodeSystem/procedures",
}
_FIELDS = {
    "id", "says", "hook", "order", "orders", "reasons", "labs", "patient", "encounter", "not_sent", "refused",
    "expect", "text", "drafts", *(kind.key for kind in CLINICAL if kind.key != "observations"),
}  # fmt: skip
_EXPECTED = {
    "procedure", "options", "indications", "contraindications", "criteria", "cards", "cards_say", "cards_do_not_say",
    "error",
}  # fmt: skip
_CONCEPT = {"code", "text", "display", "fields"}
_OF_AN_ENTRY: Mapping[str, set[str]] = {
    "order": _CONCEPT | {"in_days"},
    "orders": _CONCEPT | {"in_days"},
    "conditions": _CONCEPT | {"clinical", "verification", "onset_days", "recorded_days", "encounter", "hours"},
    "allergies": _CONCEPT
    | {"clinical", "verification", "type", "criticality", "severity"}
    | {"manifestation", "manifestation_text", "substance"},
    "labs": _CONCEPT
    | {"days", "hours", "status", "value", "unit", "comparator", "string", "answer", "absent", "components"},
    "medications": _CONCEPT | {"days", "hours", "status", "intent", "resource", "sig", "a_day"},
    "procedures": _CONCEPT | {"days", "hours", "status", "undated"},
}
"""The fields of an entry that is more than a code or a text."""
_TEXTS_TOO = {"order", "orders", "conditions", "allergies", "medications", "procedures"}
"""Entries of these may be a code or a text alone."""
_OF_TEXTS = ("reasons", "not_sent", "refused", "drafts")
_LISTS = {*_OF_AN_ENTRY, *_OF_TEXTS, *(kind.key for kind in CLINICAL if kind.key in _FIELDS)} - {"order"}
_HOOKS = tuple(service.hook for service in SERVICES.values())
_NONE = "none"


def mistakes(row: Mapping[str, Any], before: Collection[str] = ()) -> Iterator[str]:
    """What is wrong with the form of a case, each as the end of a line that begins with its place.

    Args:
        row: as written.
        before: ids of the cases before it.
    """
    if not row.get("id"):
        yield ": id is missing; give it one of its own"
    elif row["id"] in before:
        yield " is there twice; give the second an id of its own"
    if not isinstance(row.get("expect"), Mapping):
        yield ": expect is missing; write what must be said, as expect.procedure"
    for name, known in _unknown_fields(row):
        yield f": {name} is not a field here; {_meant(name.rpartition('.')[2], known)}"
    for name in sorted(_LISTS & set(row)):
        if not isinstance(row[name], list):
            yield f", {name} is no list; write it in [ ]"
    for name, entry in _entries(row):
        if not isinstance(entry, Mapping) and not (isinstance(entry, str) and name in _TEXTS_TOO):
            form = "a code, a text or a table" if name in _TEXTS_TOO else "a table"
            yield f', {name} has {entry!r}; write {form}, as {{ code = "..." }}'
        for code in _codes_of(entry):
            if not _has_system(code):
                yield f', {name} has "{code}"; write SYSTEM|CODE, the system an address or one of {", ".join(SYSTEMS)}'
    if (hook := row.get("hook", _HOOKS[0])) not in _HOOKS:
        yield f', hook is "{hook}", which no service answers; {_meant(hook, _HOOKS)}'
    sent = [kind.key for kind in CLINICAL] + ["patient"]
    for name in ("not_sent", "refused"):
        for key in row.get(name, ()) if isinstance(row.get(name), list) else ():
            if key not in sent:
                yield f', {name} names "{key}", which is no data kind; {_meant(key, sent)}'


def _unknown_fields(row: Mapping[str, Any]) -> Iterator[tuple[str, Collection[str]]]:
    """Every field that nothing reads, with those that could stand there."""
    yield from ((name, _FIELDS) for name in sorted(set(row) - _FIELDS))
    expect = row.get("expect")
    if isinstance(expect, Mapping):
        yield from ((f"expect.{name}", _EXPECTED) for name in sorted(set(expect) - _EXPECTED))
    for field, entry in _entries(row):
        known = _OF_AN_ENTRY[field]
        yield from (
            (f"{field}.{name}", known) for name in sorted(set(entry) - known if isinstance(entry, dict) else ())
        )


def _entries(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for field in _OF_AN_ENTRY:
        entries = row.get(field, [])
        yield from ((field, entry) for entry in (entries if isinstance(entries, list) else [entries]))


def _codes_of(entry: Any) -> list[Any]:
    codes = entry.get("code", []) if isinstance(entry, Mapping) else []
    return codes if isinstance(codes, list) else [codes]


def _has_system(code: Any) -> bool:
    """Whether a code has a system: a short name of `SYSTEMS`, or an address."""
    system = str(code).partition("|")[0]
    return not system or system in SYSTEMS or ":" in system


def unknown_names(row: Mapping[str, Any], knowledge: Knowledge) -> Iterator[str]:
    """Every id in a case that no row has, not even one that is switched off, with the one that may be meant."""
    silent = {row.id for row in knowledge.silent_rows}
    procedures = {*knowledge.procedures, *silent}
    rows = {row.id for row in knowledge.contraindications} | silent
    criteria = {criterion.id for row in knowledge.contraindications for criterion in row.criteria} | silent
    indications = {i.id for p in knowledge.procedures.values() for i in p.indications} | silent
    expect = row["expect"]
    named = [
        ("order", entry) for field, entry in _entries(row) if field in ("order", "orders") and isinstance(entry, str)
    ]
    named += [("expect.procedure", expect["procedure"])] if expect.get("procedure", _NONE) != _NONE else []
    named += [("expect.options", name) for name in expect.get("options", ())]
    yield from (_unknown(*one, "procedure", procedures) for one in named if one[1] not in procedures)
    for field, known in (("indications", indications), ("contraindications", rows), ("criteria", criteria)):
        for name in expect.get(field, {}):
            if name not in known:
                yield _unknown(f"expect.{field}", name, field.removesuffix("s").replace("criteria", "question"), known)


def _unknown(field: str, name: str, kind: str, known: Collection[str]) -> str:
    return f'{field} names "{name}", which is no {kind} of the tables; {_meant(name, known)}'


def _meant(name: str, known: Collection[str]) -> str:
    return did_you_mean(name, known, f"known are {', '.join(sorted(known)[:12])}, ...")
