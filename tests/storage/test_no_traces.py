"""After calls full of names, birth dates and tokens, none of them is in logs, metrics, the store or its exports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import requests

from cds_service.security.pseudonym import pseudonym
from tests.support.calls import a_call, an_order, drafts
from tests.support.serving import REPOSITORY, Serving
from tests.support.waiting import PATIENCE

PATIENT = "telltale-mrn-8841"
NAME = "Quillfeather"
BORN = "1957-03-19"
TOKEN = "telltale-token-b3f1"  # noqa: S105  of the test
NOTE = "Zwetschgenwasser"
KEY = "0123456789abcdef"
TELLTALES = (PATIENT, NAME, BORN, TOKEN, NOTE)


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    """A search result of the patient."""
    mine = [{"subject": {"reference": f"Patient/{PATIENT}"}} | resource for resource in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": resource} for resource in mine]}


def telling_call() -> dict[str, Any]:
    """A call with identifying data in every place that can hold them."""
    order = an_order(f"uterine fibroid embolization for {NAME}") | {
        "subject": {"reference": f"Patient/{PATIENT}", "display": NAME},
        "note": [{"text": NOTE}],
    }
    condition = {"resourceType": "Condition", "id": f"c-{NAME}", "code": {"text": f"{NAME} {NOTE}"}}
    result = {"resourceType": "Observation", "id": "o1", "code": {"text": NOTE}, "valueString": NAME}
    allergy = {"resourceType": "AllergyIntolerance", "id": "a1", "code": {"text": f"iohexol {NOTE}"}}
    return a_call(
        context={"patientId": PATIENT, "userId": f"Practitioner/{NAME}"} | drafts(order),
        fhirServer="http://127.0.0.1:9/fhir",
        fhirAuthorization={
            "access_token": TOKEN,
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "user/*.read",
            "subject": NAME,
        },
        prefetch={
            "patient": {"resourceType": "Patient", "id": PATIENT, "name": [{"family": NAME}], "birthDate": BORN},
            "conditions": bundle(condition, {"resourceType": "Condition", "id": NAME, "code": NAME}),
            "allergies": bundle({"patient": {"reference": f"Patient/{PATIENT}"}} | allergy),
            "observations": bundle(result),
        },
    )


def send_everything(url: str) -> list[int]:
    """Send valid and invalid calls and feedback; returns their statuses."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    service = f"{url}/cds-services/ir-order-sign"
    judged = requests.post(service, json=telling_call(), headers=headers, timeout=PATIENCE)
    entry = {"card": judged.json()["cards"][0]["uuid"], "outcomeTimestamp": "2026-11-24T03:00:00Z"}
    comment = {"outcome": "overridden", "overrideReason": {"userComment": f"{NAME}, {BORN}: {NOTE}"}}
    sent: list[tuple[str, Any]] = [
        (service, telling_call() | {"prefetch": {}}),
        (service, telling_call() | {"hook": NAME}),
        (service, telling_call() | {"context": {"patientId": [NAME]}}),
        (f"{url}/cds-services/{NAME}", telling_call()),
        (f"{url}/{NAME}?born={BORN}", {}),
        (f"{service}/feedback", {"feedback": [entry | comment]}),
        (f"{service}/feedback", {"feedback": [entry | comment | {"outcome": NAME, "outcomeTimestamp": NAME}]}),
    ]
    answers = [requests.post(to, json=body, headers=headers, timeout=PATIENCE) for to, body in sent]
    answers.append(requests.post(service, data=f"{{{NAME}".encode(), headers=headers, timeout=PATIENCE))
    return [judged.status_code, *(answer.status_code for answer in answers)]


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """All output of a run, by where it is."""
    folder = tmp_path_factory.mktemp("traces")
    database = folder / "records.db"
    environ = {"CDS_DATABASE_URL": f"sqlite:///{database}", "CDS_LOG_KEY": KEY, "CDS_TIMEZONE": "UTC"}
    serving = Serving(folder, **environ)
    statuses = send_everything(serving.url)
    metrics = requests.get(f"{serving.url}/metrics", timeout=PATIENCE).content
    files = {path.name: path.read_bytes() for path in folder.glob("records.db*")}
    assert serving.stop() == 0
    assert statuses == [200, 200, 400, 400, 404, 404, 200, 400, 415]
    commands = {"audit": ["audit", "export"], "feedback": ["feedback", "--format", "json"]}
    exports = {
        name: subprocess.run(
            [sys.executable, "-m", "cds_service", *arguments],
            cwd=REPOSITORY,
            env=os.environ | environ,
            capture_output=True,
            check=True,
        ).stdout
        for name, arguments in commands.items()
    }
    return {"log": serving.said.encode(), "metrics": metrics} | files | exports


@pytest.mark.parametrize("telltale", TELLTALES)
def test_nothing_that_names_a_patient_is_left_behind(left_behind: dict[str, bytes], telltale: str) -> None:
    """No patient id, name, date of birth, token or free text of a call is in logs, metrics, the store or exports."""
    assert [where for where, content in left_behind.items() if telltale.encode() in content] == []


def test_the_scan_is_awake(left_behind: dict[str, bytes]) -> None:
    """The scanned output really contains the records: the patient's hash and the cards are in it."""
    hashed = pseudonym(KEY.encode(), "", PATIENT).encode()
    assert any(hashed in content for name, content in left_behind.items() if name.startswith("records.db"))
    events = [json.loads(line) for line in left_behind["audit"].splitlines()]
    assert [event["outcome"] for event in events] == ["0", "4"]
    assert json.loads(left_behind["feedback"])["total"]["overridden"] == 1
    assert b'cds_calls_total{client="open",service="ir-order-sign",status="200"} 2.0' in left_behind["metrics"]
    assert b"Discovery:" in left_behind["log"]
