"""A whole run: every order accounted for, every bad line listed, the same result whoever does it."""

from __future__ import annotations

import gzip
import json
import os
import signal
import stat
import subprocess
import sys
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from cds_service.errors import SetupError
from cds_service.population import blocks, spill
from cds_service.population.run import screen, summary_of
from cds_service.population.workers import JUDGE, Outcome, Processes, do_task
from tests.population.exports import (
    AFTER,
    BEFORE,
    LONG_AGO,
    T,
    a_condition,
    a_patient,
    a_result,
    a_screening,
    an_order,
    early,
    of,
    rows_of,
    run_of,
    write_export,
)
from tests.support.serving import workers_of
from tests.support.waiting import until

PATIENTS = 80
GENERATOR = Path(__file__).parents[2] / "examples/population/generate.py"


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up export, its lines in no order."""
    return generated(tmp_path_factory.mktemp("export"), PATIENTS)


def generated(folder: Path, patients: int) -> Path:
    """What the example's generator writes."""
    subprocess.run([sys.executable, GENERATOR, folder, "--patients", str(patients)], check=True)
    return folder


@pytest.fixture(scope="module")
def done(export: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on one core; tests only read it."""
    folder = tmp_path_factory.mktemp("plain") / "run"
    run_of(export, folder)
    return folder


@pytest.fixture(scope="module")
def plain(done: Path) -> dict[str, Any]:
    """Its summary."""
    return summary_of(done)


def test_every_order_is_accounted_for(export, plain):
    """Orders are judged, or set aside by reason; together they are all ServiceRequests of the export."""
    lines = (export / "ServiceRequest.000.ndjson").read_text().splitlines()
    assert plain["orders"] == len(lines) == plain["judged"] + sum(plain["setAside"].values())
    assert plain["patients"] == PATIENTS
    assert set(plain["setAside"]) == {"entered in error", "plan", "filler order", "no day"}
    assert 0 < plain["recognised"] < plain["judged"]


def test_every_row_is_a_judged_order(export, done, plain):
    """The file of orders holds one row for each judged order, by its reference."""
    orders = {json.loads(line)["id"] for line in (export / "ServiceRequest.000.ndjson").read_text().splitlines()}
    rows = rows_of(done)
    assert len(rows) == plain["judged"]
    assert {reference.removeprefix("ServiceRequest/") for reference in rows} < orders


def test_several_processes_give_the_same(export, plain, tmp_path):
    """The result does not depend on the number of processes."""
    assert run_of(export, tmp_path / "run", workers=3)["resultHash"] == plain["resultHash"]


def test_what_is_held_in_memory_does_not_matter(export, done, plain, tmp_path, monkeypatch):
    """Where lines, bad ones too, are written whenever there are any, the result and the list are the same."""
    monkeypatch.setattr(spill, "_MOST_HELD", 0)
    run = tmp_path / "run"
    assert run_of(export, run, by=OneAfterAnother(run))["resultHash"] == plain["resultHash"]
    assert (run / "bad_lines.ndjson").read_text() == (done / "bad_lines.ndjson").read_text()


def test_the_order_of_lines_does_not_matter(export, plain, tmp_path):
    """An export whose lines are shuffled, and spread over other files, is the same export."""
    lines = [line for file in sorted(export.glob("*.ndjson")) for line in file.read_bytes().splitlines(keepends=True)]
    lines.sort(key=lambda line: crc32(line))
    (tmp_path / "mixed").mkdir()
    for part in range(3):
        (tmp_path / "mixed" / f"part-{part}.ndjson").write_bytes(b"".join(lines[part::3]))
    assert run_of(tmp_path / "mixed", tmp_path / "run")["resultHash"] == plain["resultHash"]


def test_compressed_files_give_the_same(export, plain, tmp_path):
    """gzip parts are read like plain files, whatever their names say, of one member or several."""
    for number, file in enumerate(sorted(export.glob("*.ndjson"))):
        content = file.read_bytes()
        half = content.index(b"\n", len(content) // 2)
        packed = gzip.compress(content[:half]) + gzip.compress(content[half:])
        (tmp_path / f"{file.stem}.ndjson{'.gz' if number % 2 else ''}").write_bytes(content if number == 3 else packed)
    assert run_of(tmp_path, tmp_path / "run")["resultHash"] == plain["resultHash"]


def test_the_example_has_its_bad_line_listed(export, done, plain):
    """A bad line is listed by file, line and reason, and stops nothing."""
    (listed,) = [json.loads(line) for line in (done / "bad_lines.ndjson").read_text().splitlines()]
    lines = (export / "Observation.000.ndjson").read_text().splitlines()
    assert plain["badLines"] == 1
    assert listed["reason"] == "not JSON"
    assert '"broken"' in lines[listed["line"] - 1]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"resourceType": "Observation", "id":', "not JSON"),
        ('{"resourceType": "Basic"}{"resourceType": "Basic"}', "not JSON"),
        ('{"resourceType": "Basic", "x": NaN}', "not JSON"),
        ("\0\0", "not JSON"),
        ("[1, 2]", "no FHIR resource"),
        ('{"id": "x"}', "no FHIR resource"),
        ('{"resourceType": "Condition", "id": "x", "code": {"text": "\udcff"}}', "not UTF-8"),
        ('{"resourceType": "Condition", "id": "x"}', "names no patient"),
        ('{"resourceType": "Condition", "subject": {"reference": "Patient/"}}', "names no patient"),
        ('{"resourceType": "Patient"}', "names no patient"),
        ("{" * 5000, "not JSON"),
    ],
)
def test_bad_lines_are_listed_and_never_fatal(line, reason, tmp_path):
    """Whatever stands in a line, the others are judged, and the line is listed with its number in its file."""
    export = write_export(
        tmp_path / "export", [*early(), a_patient("p"), an_order("p", "s")], Condition=f"\n{line}\n\r\n"
    )
    summary = run_of(export, tmp_path / "run")
    listed = [json.loads(text) for text in (tmp_path / "run/bad_lines.ndjson").read_text().splitlines()]
    assert [(Path(bad["file"]).name, bad["line"], bad["reason"]) for bad in listed] == [("Condition.ndjson", 3, reason)]
    assert summary["judged"] == 1


def test_a_line_that_never_ends_is_a_bad_line(tmp_path, monkeypatch):
    """A line longer than is read is listed, its patient's data of the kind are unknown, and the next lines count."""
    monkeypatch.setattr(blocks, "LONGEST", 1 << 18)
    start = '{"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}, "note": "'
    people = [*early(), a_patient("p"), an_order("p", "s")]
    export = write_export(tmp_path / "export", people, Condition=start + "x" * (1 << 19) + "\n")
    assert run_of(export, tmp_path / "run")["badLines"] == 1
    assert "longer than" in (tmp_path / "run/bad_lines.ndjson").read_text()
    assert rows_of(tmp_path / "run")["ServiceRequest/s"].indication == "unknown"


def test_files_that_were_joined_keep_their_first_lines(tmp_path):
    """A byte order mark in the middle, where files were joined, costs no line; nor do line ends of another system."""
    people = [*early(), a_patient("p"), an_order("p", "s")]
    joined = "\ufeff" + json.dumps(a_condition("p", "c")) + "\r\n"
    summary = run_of(write_export(tmp_path / "export", people, Condition=joined), tmp_path / "run")
    assert (summary["badLines"], rows_of(tmp_path / "run")["ServiceRequest/s"].indication) == (0, "present")


def test_types_that_nothing_reads_are_counted(tmp_path):
    """What was passed over is told by type, so that a misspelled one is seen."""
    export = write_export(tmp_path / "export", [*early(), of("early", "Conditoin", "x"), of("early", "Coverage", "y")])
    assert run_of(export, tmp_path / "run")["linesPassedOver"] == {"Conditoin": 1, "Coverage": 1}


def test_a_broken_line_makes_its_patient_unknown(tmp_path):
    """A condition that can't be read leaves nothing of its kind absent for its patient, and for no other."""
    people = [*early(), a_patient("p"), an_order("p", "s"), a_patient("q"), an_order("q", "t")]
    broken = '{"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}, "code": {"te\n'
    run_of(write_export(tmp_path / "export", people, Condition=broken), tmp_path / "run")
    rows = rows_of(tmp_path / "run")
    assert (rows["ServiceRequest/s"].indication, rows["ServiceRequest/t"].indication) == ("unknown", "absent")


def test_a_missing_file_is_unknown_and_an_empty_one_is_absent(tmp_path):
    """Without a file of allergies nobody's allergies are known; with an empty one nobody has any."""
    people = [*early(), a_patient("p"), an_order("p", "s"), a_condition("p", "c")]
    unknown = run_of(
        write_export(tmp_path / "a", people, kinds=("Patient", "Condition", "Observation")), tmp_path / "run-a"
    )
    run_of(write_export(tmp_path / "b", people), tmp_path / "run-b")
    assert unknown["export"]["kindsNotExported"] == ["allergies", "medications", "procedures"]
    assert "iodine-allergy" in rows_of(tmp_path / "run-a")["ServiceRequest/s"].unknown
    assert "iodine-allergy" not in rows_of(tmp_path / "run-b")["ServiceRequest/s"].unknown


def a_manifest(export: Path, **members: Any) -> None:
    """Lay a manifest beside the files; its output lists them unless it is given."""
    output = [{"type": file.stem, "url": f"https://x.example/{file.name}"} for file in sorted(export.glob("*.ndjson"))]
    body = {"transactionTime": "2024-06-01T00:00:00Z", "output": output, "error": [], **members}
    (export / "manifest.json").write_text(json.dumps(body))


def test_what_the_server_could_not_export_is_unknown(tmp_path):
    """An error of the manifest that names a type leaves that kind incomplete, and is not taken for data."""
    export = write_export(tmp_path / "export", [*early(), a_patient("p"), an_order("p", "s"), a_condition("p", "c")])
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "diagnostics": "Observation failed"}],
    }
    a_manifest(export, error=[{"type": "OperationOutcome", "url": "https://x.example/errors.ndjson"}])
    (export / "errors.ndjson").write_text(json.dumps(outcome) + "\n")
    summary = run_of(export, tmp_path / "run")
    assert summary["export"]["kindsIncomplete"] == ["observations"]
    assert summary["badLines"] == 0


