"""Clinical cases as tables: a patient, an order, and what the decision must say. The clinical specification.

A case file is TOML with `[[case]]` rows; its fields are in docs/changing-the-tables.md. A case is judged by the
same line as a real call: it becomes a hook request, and its decision is compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import tomli

from cds_service.answer import Answer, answer
from cds_service.cards.context import DEFAULT_CARD_SETTINGS, CardSettings
from cds_service.case_checks import SYSTEMS, mistakes, unknown_names
from cds_service.errors import CdsError, TableError
from cds_service.hooks.envelope import read_request
from cds_service.kinds import CLINICAL
from cds_service.knowledge.read import Unreadable, text_of
from cds_service.knowledge.site import site_files
from cds_service.knowledge.tables import Knowledge

_PATIENT = "Patient/p1"
_INSTALLED, _REPOSITORY = Path(__file__).parent / "shipped_cases", Path(__file__).parents[1] / "tests" / "cases"
SHIPPED_CASES = _INSTALLED if _INSTALLED.is_dir() else _REPOSITORY
"""The clinical cases of the shipped tables: in the wheel, else in a clone of the repository."""


@dataclass(frozen=True, slots=True)
class Case:
    """One row; `row` is as written, `place` is file and id for messages."""

    place: str
    row: Mapping[str, Any]


def case_folders(site: Path | None, shipped: Path = SHIPPED_CASES) -> list[Path]:
    """The folders of cases that there are: the shipped ones, and those of a hospital's site folder."""
    folders = [shipped, *([site / "cases"] if site else [])]
    return [folder for folder in folders if folder.is_dir()]


def read_cases(folder: Path, *, named: str = "") -> list[Case]:
    """Every case of a folder, in order of file and row.

    Args:
        folder: of TOML files.
        named: what messages put before the name of a file: the folder as the user gave it.

    Raises:
        TableError: a file can't be read, or a row has no id, an id twice, or what `case_checks.py` refuses.
    """
    problems: list[str] = []
    cases: dict[str, Case] = {}
    for path in site_files(folder) if folder.is_dir() else ():
        if path.suffix != ".toml":
            continue
        name = f"{named}{path.relative_to(folder).as_posix()}"
        for row in _rows(path, name, problems):
            wrong = [f'{name}: case "{row.get("id", "")}"{line}' for line in mistakes(row, cases)]
            problems += wrong
            if not wrong:
                cases[row["id"]] = Case(f'{name}: case "{row["id"]}"', row)
    if problems:
        raise TableError(problems)
    return list(cases.values())


def _rows(path: Path, name: str, problems: list[str]) -> list[dict[str, Any]]:
    """The `[[case]]` rows of a file; a problem where it holds anything else."""
    try:
        found = tomli.loads(text_of(path))
    except Unreadable as error:
        problems.append(f"{name}: {error}")
        return []
    except tomli.TOMLDecodeError as error:
        problems.append(f"{name}: can't be read as TOML ({error}); correct the line it names")
        return []
    rows = found.get("case", [])
    if set(found) - {"case"} or not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
        problems.append(f"{name}: holds {', '.join(sorted(found))}; write [[case]] rows and nothing else")
        return []
    return rows


def failures(case: Case, knowledge: Knowledge, now: datetime) -> list[str]:
    """What the decision says otherwise than the case expects; empty for a case that holds.

    A case that names something that the tables do not have is not judged.
    """
    if names := list(unknown_names(case.row, knowledge)):
        return [f"{case.place}, {line}" for line in names]
    try:
        found = answer_case(case, knowledge, now)
    except CdsError as error:
        wanted = case.row["expect"].get("error")
        return [] if wanted == error.status else [f"{case.place}: answered {error.status}, {error.message}"]
    return [f"{case.place}: {line}" for line in _differences(case.row["expect"], found)]


