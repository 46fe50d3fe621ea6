"""What a worker holds of one patient: bounded, exact where results are left out, and of one server."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from cds_service.errors import SetupError
from cds_service.population import records, spill
from cds_service.population.workers import Processes
from cds_service.population.worklist import make_worklist
from tests.population.exports import (
    Resource,
    a_condition,
    a_patient,
    an_order,
    early,
    of,
    rows_of,
    run_of,
    write_export,
)
from tests.population.people import person, without_marks
from tests.population.test_same_judge import KEYS


def people(count: int) -> list[Resource]:
    """Patients with bad dates, results that nothing reads, and results that were corrected into such or out of it."""
    chance = random.Random(33)  # noqa: S311  made-up patients, not a secret
    found = [one for number in range(count) for one in person(f"p{number}", chance)]
    results = [one for one in found if one["resourceType"] == "Observation"]
    for one in chance.sample(results, len(results) // 2):
        other = {"coding": [{"system": "http://loinc.org", "code": chance.choice(["8867-4", "777-3"])}]}
        when = {"meta": {"lastUpdated": f"2024-0{chance.randint(1, 9)}-01T00:00:00Z"}}
        found.append(
            {**one, "code": other, **when} if chance.random() < 0.5 else {**one, "id": f"{one['id']}-x", "code": other}
        )
    return [without_marks(one) for one in found]


def test_what_is_left_out_of_a_large_record_changes_nothing(tmp_path, monkeypatch):
    """Results that no question reads are left out of a large record, and the decisions are the same."""
    export = write_export(tmp_path / "export", people(40), kinds=KEYS.values())
    whole = run_of(export, tmp_path / "whole", data_start="2015-01-01")
    monkeypatch.setattr(records, "LARGE", 0)
    without = run_of(export, tmp_path / "without", data_start="2015-01-01")
    assert whole["judged"] > 30
    assert without["resultHash"] == whole["resultHash"]


def test_a_record_that_is_too_large_is_told(tmp_path, monkeypatch):
    """A patient whose record no worker has memory for costs the orders that need it, and nobody else's."""
    big = [a_patient("big"), an_order("big", "s1"), an_order("big", "s2", "CBC with differential")]
    big += [a_condition("big", f"c{number}", "I10", note=[{"text": "x" * 1000}]) for number in range(30)]
    small = [a_patient("p"), a_condition("p", "c"), an_order("p", "s3")]
    export = write_export(tmp_path / "export", [*early(), *big, *small])
    monkeypatch.setattr(records, "LARGE", 10_000)
    monkeypatch.setattr(records, "LARGEST", 20_000)
    summary = run_of(export, tmp_path / "run")
    assert summary["setAside"] == {"record too large": 1}
    assert set(rows_of(tmp_path / "run")) == {"ServiceRequest/s2", "ServiceRequest/s3"}
    found = make_worklist(tmp_path / "run", "uterine-fibroid-embolization", lambda folder: Processes(folder, 1))
    assert ([one.patient for one in found.patients], found.set_aside) == (["Patient/p"], {"record too large": 1})


@pytest.mark.parametrize("kind", ["Observation", "Condition"])
def test_a_resource_that_is_too_long_is_a_gap(kind, tmp_path, monkeypatch):
    """A resource longer than is judged is listed, and its patient's data of the kind are not known to be complete."""
    monkeypatch.setattr(spill, "LONGEST_RESOURCE", 1 << 17)
    long = of("p", kind, "long", note=[{"text": "\u00e4" * (1 << 17)}])
    others = [of("q", "DocumentReference", "d", description="x" * (1 << 18)), a_patient("q")]
    asked = [a_patient("p"), a_condition("p", "c"), an_order("p", "s")]
    export = write_export(tmp_path / "export", [*early(), *asked, long, *others])
    summary = run_of(export, tmp_path / "run")
    (bad,) = [json.loads(line) for line in (tmp_path / "run/bad_lines.ndjson").read_text().splitlines()]
    assert (Path(bad["file"]).stem, bad["reason"], summary["badLinesOfNoKnownPatient"]) == (kind, "longer than 0 MB", 0)
    assert rows_of(tmp_path / "run")["ServiceRequest/s"].unknown


A, B = "https://a.example/fhir", "http://b.example/fhir"


def about(resource: Resource, server: str) -> Resource:
    """The same with an absolute reference to its patient."""
    return {**resource, "subject": {"reference": f"{server}/{resource['subject']['reference']}"}}


@pytest.mark.parametrize(
    ("servers", "judged"),
    [((A, A), 1), ((A, "http://A.example/fhir/"), 1), ((A, B), 0), ((A, f"{A}/other"), 0), ((B, None), 1)],
)
def test_patients_of_two_servers_are_not_taken_for_one(servers, judged, tmp_path):
    """Where the references of one id name two servers, nobody knows whose the rest is: its orders are set aside."""
    order, condition = an_order("p", "s"), a_condition("p", "c")
    given = [
        one if server is None else about(one, server.rstrip("/"))
        for one, server in zip((order, condition), servers, strict=True)
    ]
    export = write_export(tmp_path / "export", [*early(), a_patient("p"), *given])
    summary = run_of(export, tmp_path / "run")
    assert summary["judged"] == judged
    assert summary["setAside"] == ({} if judged else {"patient id of several servers": 1})


def test_exports_of_two_servers_are_refused(tmp_path):
    """Manifests say which server was asked: what has the same id on two of them is never taken for one."""
    people = [*early(), a_patient("p"), an_order("p", "s")]
    for name, request in [
        ("one", f"{A}/$export?_type=Patient"),
        ("two", f"{A}/Patient/$export"),
        ("three", f"{B}/Group/g/$export"),
    ]:
        write_export(tmp_path / name, people)
        (tmp_path / name / "manifest.json").write_text(json.dumps({"request": request, "output": []}))
    (tmp_path / "three").rename(tmp_path / "elsewhere")
    (tmp_path / "both").mkdir()
    for name in ("one", "two"):
        (tmp_path / name).rename(tmp_path / "both" / name)
    assert run_of(tmp_path / "both", tmp_path / "run")["orders"] == 2
    (tmp_path / "elsewhere").rename(tmp_path / "both" / "three")
    with pytest.raises(SetupError, match="several servers"):
        run_of(tmp_path / "both", tmp_path / "run-2")