def test_a_file_of_the_manifest_that_is_not_here_is_unknown(tmp_path):
    """A part that was not downloaded may hold anything of its type."""
    export = write_export(tmp_path / "export", [*early(), a_patient("p"), an_order("p", "s")])
    a_manifest(export, output=[{"type": "Condition", "url": "https://x.example/Condition.017.ndjson"}])
    (export / "Condition.ndjson").rename(export / "rest.ndjson")
    assert "conditions" in run_of(export, tmp_path / "run")["export"]["kindsIncomplete"]


ALL = ["patient", "conditions", "allergies", "observations", "medications", "procedures", "orders"]


@pytest.mark.parametrize(
    ("members", "incomplete", "said"),
    [
        ({"error": [{"type": "OperationOutcome", "url": "https://x.example/e.ndjson"}]}, ALL, ["e"]),
        ({"error": [{"type": "Condition", "url": "https://x.example/e.ndjson"}]}, ALL, ["e"]),
        ({"deleted": [{"type": "Bundle", "url": "https://x.example/d.ndjson"}]}, [], ["d"]),
        ({"output": [{"url": "https://x.example/a.ndjson"}]}, ALL, []),
        ({"output": [{"type": "Condition", "url": f"https://{x}.example/Condition.ndjson"} for x in "xx"]}, [], []),
        (
            {"output": [{"type": "Condition", "url": f"https://{x}.example/Condition.ndjson"} for x in "xy"]},
            ["conditions"],
            [],
        ),
        ({"output": [{"type": "Condition", "url": "https://x.example/Condition.ndjson", "count": "0"}]}, [], []),
    ],
)
def test_what_a_manifest_lists_and_is_not_here_is_never_taken_for_nothing(members, incomplete, said, tmp_path):
    """A list of errors that is missing may name any kind; so may a file without a type. Each file is of one item."""
    export = write_export(tmp_path / "export", [*early(), a_patient("p"), an_order("p", "s")])
    a_manifest(export, **members)
    (export / "manifest.json").write_bytes(BOM_UTF8 + (export / "manifest.json").read_bytes())
    found = run_of(export, tmp_path / "run")["export"]
    assert (found["kindsIncomplete"], found["errors"]) == (
        incomplete,
        [f"{n}: in the manifest, not here" for n in said],
    )


