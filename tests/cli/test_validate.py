"""`cds-service validate`: files, folders, NDJSON and packages in; lines or OperationOutcomes and an exit code out."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cds_service.cli.main import main
from tests.profiles.resources import OURS, Json, element, observation, patient, profile

BROKEN = patient(gender="bogus")
COLUMN = json.dumps(BROKEN).index('"gender": "bogus"') + 1


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
    assert first.endswith(f"(line 1, column {COLUMN}) [binding]")
    assert last.startswith("1 resource: 0 valid, 1 not; 1 error")


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


def gzipped(path: Path, *resources: Any) -> None:
    """Write resources into a compressed file, one per line."""
    path.write_bytes(gzip.compress("\n".join(json.dumps(one, default=float) for one in resources).encode()))


def test_every_name_of_a_resource_file_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Upper case, .jsonl and .gz are read too, also in a folder that is named like a file."""
    write(tmp_path / "x.json" / "A.JSON", patient())
    write(tmp_path / "b.jsonl", patient(), patient())
    gzipped(tmp_path / "c.json.gz", patient())
    gzipped(tmp_path / "d.NDJSON.GZ", patient(), BROKEN)
    (tmp_path / "notes.gz").write_bytes(b"x")
    assert main(["validate", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "6 resources: 5 valid" in out
    assert f"{tmp_path / 'd.NDJSON.GZ'}:2: error" in out


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        (
            "manifest.json",
            {"transactionTime": "2026-11-25T00:00:00Z", "output": []},
            "the manifest of a Bulk Data export",
        ),
        (
            "package.json",
            {"name": "a.b", "version": "1.0.0", "fhirVersions": ["4.0.1"]},
            "the manifest of a FHIR package",
        ),
        (".index.json", {"index-version": 1, "files": []}, "the index of a FHIR package"),
        ("a.openapi.json", {"openapi": "3.0.2", "info": {}}, "a description in OpenAPI"),
    ],
)
def test_a_file_beside_resources_is_no_resource(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: Json, what: str
) -> None:
    """Manifest and index are named and not counted; a resource that lacks its resourceType is still an error."""
    write(tmp_path / name, content)
    write(tmp_path / "a.json", patient())
    assert main(["validate", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "1 resource: 1 valid" in said.out
    assert f"{name}: is {what}, no resource" in said.err
    write(tmp_path / name, content | {"resourceType": "Basics"})
    assert main(["validate", str(tmp_path)]) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (json.dumps(patient(), indent=1).encode(), "is one JSON value over several lines: name it .json"),
        ("{}\n{}\n".encode("utf-16"), "is UTF-16: save it as UTF-8"),
        (b"{}\r{}", "write one resource a line"),
    ],
)
def test_what_is_no_ndjson(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, said: str) -> None:
    """A file that has another form than its name says is one error with its remedy."""
    (tmp_path / "a.ndjson").write_bytes(content)
    assert main(["validate", str(tmp_path)]) == 1
    [issue, _counts] = capsys.readouterr().out.splitlines()
    assert said in issue


def test_a_file_name_that_is_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name of other bytes than UTF-8 is written with escapes, in lines and in JSON."""
    write(tmp_path / "a\udcff.json", BROKEN)
    for more in ([], ["--format", "json"]):
        assert main(["validate", str(tmp_path), *more]) == 1
        assert "udcff.json" in capsys.readouterr().out.encode().decode()


def test_one_file_that_cannot_be_read_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A link to nothing and a broken archive are errors of these files; the others are validated."""
    (tmp_path / "a.json").symlink_to("nowhere")
    (tmp_path / "b.json.gz").write_bytes(b"no archive")
    (tmp_path / "c.ndjson.gz").write_bytes(gzip.compress(b'{"resourceType": "Basic"}' * 100)[:-9])
    write(tmp_path / "d.json", patient())
    assert main(["validate", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "a.json: fatal: -: is a link to nowhere, which does not exist: correct the link [file]" in out
    assert "b.json.gz: fatal: -: can't be read" in out or "b.json.gz: fatal: -: is not a whole gzip file" in out
    assert "c.ndjson.gz: fatal: -: is not a whole gzip file" in out
    assert "4 resources: 1 valid, 3 not" in out


@pytest.mark.parametrize(
    ("resources", "counted"), [((patient(),), "1 resource: 1 valid"), ((patient(), BROKEN), "2 resources: 1 valid")]
)
def test_standard_input(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    resources: tuple[Json, ...],
    counted: str,
) -> None:
    """- reads one resource, or one per line, from standard input, plain or compressed."""
    content = "\n".join(json.dumps(one, indent=1 if len(resources) == 1 else None) for one in resources).encode()
    for sent in (content, gzip.compress(content)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(sent)))
        assert main(["validate", "-"]) == (1 if BROKEN in resources else 0)
        assert counted in capsys.readouterr().out


REMEDIES = {
    "empty": (b" \n", "is empty"),
    "compressed under another name": (gzip.compress(b"{}"), "name it .json.gz"),
    "lines under another name": (b'{"resourceType": "Basic"}\n{"resourceType": "Basic"}', "name it .ndjson"),
    "XML": (b'<Patient xmlns="http://hl7.org/fhir"/>', "only JSON is validated"),
    "UTF-16": ("{}".encode("utf-16"), "save it as UTF-8"),
    "another release": (b'{"resourceType": "MedicationOrder"}', "DSTU2: convert it to R4"),
}


@pytest.mark.parametrize(("content", "told"), REMEDIES.values(), ids=REMEDIES.keys())
def test_the_message_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, told: str
) -> None:
    """A file in another form than its name says is called that, with what to do."""
    (tmp_path / "a.json").write_bytes(content)
    assert main(["validate", str(tmp_path / "a.json")]) == 1
    assert told in capsys.readouterr().out


