"""Small exports for tests: resources in, files on disk out; and runs of them."""

from __future__ import annotations

import gzip
import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from cds_service.knowledge.load import load_knowledge
from cds_service.population.look_back import longest_look_back
from cds_service.population.plan import Choices
from cds_service.population.results import read_rows
from cds_service.population.rows import Row
from cds_service.population.run import Screening, screen
from cds_service.population.workers import Processes, Workers, do_task
from tests.support.shipped import shipped_knowledge

Resource = Mapping[str, Any]
KINDS = ("Patient", "Condition", "AllergyIntolerance", "Observation", "ServiceRequest")
T = "2024-05-03T10:00:00+02:00"
BEFORE, AFTER = "2024-05-01T10:00:00+02:00", "2024-05-05T10:00:00+02:00"
LONG_AGO = "2020-01-01"
ACTIVE = {"clinicalStatus": {"coding": [{"code": "active"}]}}


def of(patient: str, resource_type: str, name: str, **members: Any) -> dict[str, Any]:
    """A resource of a patient."""
    owner = "patient" if resource_type == "AllergyIntolerance" else "subject"
    subject = {} if resource_type == "Patient" else {owner: {"reference": f"Patient/{patient}"}}
    return {"resourceType": resource_type, "id": name, **subject, **members}


def an_order(patient: str, name: str, text: str = "Uterine fibroid embolization", **members: Any) -> dict[str, Any]:
    """An order of the time T."""
    plain = {"status": "active", "intent": "order", "code": {"text": text}, "authoredOn": T}
    return of(patient, "ServiceRequest", name, **plain | members)


def a_condition(patient: str, name: str, code: str = "D25.9", **members: Any) -> dict[str, Any]:
    """An active condition with an ICD-10-CM code, recorded before T."""
    concept = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}]}
    return of(patient, "Condition", name, **{**ACTIVE, "code": concept, "recordedDate": BEFORE, **members})


def a_result(patient: str, name: str, loinc: str, value: float, unit: str, **members: Any) -> dict[str, Any]:
    """A final result, issued before T."""
    plain = {
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": loinc}]},
        "effectiveDateTime": BEFORE,
        "issued": BEFORE,
        "valueQuantity": {"value": value, "unit": unit, "code": unit},
    }
    return of(patient, "Observation", name, **plain | members)


def a_patient(patient: str) -> dict[str, Any]:
    """A Patient."""
    return of(patient, "Patient", patient, gender="female", birthDate="1980-01-01")


def early(patient: str = "early") -> list[dict[str, Any]]:
    """Somebody whose record reaches far back, so that no order is too early in the data."""
    return [a_patient(patient), a_condition(patient, f"{patient}-c", "I10", recordedDate=LONG_AGO)]


def write_export(
    folder: Path, resources: Iterable[Resource], *, kinds: Iterable[str] = KINDS, packed: bool = False, **extra: str
) -> Path:
    """One file for each type, those of `kinds` even where there is nothing in it; `extra` are raw lines by type."""
    lines: dict[str, str] = dict.fromkeys(kinds, "")
    for resource in resources:
        kind = resource["resourceType"]
        lines[kind] = lines.get(kind, "") + json.dumps(resource) + "\n"
    for kind, text in extra.items():
        lines[kind] = lines.get(kind, "") + text
    folder.mkdir(parents=True, exist_ok=True)
    for kind, text in lines.items():
        if packed:
            (folder / f"{kind}.ndjson.gz").write_bytes(gzip.compress(text.encode()))
        else:
            (folder / f"{kind}.ndjson").write_bytes(text.encode("utf-8", "surrogateescape"))
    return folder


def a_screening(export: Path, run: Path, **choices: Any) -> Screening:
    """A run of an export by the shipped tables."""
    knowledge = shipped_knowledge()
    plain: dict[str, Any] = {
        "site": None,
        "compare": None,
        "as_of": "order",
        "undated": "both",
        "zone": "Europe/Berlin",
        "result_lag_hours": 4.0,
        "data_start": None,
        "with_text": False,
    }
    versions = tuple(
        (load_knowledge(Path(site)) if site else knowledge).version
        for site in (choices.get("site"), choices.get("compare"))[: 2 if "compare" in choices else 1]
    )
    days = longest_look_back(knowledge)
    return Screening((export,), run, Choices(**plain | choices), versions, days, secrets.token_bytes())


def run_of(
    export: Path,
    run: Path,
    *,
    workers: int = 1,
    task: Callable[[str, str, int], None] = do_task,
    by: Workers | None = None,
    **choices: Any,
) -> dict[str, Any]:
    """The summary of a run."""
    return screen(a_screening(export, run, **choices), by or Processes(run, workers, task))


def rows_of(run: Path) -> dict[str, Row]:
    """The rows of a run by order."""
    return {row.order: row for row in read_rows(run)}
