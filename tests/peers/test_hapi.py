"""HAPI FHIR, the server behind most public sandboxes: `make hapi` starts it, with pages of ten. Off by default."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import orjson
import pytest
import requests

from cds_service.answer import answer
from cds_service.cases import request_of
from cds_service.cli.main import main
from cds_service.hooks.envelope import read_request
from cds_service.knowledge.tables import Knowledge
from tests.peers.test_sekmet import ORDER, OURS, call, judged
from tests.support.fhir_peer import resources_of
from tests.support.peers import hapi, synthetic_patients, upload
from tests.support.waiting import PATIENCE

_MISSING = [name for name in ("java", "mvn") if shutil.which(name) is None]
pytestmark = [
    pytest.mark.hapi,
    pytest.mark.skipif(bool(_MISSING), reason=f"{' and '.join(_MISSING)} not on this machine: HAPI FHIR is not run"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, now: datetime) -> Iterator[tuple[str, list[str]]]:
    """The server with our record, and the ids of the synthetic patients, all put there in one transaction each."""
    folder = tmp_path_factory.mktemp("hapi")
    people = synthetic_patients(folder / "people", 6, now.date().isoformat())
    order = request_of(OURS, now)["context"]["draftOrders"]["entry"][0]["resource"]
    with hapi(folder) as base:
        upload(base, people)
        upload(base, [*resources_of(request_of(OURS, now)), order | {"id": "order-1", "status": "active"}])
        yield base, [one["id"] for one in people if one["resourceType"] == "Patient"]


def test_it_gives_ten_at_a_time(server: tuple[str, list[str]]) -> None:
    """What the other tests rest on: whatever `_count` is asked for, a page has ten, and the next one an opaque link."""
    asked = {"patient": "p1", "_count": "500"}
    page = requests.get(f"{server[0]}/Observation", params=asked, timeout=PATIENCE).json()
    assert len(page["entry"]) == 10
    (onward,) = [link["url"] for link in page["link"] if link["relation"] == "next"]
    assert "_getpages=" in onward


def test_a_record_is_read_to_its_last_page(server: tuple[str, list[str]], knowledge: Knowledge, now: datetime) -> None:
    """A call without prefetch is judged as one that brought everything."""
    request = request_of(OURS, now)
    by_prefetch = answer(read_request("ir-order-sign", orjson.dumps(request)), knowledge, now=now, new_id=lambda: "id")
    found = judged(call(server[0], "p1", None), knowledge, now)
    assert found.decision == by_prefetch.decision
    assert found.cards == by_prefetch.cards


def test_a_dispatched_order_is_read_from_the_server(
    server: tuple[str, list[str]], knowledge: Knowledge, now: datetime
) -> None:
    """At order-dispatch the order itself is read from the server, by the reference to it."""
    context = {"patientId": "p1", "dispatchedOrders": ["ServiceRequest/order-1"], "performer": "Organization/ir"}
    body = call(server[0], "p1", None, hook="order-dispatch", context=context)
    (entry,) = judged(body, knowledge, now, "ir-order-dispatch").decision["procedures"]
    assert (entry["order"], entry["procedure"]) == ("ServiceRequest/order-1", ORDER)


def test_synthetic_patients_are_judged_with_nothing_missing(
    server: tuple[str, list[str]], knowledge: Knowledge, now: datetime
) -> None:
    """Records that someone else made are read whole: nothing is unavailable, and no allergy is invented."""
    for patient in server[1]:
        found = judged(call(server[0], patient, None), knowledge, now)
        assert "unavailable" not in found.decision
        (entry,) = found.decision["procedures"]
        said = {row["id"]: row["certainty"] for row in entry["contraindications"]}
        assert said["iodine-allergy"] == "absent"


def test_a_patient_that_is_not_there_is_not_judged(
    server: tuple[str, list[str]], knowledge: Knowledge, now: datetime
) -> None:
    """Of a patient that the server does not know nothing is called absent."""
    found = judged(call(server[0], "nobody", None), knowledge, now)
    said = [row["certainty"] for entry in found.decision["procedures"] for row in entry["contraindications"]]
    assert found.nothing_judged or "absent" not in said


@pytest.mark.parametrize("prefetch", [[], ["--no-prefetch"]], ids=["by prefetch", "read by the service"])
def test_invoke_shows_the_same_card(
    server: tuple[str, list[str]], prefetch: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """`invoke` makes the call that an EHR would make on this server, with prefetch and without."""
    arguments = ["--fhir-server", server[0], "--patient", "p1", "--hook", "order-sign", "--order", ORDER]
    assert main(["invoke", *arguments, *prefetch]) == 0
    out, err = capsys.readouterr()
    assert "settle who consents" in out
    assert "fhir-" not in err


def test_doctor_says_what_the_server_gives(server: tuple[str, list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    """`doctor` reads the server and counts what it provides."""
    code = main(["doctor", "--fhir-server", server[0], "--patient", "p1", "--patient", server[1][0], "--json"])
    survey = json.loads(capsys.readouterr().out)
    assert code in (0, 1)
    assert survey["patients"] == 2
    assert survey["kinds"]["observations"]["codes"]["http://loinc.org"] > 30
    assert survey["analytes"]["Creatinine"]["usable"] > 0