SHOWN: dict[str, tuple[list[str], list[str], bool]] = {
    "text": ([], ["error", "warning"], True),
    "errors": (["--severity", "error"], ["error"], True),
    "all": (["--severity", "information"], ["error", "warning", "information"], True),
    "quiet": (["--quiet"], ["error"], False),
    "quiet, with warnings": (["--quiet", "--severity", "warning"], ["error", "warning"], False),
}


@pytest.mark.parametrize(("options", "severities", "counts"), SHOWN.values(), ids=SHOWN.keys())
def test_what_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], severities: list[str], counts: bool
) -> None:
    """--severity chooses the least severity that is shown; --quiet leaves out warnings and counts."""
    unknown = [{"url": "http://x.org/y", "valueCode": "x"}]
    resource = {name: value for name, value in (BROKEN | {"extension": unknown}).items() if name != "text"}
    assert main(["validate", write(tmp_path / "a.json", resource), *options]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[1] for line in lines if line.startswith(str(tmp_path))] == severities
    assert lines[-1].startswith("1 resource: ") is counts


UNKNOWN_EXTENSIONS = {
    "as usual": ("extension", None, "information"),
    "a warning": ("extension", "warning", "warning"),
    "an error": ("extension", "error", "error"),
    "a modifier as usual": ("modifierExtension", None, "warning"),
    "a modifier, never less than a warning": ("modifierExtension", "information", "warning"),
    "a modifier, an error": ("modifierExtension", "error", "error"),
}


@pytest.mark.parametrize(("where", "asked", "severity"), UNKNOWN_EXTENSIONS.values(), ids=UNKNOWN_EXTENSIONS.keys())
@pytest.mark.parametrize("jobs", ["1", pytest.param("2", marks=pytest.mark.server)])
def test_how_unknown_extensions_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], where: str, asked: str | None, severity: str, jobs: str
) -> None:
    """--unknown-extensions sets their severity, in JSON and in the exit code; without it they are information."""
    resource = patient(**{where: [{"url": "http://x.org/y", "valueCode": "x"}]})
    options = [] if asked is None else ["--unknown-extensions", asked]
    file = write(tmp_path / "a.json", resource)
    assert main(["validate", file, "--format", "json", "--jobs", jobs, *options]) == (severity == "error")
    found = [one for one in json.loads(capsys.readouterr().out)["issue"] if "extension-unknown" in json.dumps(one)]
    assert [(one["severity"], one["expression"]) for one in found] == [(severity, [f"Patient.{where}[0]"])]


def test_json_has_the_place_and_only_what_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In JSON, line and column are the extensions that HL7's validator uses."""
    main(["validate", write(tmp_path / "a.json", BROKEN), "--format", "json", "--severity", "error"])
    issues = json.loads(capsys.readouterr().out)["issue"]
    assert [issue["severity"] for issue in issues] == ["error"]
    assert [one["valueInteger"] for one in issues[0]["extension"]] == [1, COLUMN]


def test_the_profile_that_asks_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rule of a profile has its URL; one of R4 itself has none."""
    write(tmp_path / "package" / "x.json", profile("Patient", element("Patient.photo", min=1)))
    file = write(tmp_path / "a.json", BROKEN)
    main(["validate", file, "--package", str(tmp_path / "package"), "--profile", OURS + "profile"])
    asked = [f"profile {OURS}profile" in line for line in capsys.readouterr().out.splitlines()]
    assert asked.count(True) == 1


@pytest.mark.server
def test_the_start_loads_only_what_is_needed(tmp_path: Path) -> None:
    """The tables, the package made from them and the grammar of units are not loaded for a resource without them."""
    file = write(tmp_path / "a.json", patient())
    code = f"import sys; from cds_service.cli.main import main; main(['validate', {file!r}]); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # own
    loaded = set(done.stdout.splitlines()[-1].split())
    slow = {
        "cds_service.knowledge.load",
        "cds_service.publishing.package",
        "ucumvert",
        "pint",
        "fhir.resources",
        "flask",
    }
    assert not slow & loaded


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