def answer_case(
    case: Case, knowledge: Knowledge, now: datetime, card_settings: CardSettings = DEFAULT_CARD_SETTINGS
) -> Answer:
    """The answer to the case's hook call."""
    body = json.dumps(request_of(case.row, now)).encode()
    numbers = count(1)
    request = read_request("ir-" + case.row.get("hook", "order-sign"), body)
    ids = (f"00000000-0000-4000-8000-{number:012d}" for number in numbers)
    return answer(request, knowledge, now=now, new_id=lambda: next(ids), card_settings=card_settings)


def request_of(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The hook request of a case: dates count back from `now`, lists that are not given are sent empty."""
    hook = row.get("hook", "order-sign")
    orders = [
        _order(o, n, row, now) for n, o in enumerate(row.get("orders", [row["order"]] if "order" in row else []), 1)
    ]
    context: dict[str, Any] = {"patientId": "p1", "userId": "Practitioner/example"}
    if "encounter" in row:
        context["encounterId"] = row["encounter"]
    if orders:
        context["draftOrders"] = _bundle([*orders, *row.get("drafts", ())], "collection")
    if hook == "order-select":
        context["selections"] = [f"ServiceRequest/{order['id']}" for order in orders]
    prefetch = {"patient": {"resourceType": "Patient", "id": "p1", **_patient(row.get("patient", {}), now)}}
    for kind in CLINICAL:
        field, build = _WRITTEN_AS.get(kind.key, (kind.key, _as_written))
        prefetch[kind.key] = _bundle([build(entry, n, now) for n, entry in enumerate(row.get(field, ()), 1)])
    for key in row.get("refused", ()):
        prefetch[key] = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
    for key in row.get("not_sent", ()):
        del prefetch[key]
    return {"hook": hook, "hookInstance": "case", "context": context, "prefetch": prefetch}


def _bundle(resources: list[dict[str, Any]], kind: str = "searchset") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": [{"resource": resource} for resource in resources]}


def coding(code: str) -> dict[str, str]:
    """`sct|66857006` -> a Coding; an unknown short name is taken as the system's URL."""
    system, _, value = code.partition("|")
    return {"system": SYSTEMS.get(system, system), "code": value}


def _concept(entry: Mapping[str, Any], name: str = "code") -> dict[str, Any]:
    codes = entry.get(name, [])
    found: dict[str, Any] = {}
    if codes:
        found["coding"] = [coding(code) for code in ([codes] if isinstance(codes, str) else codes)]
    if name == "code" and "display" in entry and codes:
        found["coding"][0]["display"] = entry["display"]
    if name == "code" and "text" in entry:
        found["text"] = entry["text"]
    return found


def _ago(now: datetime, entry: Mapping[str, Any], unit: str = "days") -> str:
    if "hours" in entry:
        return (now - timedelta(hours=entry["hours"])).isoformat()
    return (now.date() - timedelta(days=entry.get(unit, 1))).isoformat()


def _order(order: str | Mapping[str, Any], number: int, row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    entry: Mapping[str, Any] = {"code": f"procedure|{order}"} if isinstance(order, str) else order
    planned = {"occurrenceDateTime": _ago(now, {"days": -entry["in_days"]})} if "in_days" in entry else {}
    reasons = [{"coding": [coding(code)]} for code in row.get("reasons", ())]
    return {
        "resourceType": "ServiceRequest",
        "id": f"draft-{number}",
        "status": "draft",
        "intent": "order",
        "code": _concept(entry),
        "subject": {"reference": _PATIENT},
        **({"reasonCode": reasons} if reasons else {}),
        **planned,
        **entry.get("fields", {}),
    }


def _condition(entry: str | Mapping[str, Any], number: int, now: datetime) -> dict[str, Any]:
    entry = {"code": entry} if isinstance(entry, str) else entry
    resource: dict[str, Any] = {
        "resourceType": "Condition",
        "id": f"c{number}",
        "code": _concept(entry),
        "subject": {"reference": _PATIENT},
    }
    if entry.get("clinical", "active") != "none":
        resource["clinicalStatus"] = _status("condition-clinical", entry.get("clinical", "active"))
    if "verification" in entry:
        resource["verificationStatus"] = _status("condition-ver-status", entry["verification"])
    if "onset_days" in entry:
        resource["onsetDateTime"] = _ago(now, entry, "onset_days")
    if "recorded_days" in entry:
        resource["recordedDate"] = _ago(now, entry, "recorded_days")
    if "encounter" in entry:
        resource["encounter"] = {"reference": f"Encounter/{entry['encounter']}"}
        resource["category"] = [_status("condition-category", "encounter-diagnosis")]
    return {**resource, **entry.get("fields", {})}


def _allergy(entry: str | Mapping[str, Any], number: int, now: datetime) -> dict[str, Any]:
    entry = {"code": entry} if isinstance(entry, str) else entry
    resource: dict[str, Any] = {
        "resourceType": "AllergyIntolerance",
        "id": f"a{number}",
        "code": _concept(entry),
        "patient": {"reference": _PATIENT},
    }
    if entry.get("clinical", "active") != "none":
        resource["clinicalStatus"] = _status("allergyintolerance-clinical", entry.get("clinical", "active"))
    if "verification" in entry:
        resource["verificationStatus"] = _status("allergyintolerance-verification", entry["verification"])
    resource |= {name: entry[name] for name in ("type", "criticality") if name in entry}
    if {"manifestation", "manifestation_text", "severity", "substance"} & set(entry):
        reaction: dict[str, Any] = {"manifestation": [_manifestation(entry)]}
        if "substance" in entry:
            reaction["substance"] = _concept(entry, "substance")
        if "severity" in entry:
            reaction["severity"] = entry["severity"]
        resource["reaction"] = [reaction]
    return {**resource, **entry.get("fields", {})}


def _manifestation(entry: Mapping[str, Any]) -> dict[str, Any]:
    text = {"text": entry["manifestation_text"]} if "manifestation_text" in entry else {}
    return _concept(entry, "manifestation") | text


def _lab(entry: Mapping[str, Any], number: int, now: datetime) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": entry.get("status", "final"),
        "code": _concept(entry),
        "subject": {"reference": _PATIENT},
        "effectiveDateTime": _ago(now, entry),
        **_value(entry),
    }
    if "components" in entry:
        resource["component"] = [{"code": _concept(part), **_value(part)} for part in entry["components"]]
    return {**resource, **entry.get("fields", {})}


def _value(entry: Mapping[str, Any]) -> dict[str, Any]:
    if "value" in entry:
        quantity = {"value": entry["value"]} | {k: entry[k] for k in ("unit", "comparator") if k in entry}
        return {"valueQuantity": quantity}
    if "string" in entry:
        return {"valueString": entry["string"]}
    if "answer" in entry:
        return {"valueCodeableConcept": {"coding": [coding(entry["answer"])]}}
    return {"dataAbsentReason": {"text": entry["absent"]}} if "absent" in entry else {}


def _medication(entry: str | Mapping[str, Any], number: int, now: datetime) -> dict[str, Any]:
    """A MedicationRequest, or the resource that `resource` names; a text alone is its name."""
    entry = {"text": entry} if isinstance(entry, str) else entry
    resource: dict[str, Any] = {
        "resourceType": entry.get("resource", "MedicationRequest"),
        "id": f"m{number}",
        "status": entry.get("status", "active"),
        "subject": {"reference": _PATIENT},
    }
    if {"code", "text"} & set(entry):
        resource["medicationCodeableConcept"] = _concept(entry)
    if resource["resourceType"] == "MedicationRequest":
        resource["intent"] = entry.get("intent", "order")
        resource["authoredOn"] = _ago(now, entry)
    dose = {"text": entry["sig"]} if "sig" in entry else {}
    if "a_day" in entry:
        dose["timing"] = {"repeat": {"frequency": entry["a_day"], "period": 1, "periodUnit": "d"}}
    if dose:
        resource["dosageInstruction"] = [dose]
    return {**resource, **entry.get("fields", {})}


def _patient(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Elements of a Patient; `age` in years is a birthday a month ago, so that a case holds in any year."""
    if "age" not in row:
        return dict(row)
    birthday = now.date() - timedelta(days=30)
    born = birthday.replace(year=birthday.year - row["age"], day=min(birthday.day, 28))
    return {**{name: value for name, value in row.items() if name != "age"}, "birthDate": born.isoformat()}


def _procedure(entry: str | Mapping[str, Any], number: int, now: datetime) -> dict[str, Any]:
    """A Procedure; a text alone is its name. Done a day ago, unless `days` says otherwise or `undated` is true."""
    entry = {"text": entry} if isinstance(entry, str) else entry
    resource: dict[str, Any] = {
        "resourceType": "Procedure",
        "id": f"p{number}",
        "status": entry.get("status", "completed"),
        "code": _concept(entry),
        "subject": {"reference": _PATIENT},
    }
    if not entry.get("undated", False):
        resource["performedDateTime"] = _ago(now, entry)
    return {**resource, **entry.get("fields", {})}


def _as_written(entry: Mapping[str, Any], number: int, now: datetime) -> dict[str, Any]:
    """A resource that the case writes in full."""
    return {"id": f"r{number}", **entry}


_WRITTEN_AS: Mapping[str, tuple[str, Callable[[Any, int, datetime], dict[str, Any]]]] = {
    "conditions": ("conditions", _condition),
    "allergies": ("allergies", _allergy),
    "observations": ("labs", _lab),
    "medications": ("medications", _medication),
    "procedures": ("procedures", _procedure),
}
"""Prefetch key -> the field of a case that holds its resources, and what makes a resource of an entry. Resources of
another data kind are written in full, under its prefetch key."""


def _status(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": code}]}


def _differences(expect: Mapping[str, Any], found: Answer) -> Iterator[str]:
    entries = found.decision.get("procedures", [])
    entry = entries[0] if entries else {}
    if "error" in expect:
        yield f"answered, expected the error {expect['error']}"
    if "procedure" in expect and entry.get("procedure", "none") != expect["procedure"]:
        yield f"the order is {entry.get('procedure', 'none')}, expected {expect['procedure']}"
    if "options" in expect:
        options = [e["procedure"] for e in entries]
        if options != expect["options"]:
            yield f"the options are {options}, expected {expect['options']}"
    for table in ("indications", "contraindications"):
        rows = {row["id"]: _said(row) for row in entry.get(table, [])}
        yield from _unlike(table, expect.get(table, {}), rows)
    criteria = {c["id"]: _said(c) for row in entry.get("contraindications", []) for c in row.get("criteria", [])}
    yield from _unlike("criteria", expect.get("criteria", {}), criteria)
    shown = [card["indicator"] for card in found.cards]
    if "cards" in expect and shown != expect["cards"]:
        yield f"the cards are {shown}, expected {expect['cards']}"
    yield from _texts(expect, json.dumps(found.cards, ensure_ascii=False).lower())


def _texts(expect: Mapping[str, Any], text: str) -> Iterator[str]:
    yield from (f'no card says "{t}"' for t in expect.get("cards_say", ()) if t.lower() not in text)
    yield from (f'a card says "{t}"' for t in expect.get("cards_do_not_say", ()) if t.lower() in text)


def _said(row: Mapping[str, Any]) -> str:
    words = [row[name] for name in ("certainty", "indicator") if name in row]
    return " ".join([*words, row["told"]["as"]] if row["certainty"] != "absent" and "told" in row else words)


def _unlike(table: str, wanted: Mapping[str, str], rows: Mapping[str, str]) -> Iterator[str]:
    """`present` matches any indicator, `present info` only that one, `present info line` only where it is told so."""
    for name, expected in wanted.items():
        said = rows.get(name, "-")
        if f"{said} ".find(f"{expected} ") != 0:
            yield f"{table} {name} is {said}, expected {expected}"