CONDITION = json.dumps(a_condition("p", "c"))


@pytest.mark.parametrize(
    ("name", "content", "incomplete"),
    [
        ("Condition.ndjson", CONDITION.encode("utf-16"), ["conditions"]),
        ("Condition.ndjson", json.dumps([a_condition("p", "c")]).encode(), ["conditions"]),
        ("Condition.ndjson", json.dumps({"resourceType": "Bundle", "entry": []}).encode(), ["conditions"]),
        ("Condition.ndjson", b"PK\x03\x04 packed in another way", ["conditions"]),
        ("Observation.2.ndjson", CONDITION.encode(), ["observations"]),
        ("CONDITION.NDJSON", CONDITION.encode(), []),
        ("Patient-Condition.ndjson", CONDITION.encode(), []),
        ("Condition.ndjson", b"\n \r\n", []),
        ("._Condition.ndjson", b"\0\5\x16\7", []),
    ],
)
def test_a_file_that_holds_nothing_of_what_it_is_named_after_is_unknown(name, content, incomplete, tmp_path):
    """In another format, or cut by somebody's tool: such a file is no proof that nobody has any."""
    export = write_export(tmp_path / "export", [*early(), a_patient("p"), an_order("p", "s")])
    (export / name).write_bytes(content)
    assert run_of(export, tmp_path / "run", data_start=LONG_AGO)["export"]["kindsIncomplete"] == incomplete


