"""`cds-service validate`: files, folders, NDJSON and packages in; lines or OperationOutcomes and an exit code out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cds_service.cli.main import main
from tests.profiles.resources import OURS, Json, element, observation, patient, profile

BROKEN = patient(gender="bogus")


def write(path: Path, *resources: Any) -> str:
    """Write resources into a file, one per line; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(resource, default=float) for resource in resources))
    return str(path)


@pytest.mark.parametrize(("resource", "code"), [(patient(), 0), (BROKEN, 1), (patient(text=None), 1)])
def test_the_exit_code_says_whether_an_error_was_found(tmp_path: Path, resource: Json, code: int) -> None:
    """The exit code is 0 if all resources are valid, 1 if an error was found."""
    assert main(["validate", write(tmp_path / "a.json", resource)]) == code


def test_an_error_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each error is one line with file, severity, path, message and rule; the last line has the counts."""
    main(["validate", write(tmp_path / "a.json", BROKEN)])
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{tmp_path / 'a.json'}: error: Patient.gender: ")
    assert first.endswith("[binding]")
    assert last.startswith("1 resources: 0 valid, 1 not; 1 errors")


@pytest.mark.parametrize("jobs", ["1", pytest.param("2", marks=pytest.mark.server)])
def test_ndjson_names_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], jobs: str) -> None:
    """An invalid line of NDJSON is reported with its number, in order, with one process or several."""
    many = [BROKEN if number in (7, 130) else patient() for number in range(1, 151)]
    assert main(["validate", write(tmp_path / "a.ndjson", *many), "--jobs", jobs]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines[:-1]] == [f"{tmp_path / 'a.ndjson'}:{line}" for line in (7, 130)]
    assert lines[-1].startswith("150 resources: 148 valid, 2 not")


def test_a_folder_is_read_in_full(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder means all .json and .ndjson files in it and its subfolders, and nothing else."""
    write(tmp_path / "a.json", patient())
    write(tmp_path / "b" / "c.ndjson", patient(), observation())
    (tmp_path / "notes.txt").write_text("no resource")
    assert main(["validate", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("3 resources: 3 valid")


def test_json_is_an_operation_outcome(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--format json prints only one OperationOutcome for one resource, with FHIRPath and the rule."""
    assert main(["validate", write(tmp_path / "a.json", BROKEN), "--format", "json"]) == 1
    outcome = json.loads(capsys.readouterr().out)
    assert outcome["resourceType"] == "OperationOutcome"
    issue = outcome["issue"][0]
    assert (issue["severity"], issue["code"], issue["expression"]) == ("error", "code-invalid", ["Patient.gender"])
    assert issue["details"]["coding"] == [{"code": "binding"}]


def test_json_of_many_is_a_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Several resources give a valid Bundle of OperationOutcomes that name their files."""
    write(tmp_path / "a.json", patient())
    write(tmp_path / "b.json", BROKEN)
    main(["validate", str(tmp_path), "--format", "json"])
    printed = capsys.readouterr().out
    outcomes = [entry["resource"] for entry in json.loads(printed)["entry"]]
    assert [outcome["extension"][0]["valueString"] for outcome in outcomes] == [
        str(tmp_path / n) for n in ("a.json", "b.json")
    ]
    assert outcomes[0]["issue"][0]["severity"] == "information"
    (tmp_path / "outcome.json").write_text(printed)
    assert main(["validate", str(tmp_path / "outcome.json")]) == 0


def test_a_profile_of_a_package(tmp_path: Path) -> None:
    """--package adds profiles, --profile checks every resource against one."""
    write(tmp_path / "package" / "StructureDefinition-x.json", profile("Patient", element("Patient.photo", min=1)))
    file = write(tmp_path / "a.json", patient())
    arguments = ["--package", str(tmp_path / "package"), "--profile", OURS + "profile"]
    assert main(["validate", file]) == 0
    assert main(["validate", file, *arguments]) == 1


COULD_NOT_RUN = {
    "no such file": (["nowhere.json"], "there is no such file"),
    "a folder without resources": (["."], "holds no .json"),
    "an unknown profile": (["a.json", "--profile", "http://x.org/none"], "the profile is not available or not usable"),
    "a package that is none": (["a.json", "--package", "nowhere"], "no such package"),
    "an empty file of lines": (["empty.ndjson"], "nothing to validate"),
}


@pytest.mark.parametrize(("arguments", "told"), COULD_NOT_RUN.values(), ids=COULD_NOT_RUN.keys())
def test_what_could_not_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    told: str,
) -> None:
    """If the command can't run, it exits with 2 and says what to do."""
    monkeypatch.chdir(tmp_path)
    if arguments[0] == "a.json":
        write(tmp_path / "a.json", patient())
    if arguments[0] == "empty.ndjson":
        (tmp_path / "empty.ndjson").write_text("\n\n")
    assert main(["validate", *arguments]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{", b"", b"[]", b'"x"', b"1e999999"])
def test_a_file_of_anything_is_an_error_not_a_crash(tmp_path: Path, content: bytes) -> None:
    """Any file content is reported as an error of that file, without a crash."""
    (tmp_path / "a.json").write_bytes(content)
    assert main(["validate", str(tmp_path / "a.json")]) == 1


def test_jobs_are_a_number() -> None:
    """A wrong number of processes is rejected before any file is read."""
    with pytest.raises(SystemExit) as ended:
        main(["validate", "a.json", "--jobs", "0"])
    assert ended.value.code == 2
