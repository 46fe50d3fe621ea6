"""The adversary: a real server that ignores every search parameter and gives everybody's resources to everyone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson
import pytest

from cds_service.answer import Answer, answer
from cds_service.cases import request_of
from cds_service.clinical_data.data_request import FetchLimits
from cds_service.clinical_data.fhir_access import FhirServers
from cds_service.hooks.envelope import read_request
from cds_service.knowledge.tables import Knowledge
from tests.support.fhir_peer import resources_of
from tests.support.peers import fhirsnake, synthetic_patients
from tests.support.waiting import PATIENCE

ORDER = "uterine-fibroid-embolization"
OTHER: dict[str, Any] = {
    "order": ORDER,
    "conditions": ["icd-10-cm|F20.9", "icd-10-cm|D25.9", "icd-10-cm|I50.43", "icd-10-cm|D66"],
    "allergies": [{"code": "sct|395751002", "severity": "severe"}],
    "labs": [{"code": "loinc|777-3", "value": 12, "unit": "10*9/L"}, {"code": "loinc|6301-6", "value": 4, "unit": "1"}],
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, now: datetime) -> Iterator[str]:
    """A server that holds a very ill patient, synthetic ones, and one of whom nothing is recorded."""
    folder = tmp_path_factory.mktemp("fhirsnake")
    ill = [r | {"id": f"ill-{r['id']}"} for r in resources_of(request_of(OTHER, now)) if r["resourceType"] != "Patient"]
    people = synthetic_patients(folder / "people", 3, now.date().isoformat())
    patients = [{"resourceType": "Patient", "id": name} for name in ("p1", "quiet")]
    with fhirsnake(folder, [*patients, *ill, *people]) as url:
        yield url


def judged(base: str, patient: str, knowledge: Knowledge, now: datetime) -> Answer:
    """The answer to a call without prefetch."""
    request = orjson.dumps({**request_of({"order": ORDER}, now), "prefetch": {}, "fhirServer": base})
    body = request.replace(b'"p1"', f'"{patient}"'.encode()).replace(b"Patient/p1", f"Patient/{patient}".encode())
    fhir = FhirServers(FetchLimits(deadline=PATIENCE))
    return answer(read_request("ir-order-sign", body), knowledge, now=now, new_id=lambda: "id", fhir=fhir)


def certainties(found: Answer) -> dict[str, str]:
    """Row -> certainty."""
    (entry,) = found.decision["procedures"]
    return {row["id"]: row["certainty"] for table in ("indications", "contraindications") for row in entry[table]}


def test_no_card_comes_from_another_patients_data(base: str, knowledge: Knowledge, now: datetime) -> None:
    """Of a patient without data nothing is present: everything is unknown, and no other patient's resource is named."""
    found = judged(base, "quiet", knowledge, now)
    said = certainties(found)
    assert "present" not in said.values()
    assert {said[row] for row in ("iodine-allergy", "severe-mental-illness", "bleeding-tendency")} == {"unknown"}
    everything = orjson.dumps([found.cards, found.decision])
    assert b"ill-" not in everything
    assert b"Iohexol" not in everything


def test_the_patients_own_data_still_count(base: str, knowledge: Knowledge, now: datetime) -> None:
    """What is the patient's own among everybody's resources is used, and what is not found stays unknown."""
    said = certainties(judged(base, "p1", knowledge, now))
    assert {said[row] for row in ("iodine-allergy", "severe-mental-illness", "bleeding-tendency")} == {"present"}
    assert "absent" not in {said[row] for row in ("liver-failure", "organ-failure-other")}