def test_fewer_lines_than_promised_are_incomplete(tmp_path):
    """A file that holds fewer lines than its count in the manifest was cut short on its way."""
    export = write_export(tmp_path / "export", [*early(), a_patient("p"), an_order("p", "s")])
    a_manifest(export, output=[{"type": "Condition", "url": "https://x.example/Condition.ndjson", "count": 900}])
    assert run_of(export, tmp_path / "run")["export"]["kindsIncomplete"] == ["conditions"]


def test_a_damaged_gzip_file_is_incomplete(tmp_path):
    """Of a compressed file that ends early, what came before counts, and nothing of its kind is known to be absent."""
    export = write_export(tmp_path / "export", [*early(), a_patient("p"), an_order("p", "s"), a_condition("p", "c")])
    body = (export / "Condition.ndjson").read_bytes()
    noise = "".join(
        json.dumps(a_condition("q", f"c{n}", recordedDate=LONG_AGO, note=f"{n * 7919}")) + "\n" for n in range(2000)
    ).encode()
    (export / "Condition.ndjson").unlink()
    (export / "Condition.ndjson.gz").write_bytes(gzip.compress(body + noise)[:-4000])
    summary = run_of(export, tmp_path / "run")
    assert summary["export"]["kindsIncomplete"] == ["conditions"]
    assert rows_of(tmp_path / "run")["ServiceRequest/s"].indication == "present"


def test_deleted_resources_are_left_out(tmp_path):
    """What the manifest lists as deleted since is no longer data; a deleted order is counted."""
    people = [*early(), a_patient("p"), an_order("p", "s"), an_order("p", "gone"), a_condition("p", "c")]
    export = write_export(tmp_path / "export", people)
    entries = [
        {"request": {"method": "DELETE", "url": url}}
        for url in ("https://x.example/fhir/Condition/c", "ServiceRequest/gone")
    ]
    (export / "deleted.ndjson").write_text(json.dumps({"resourceType": "Bundle", "entry": entries}) + "\n")
    a_manifest(export, deleted=[{"type": "Bundle", "url": "https://x.example/deleted.ndjson"}])
    summary = run_of(export, tmp_path / "run")
    assert summary["setAside"] == {"deleted since": 1}
    assert rows_of(tmp_path / "run")["ServiceRequest/s"].indication == "absent"


@pytest.mark.parametrize("packed", [False, True])
def test_orders_in_a_file_of_other_things_are_found(packed, tmp_path):
    """Orders behind many lines of another type, where nobody would look for them, are judged by the whole record."""
    people = [a_patient("p"), an_order("p", "s"), a_condition("p", "c")]
    others = [a_condition("q", f"q{n}", "I10", recordedDate=LONG_AGO) for n in range(2000)]
    export = write_export(tmp_path / "export", [], kinds=("Patient", "AllergyIntolerance", "Observation"))
    lines = "".join(json.dumps(one) + "\n" for one in (*others, *people)).encode()
    name = "Condition.ndjson.gz" if packed else "Condition.ndjson"
    (export / name).write_bytes(gzip.compress(lines) if packed else lines)
    summary = run_of(export, tmp_path / "run")
    assert (summary["patients"], summary["orders"], summary["judged"]) == (1, 1, 1)
    assert rows_of(tmp_path / "run")["ServiceRequest/s"].indication == "present"


def of_warfarin(name: str, **members: Any) -> dict[str, Any]:
    """A medication order of p."""
    return of("p", "MedicationRequest", name, status="active", intent="order", authoredOn=BEFORE, **members)


WARFARIN = {"text": "Warfarin"}
SHARED = {"resourceType": "Medication", "id": "m", "code": WARFARIN}
BY_REFERENCE = of_warfarin("d", medicationReference={"reference": "https://x.example/fhir/Medication/m"})


@pytest.mark.parametrize(
    ("resources", "answer", "incomplete"),
    [
        ([of_warfarin("d", medicationCodeableConcept=WARFARIN)], "present", []),
        ([BY_REFERENCE, SHARED], "present", []),
        ([BY_REFERENCE], "unknown", []),
        (
            [
                of(
                    "p",
                    "MedicationStatement",
                    "d",
                    status="active",
                    dateAsserted=BEFORE,
                    medicationCodeableConcept=WARFARIN,
                )
            ],
            "present",
            [],
        ),
        ([of("q", "MedicationRequest", "d", status="active", medicationCodeableConcept=WARFARIN)], "absent", []),
        ([SHARED], "unknown", ["medications"]),
        (
            [of("q", "MedicationAdministration", "d", status="completed", medicationCodeableConcept=WARFARIN)],
            "unknown",
            ["medications"],
        ),
        ([], "unknown", []),
    ],
)
def test_medications_are_read_however_they_are_recorded(resources, answer, incomplete, tmp_path):
    """Orders, statements, and Medications that are only referred to; what stands beside a list is none."""
    people = [*early(), a_patient("p"), a_condition("p", "c"), an_order("p", "s", "TIPS")]
    summary = run_of(write_export(tmp_path / "export", [*people, *resources]), tmp_path / "run")
    row = rows_of(tmp_path / "run")["ServiceRequest/s"]
    found = "present" if "antithrombotic-medication" in row.present else None
    found = found or ("unknown" if "antithrombotic-medication" in row.unknown else "absent")
    assert (found, summary["export"]["kindsIncomplete"], summary["badLines"]) == (answer, incomplete, 0)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"status": "entered-in-error"}, "entered in error"),
        ({"intent": "plan"}, "plan"),
        ({"intent": "proposal"}, "plan"),
        ({"intent": "filler-order"}, "filler order"),
        ({"authoredOn": None}, "no day"),
        ({"authoredOn": "2024-05"}, "no day"),
        ({"authoredOn": "2020-02-01"}, "too early in the data"),
        ({"status": 5}, "unreadable"),
        ({"subject": None}, "no patient"),
        ({"status": "revoked"}, None),
        ({"status": "completed"}, None),
        ({"authoredOn": "2024-05-03"}, None),
    ],
)
def test_orders_that_are_not_judged_are_counted_by_reason(members, reason, tmp_path):
    """Revoked and completed orders were live when they were written; the others are set aside, each counted once."""
    export = write_export(tmp_path / "export", [*early(), a_patient("p"), an_order("p", "s", **members)])
    summary = run_of(export, tmp_path / "run")
    assert summary["setAside"] == ({reason: 1} if reason else {})
    assert (summary["orders"], summary["judged"], summary["recognised"]) == (1, int(not reason), int(not reason))


def test_copies_of_an_order_are_counted_once(tmp_path):
    """An order that stands twice in the export interrupts nobody twice."""
    export = write_export(tmp_path / "export", [*early(), a_patient("p"), an_order("p", "s"), an_order("p", "s")])
    summary = run_of(export, tmp_path / "run")
    assert (summary["orders"], summary["judged"], summary["setAside"]) == (2, 1, {"given twice": 1})


def test_undated_data_give_a_range(tmp_path):
    """A reason without a date may or may not have been known: the card that names it missing is counted both ways."""
    undated = a_condition("p", "c", recordedDate=None)
    export = write_export(tmp_path / "export", [*early(), a_patient("p"), an_order("p", "s"), undated])
    summary = run_of(export, tmp_path / "run")
    missing = "indication: uterine-fibroid-embolization"  # no reason
    assert summary["undated"][missing] == {"fewest": 0, "most": 1}
    assert missing not in summary["cards"]["byRow"]
    assert missing in run_of(export, tmp_path / "without", undated="without")["cards"]["byRow"]


def test_an_order_with_a_day_alone_is_judged_at_both_ends(tmp_path):
    """A result of that day may have come before or after the order."""
    low = a_result("p", "o", "777-3", 20, "10*9/L", effectiveDateTime=T, issued=T)
    export = write_export(
        tmp_path / "export", [*early(), a_patient("p"), an_order("p", "s", authoredOn="2024-05-03"), low]
    )
    assert run_of(export, tmp_path / "run")["undated"]["bleeding-tendency"] == {"fewest": 0, "most": 1}


def test_the_whole_record_says_something_else_than_what_was_known(tmp_path):
    """A low platelet count of two days later speaks as of the export; as of the order it could not."""
    later = a_result("p", "o", "777-3", 20, "10*9/L", effectiveDateTime=AFTER, issued=AFTER)
    export = write_export(tmp_path / "export", [*early(), a_patient("p"), an_order("p", "s"), later])
    a_manifest(export, transactionTime=AFTER)
    by_order, by_export = (run_of(export, tmp_path / f"by-{as_of}", as_of=as_of) for as_of in ("order", "export"))
    assert "bleeding-tendency" not in by_order["cards"]["byRow"]
    assert by_export["cards"]["byRow"]["bleeding-tendency"] == 1


def test_files_are_for_their_owner_alone(done):
    """Nobody else on the machine can read a run, and what it needed on the way is gone."""
    files = [path for path in done.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(done.stat().st_mode) == 0o700
    assert not (done / "work").exists()


def test_a_run_holds_no_name_and_no_text(tmp_path):
    """References and pseudonyms alone: no patient id, name, display or text of an order; the latter only on demand."""
    private = "Zaphod"
    people = [
        {**a_patient(private), "name": [{"family": private}]},
        a_condition(private, "c", code_text=private),
        an_order(private, "s", f"Uterine fibroid embolization for {private}", note=[{"text": private}]),
    ]
    export = write_export(tmp_path / "export", [*early(), *people])
    for name, with_text in (("run", False), ("text", True)):
        run_of(export, tmp_path / name, with_text=with_text)
        rows = list(rows_of(tmp_path / name).values())
        assert (private in repr(rows)) == with_text
    written = b"".join(path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file())
    assert private.encode() not in written


def test_a_changed_input_is_refused(export, tmp_path):
    """A run is of one export: where a file changed since, it does not go on."""
    folder = write_export(tmp_path / "export", [*early(), a_patient("p"), an_order("p", "s")])
    run_of(folder, tmp_path / "run")
    (folder / "Condition.ndjson").write_text(json.dumps(a_condition("p", "new")) + "\n")
    with pytest.raises(SetupError, match="the input changed"):
        run_of(folder, tmp_path / "run")


def test_a_run_within_the_folder_of_its_export_is_no_part_of_it(tmp_path):
    """What runs leave in that folder is not read as data; the folder itself is no place for a run."""
    export = write_export(tmp_path, [*early(), a_patient("p"), an_order("p", "s")], Condition="x\n")
    hashes = [run_of(export, tmp_path / name)["resultHash"] for name in ("run", "again", "run")]
    assert len(set(hashes)) == 1
    with pytest.raises(SetupError, match="is the export"):
        run_of(export, export)


def test_an_input_that_changes_meanwhile_is_refused(tmp_path):
    """A file that is still being written while it is read gives no result."""
    folder = write_export(tmp_path / "export", [*early(), a_patient("p"), an_order("p", "s")])
    workers = OneAfterAnother(tmp_path / "run", lambda: (folder / "Condition.ndjson").write_text("\n"))
    with pytest.raises(SetupError, match="the input changed"):
        run_of(folder, tmp_path / "run", by=workers)
    assert not (tmp_path / "run" / "summary.json").exists()


class OneAfterAnother:
    """Does the tasks in this process; after those of each step something happens."""

    def __init__(self, run: Path, then: Callable[[], object] = int) -> None:
        self._run, self._then = run, then

    def do(self, step: str, numbers: Sequence[int]) -> Iterator[Outcome]:
        """As of `Workers`."""
        for number in numbers:
            do_task(str(self._run), step, number)
            yield Outcome(number)
        self._then()


def test_other_options_are_refused(export, done):
    """A run that was begun with other choices does not go on with these."""
    with pytest.raises(SetupError, match="other options"):
        run_of(export, done, undated="with")


def test_a_finished_run_is_not_done_again(export, done, plain):
    """Asked again, a finished run gives its summary."""
    assert run_of(export, done, task=fails) == plain


def test_tables_that_are_not_those_planned_are_refused(export, tmp_path):
    """A machine with another release, or another site folder, judges nothing of a run."""
    task = replace(a_screening(export, tmp_path / "run"), versions=("2020.01+0000",))
    with pytest.raises(SetupError, match="the run was planned with"):
        screen(task, Processes(tmp_path / "run", 1))


def fails(run: str, step: str, number: int) -> None:
    """A task that never works."""
    raise RuntimeError


def judging_kills(run: str, step: str, number: int) -> None:
    """A task that takes its process along."""
    if step == JUDGE:
        os.kill(os.getpid(), signal.SIGKILL)
    do_task(run, step, number)


def judging_fails(run: str, step: str, number: int) -> None:
    """A task that fails."""
    if step == JUDGE:
        raise KeyError("Zaphod")
    do_task(run, step, number)


@pytest.mark.parametrize(
    ("task", "reason"), [(judging_kills, "the process died"), (judging_fails, "KeyError in test_")]
)
def test_a_bucket_that_cannot_be_judged_is_set_aside(task, reason, tmp_path):
    """After three tries a bucket's orders are set aside, with the reason and without what the record says."""
    export = write_export(tmp_path / "export", [*early(), a_patient("p"), an_order("p", "s"), an_order("p", "t")])
    summary = run_of(export, tmp_path / "run", workers=2, task=task)
    assert summary["bucketsSetAside"]["0"].startswith(reason)
    assert "Zaphod" not in json.dumps(summary)
    assert (summary["patients"], summary["orders"], summary["setAside"]) == (2, 2, {"bucket set aside": 2})


def test_a_split_that_cannot_be_read_stops_the_run(export, tmp_path):
    """What could not be partitioned may be anybody's, so nothing is judged."""
    with pytest.raises(SetupError, match="can't be read"):
        run_of(export, tmp_path / "run", task=fails)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """An export that takes a moment, and the hash of its result."""
    export = generated(tmp_path_factory.mktemp("large"), 400)
    return export, run_of(export, tmp_path_factory.mktemp("whole") / "run", workers=2)["resultHash"]


def start(export: Path, run: Path) -> subprocess.Popen[str]:
    """A run by the command line, in a process of its own."""
    command = [sys.executable, "-m", "cds_service", "screen", "run", str(export), "--out", str(run), "--workers", "2"]
    environment = os.environ | {"CDS_TIMEZONE": "Europe/Berlin"}
    return subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True, env=environment)


@contextmanager
def held_at(export: Path, folder: Path, pattern: str) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """A run whose driver is held (SIGSTOP) where such a file of it is there, some of its workers are, and it has not
    ended: the first one, unless the machine is too busy to hold it in time. It is killed at the end.
    """
    for number in range(50):
        run = folder / f"run-{number}"
        with start(export, run) as process:
            until(lambda: process.poll() is not None or is_at(run, pattern, process), pattern)  # noqa: B023  called at once
            process.send_signal(signal.SIGSTOP)
            try:
                if process.poll() is None and is_at(run, pattern, process):
                    yield run, process
                    return
            finally:
                process.kill()
    raise AssertionError("no run was held before its end")


def is_at(run: Path, pattern: str, process: subprocess.Popen[str]) -> bool:
    """Whether the run has got so far, and no further than its workers."""
    return bool(list(run.glob(f"work/{pattern}")) and workers_of(process)) and not (run / "summary.json").exists()


@pytest.mark.parametrize("pattern", ["split-*.json", "bucket-*.json"])
def test_a_killed_run_goes_on(pattern, large, tmp_path):
    """kill -9 of the driver, while it partitions or judges: the same command again gives the same result."""
    export, expected = large
    with held_at(export, tmp_path, pattern) as (run, process):
        process.kill()
    assert not (run / "summary.json").exists()
    (run / ".orders.parquet.0a1b2c3d.part").touch()
    with start(export, run) as again:
        assert json.loads(again.communicate()[0])["resultHash"] == expected
    assert list(run.rglob("*.part")) == []


def test_a_killed_worker_is_replaced(large, tmp_path):
    """kill -9 of a process that judges costs one try and nothing else."""
    export, expected = large
    with held_at(export, tmp_path, "coverage.json") as (_, process):
        workers_of(process)[0].kill()
        process.send_signal(signal.SIGCONT)
        summary = json.loads(process.communicate()[0])
    assert (summary["resultHash"], summary["bucketsSetAside"]) == (expected, {})


def test_a_second_run_in_the_same_folder_is_refused(large, tmp_path):
    """Two runs do not write into one folder."""
    export, _ = large
    with held_at(export, tmp_path, "split-*.json") as (run, _), pytest.raises(SetupError, match="at work"):
        run_of(export, run)


def test_nothing_to_read_is_said(tmp_path):
    """An empty folder is no export of nobody."""
    with pytest.raises(SetupError, match="no NDJSON file"):
        run_of(tmp_path, tmp_path / "run")


def test_the_first_days_of_the_data_are_set_aside(tmp_path):
    """An order within the longest look-back of the first day can't be judged: what it asks for may be older."""
    people = [a_patient("p"), an_order("p", "s"), a_condition("p", "c", recordedDate=BEFORE)]
    export = write_export(tmp_path / "export", people)
    assert run_of(export, tmp_path / "run")["setAside"] == {"too early in the data": 1}
    assert run_of(export, tmp_path / "given", data_start=LONG_AGO)["judged"] == 1


@pytest.mark.parametrize(("results", "judged"), [(200, 0), (20, 1)])
def test_each_kind_of_data_has_a_first_day_of_its_own(results, judged, tmp_path):
    """A problem list that reaches far back does not make up for results that begin late; a few results say nothing."""
    people = [*early(), a_patient("p"), an_order("p", "s"), a_patient("q")]
    people += [a_result("q", f"o{number}", "2947-0", 140, "mmol/L") for number in range(results)]
    summary = run_of(write_export(tmp_path / "export", people), tmp_path / "run")
    assert summary["judged"] == judged
    assert summary["export"]["firstDayOf"] == ({} if judged else {"observations": BEFORE[:10]})
