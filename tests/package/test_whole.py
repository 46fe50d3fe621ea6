"""The package as a whole: it is what its sources say, nothing points nowhere, and other tools can load it."""

from __future__ import annotations

import gzip
import io
import json
import re
import shutil
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from cds_service.errors import SetupError
from cds_service.knowledge.load import PROFILES, TABLES
from cds_service.publishing.archive import archive, archive_name
from cds_service.publishing.build import write
from cds_service.publishing.definition import CANONICAL, text_of
from cds_service.publishing.manifest import package_version
from cds_service.publishing.package import make_files, make_package
from cds_service.publishing.sources import read_sources, shipped_sources
from tests.package.conftest import bad_example, constraints, good_examples
from tests.support.shipped import shipped_archive, shipped_files, shipped_knowledge
from tests.support.tables import put

FSH = sorted((PROFILES / "input/fsh").glob("*.fsh"))
COMPILED = sorted((PROFILES / "compiled").glob("*.json"))
GOLDEN = Path(__file__).parent / "golden" / "tips.json"


def canonicals(node: Any) -> Iterator[str]:
    """Every address of this package that a resource names, anywhere in it."""
    if isinstance(node, dict):
        for value in node.values():
            yield from canonicals(value)
    elif isinstance(node, list):
        for value in node:
            yield from canonicals(value)
    elif isinstance(node, str) and node.startswith(CANONICAL + "/"):
        yield node


def members() -> dict[str, bytes]:
    """The files of the archive by name."""
    with tarfile.open(fileobj=io.BytesIO(shipped_archive()), mode="r:gz") as tar:
        return {info.name: tar.extractfile(info).read() for info in tar}


@pytest.mark.slow
def test_the_plan_of_tips_is_as_it_was_reviewed() -> None:
    """What is published of one procedure is what a person has looked at; `make golden` writes it after a change."""
    assert shipped_files()["plan_definitions/tips.json"] == GOLDEN.read_text("utf-8")


def a_whole_copy(folder: Path) -> Path:
    """The tables and the whole package in a folder of their own."""
    shutil.copytree(TABLES, folder / "knowledge", ignore=shutil.ignore_patterns("*.py*", "__*"))
    shutil.copytree(PROFILES, folder / "fhir_profiles", ignore=shutil.ignore_patterns("*.py*", "__*"))
    return folder


def changed_by(copy: Path) -> dict[str, str]:
    """The files of the package of a copy that are not as those of the shipped tables."""
    shipped = shipped_files()
    made = make_files(read_sources(copy / "fhir_profiles", copy / "knowledge"))
    return {name: text for name, text in made.items() if shipped.get(name) != text}


@pytest.mark.slow
def test_another_limit_is_published_where_it_applies(tmp_path: Path) -> None:
    """A changed number changes the plans that hold it and nothing else."""
    tables = a_whole_copy(tmp_path) / "knowledge"
    limits = (tables / "thresholds.toml").read_text("utf-8")
    row = limits[limits.index('id = "bilirubin-tips"') :]
    value = re.search(r"value = ([\d.]+)", row)[1]
    put(tables / "thresholds.toml", limits.replace(row, row.replace(f"value = {value}", "value = 17.5", 1)))
    changed = changed_by(tmp_path)
    assert list(changed) == ["plan_definitions/tips.json"]
    assert "Bilirubin, total > 17.5 mg/dL" in changed["plan_definitions/tips.json"]


def test_another_name_of_a_code_system_needs_no_compiler(tmp_path: Path) -> None:
    """A further name under which records write a code system is in the profiles that ask for a known system."""
    tables = a_whole_copy(tmp_path) / "knowledge"
    systems = (tables / "code_systems.toml").read_text("utf-8")
    put(
        tables / "code_systems.toml",
        systems.replace('"urn:oid:2.16.840.1.113883.6.1"]', '"urn:oid:2.16.840.1.113883.6.1", "urn:other:loinc"]'),
    )
    changed = changed_by(tmp_path)
    assert {name for name, text in changed.items() if "~urn:other:loinc~" in text} == set(changed)
    assert set(changed) == {
        f"structure_definitions/ir-{key}.json" for key in ("condition", "allergy", "contrast-allergy")
    }


@pytest.mark.slow
def test_another_release_is_in_every_profile(tmp_path: Path) -> None:
    """A new release is written in one table; the profiles, the guide and the manifest follow without a compiler."""
    tables = a_whole_copy(tmp_path) / "knowledge"
    release = (tables / "release.toml").read_text("utf-8")
    put(tables / "release.toml", re.sub(r'"\d{4}\.\d+"', '"2031.4"', release))
    sources = read_sources(tmp_path / "fhir_profiles", tables)
    left = {name for name, r in make_package(sources).items() if r["version"] != "2031.4"}
    assert {name for name in left if not name.startswith("value_sets/")} == {
        "code_systems/code-relations.json",
        "code_systems/override-reasons.json",
    }
    assert archive_name(sources) == "org.example.ir-cds-2031.4.0.tgz"


@pytest.mark.slow
def test_nothing_is_left_to_fill_in(definitions: dict[str, dict[str, Any]]) -> None:
    """No definition holds a place that the tables should have filled."""
    marks = set(re.findall(r"\{[a-z ]+\}", "".join(path.read_text("utf-8") for path in COMPILED)))
    assert marks == {"{release}", "{code systems}"}
    texts = {name: text_of(resource) for name, resource in definitions.items()}
    assert [name for name, text in texts.items() if any(mark in text for mark in marks)] == []


@pytest.mark.slow
def test_a_file_that_is_no_longer_made_is_removed(tmp_path: Path) -> None:
    """The plan of a procedure that is gone does not stay behind in the folder that is written again."""
    write(shipped_sources(), tmp_path)
    left = tmp_path / "plan_definitions" / "old-procedure.json"
    put(left, "{}")
    assert write(shipped_sources(), tmp_path) == list(shipped_files())
    assert not left.exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """The package is not written among other files, nor into the package of another project."""
    put(tmp_path / "package.json", '{"name": "org.example.other"}')
    with pytest.raises(SetupError, match="holds something else"):
        write(shipped_sources(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["package.json"]


def test_no_address_is_used_twice(definitions: dict[str, dict[str, Any]]) -> None:
    """A url names one definition, and so do a type and an id."""
    urls = Counter(r["url"] for r in definitions.values())
    ids = Counter((r["resourceType"], r["id"]) for r in definitions.values())
    assert [name for name, count in (urls + ids).items() if count > 1] == []


def test_addresses_end_with_type_and_id(definitions: dict[str, dict[str, Any]]) -> None:
    """Every definition is where its url says, with the release of the tables as its version."""
    release = shipped_knowledge().version.partition("+")[0]
    wrong = [
        name
        for name, r in definitions.items()
        if r["url"] != f"{CANONICAL}/{r['resourceType']}/{r['id']}" or r["version"] != release
    ]
    assert wrong == []


def test_nothing_points_nowhere(definitions: dict[str, dict[str, Any]]) -> None:
    """Every address of this package that a definition, an example or the guide names leads to a definition of it."""
    known = {r["url"] for r in definitions.values()}
    named = {url for r in [*definitions.values(), *good_examples().values()] for url in canonicals(r)}
    assert named - known == set()
    assert len(named) > 150


def test_the_guide_lists_everything(definitions: dict[str, dict[str, Any]]) -> None:
    """The ImplementationGuide names every definition and every good example, and nothing else."""
    guide = definitions["implementation_guide.json"]
    listed = {entry["reference"]["reference"] for entry in guide["definition"]["resource"]}
    held = [*definitions.values(), *good_examples().values()]
    assert listed == {f"{r['resourceType']}/{r['id']}" for r in held} - {f"ImplementationGuide/{guide['id']}"}


def test_the_index_names_every_file(definitions: dict[str, dict[str, Any]]) -> None:
    """`.index.json` leads a loader to every definition in the folder that `package build` writes."""
    index = json.loads(shipped_files()[".index.json"])
    assert {entry["filename"]: entry["url"] for entry in index["files"]} == {
        name: r["url"] for name, r in definitions.items()
    }


@pytest.mark.slow
def test_the_archive_is_laid_out_as_packages_are(definitions: dict[str, dict[str, Any]]) -> None:
    """One flat folder with an index that is true of it; good examples are apart, bad ones are not in it."""
    held = members()
    flat = {f"package/{r['resourceType']}-{r['id']}.json" for r in definitions.values()}
    examples = {f"package/example/{r['resourceType']}-{r['id']}.json" for r in good_examples().values()}
    about = {"package/package.json", "package/.index.json", "package/example/.index.json"}
    assert set(held) == flat | examples | about
    indexed = json.loads(held["package/.index.json"])["files"]
    assert {f"package/{entry['filename']}" for entry in indexed} == flat


@pytest.mark.slow
def test_the_archive_is_the_same_every_time() -> None:
    """Two archives of the same content are the same bytes, with no time and no user in them."""
    first = shipped_archive()
    assert first == archive(read_sources())
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(first))) as tar:
        assert {(info.mtime, info.uid, info.uname) for info in tar} == {(0, 0, "")}


def test_the_package_says_what_it_is() -> None:
    """Name, version, FHIR version and canonical are those that a loader asks for."""
    about = json.loads(shipped_files()["package.json"])
    assert (about["name"], about["fhirVersions"], about["canonical"]) == ("org.example.ir-cds", ["4.0.1"], CANONICAL)
    assert archive_name(shipped_sources()) == f"org.example.ir-cds-{about['version']}.tgz"


@pytest.mark.parametrize(("release", "version"), [("2026.11", "2026.11.0"), ("2026.11.2", "2026.11.2"), ("7", "7.0.0")])
def test_a_release_becomes_three_numbers(release: str, version: str) -> None:
    """Packages are counted by three numbers, whatever the release is called."""
    assert package_version(release) == version


@pytest.mark.slow
def test_everything_is_fhir(definitions: dict[str, dict[str, Any]]) -> None:
    """An independent model of FHIR reads every definition and every good example."""
    for resource in [*definitions.values(), *good_examples().values()]:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)


def test_the_independent_model_is_awake() -> None:
    """The same model refuses a result without its status."""
    with pytest.raises(ValueError, match="status"):
        get_fhir_model_class("Observation").model_validate(bad_example("required--result-without-status.json"))


def invariants() -> dict[str, tuple[str, str, str]]:
    """Severity, text and expression of every Invariant of the FSH sources."""
    found = {}
    block = r'^Invariant: (\S+)\nDescription: "(.*)"\nSeverity: #(\w+)\nExpression: "(.*)"$'
    for path in FSH:
        for key, human, severity, expression in re.findall(block, path.read_text("utf-8"), re.MULTILINE):
            found[key] = (severity, human, expression.replace('\\"', '"').replace("\\\\", "\\"))
    return found


def test_the_compiled_profiles_hold_the_invariants_of_the_sources(by_hand: dict[str, dict[str, Any]]) -> None:
    """Somebody who changes an invariant and does not compile it again hears of it, with or without Node."""
    compiled = {
        c["key"]: (c["severity"], c["human"], c["expression"])
        for c in constraints(by_hand.values(), "snapshot")
        if c["key"].startswith("ir-")
    }
    assert compiled == invariants()


def test_every_profile_of_the_sources_is_compiled(by_hand: dict[str, dict[str, Any]]) -> None:
    """Each Profile and Extension of the FSH sources is compiled, with a snapshot, and there is no other."""
    wanted = {
        key
        for path in FSH
        for key in re.findall(r"^(?:Profile|Extension): .*\n(?:.+\n)*?Id: (\S+)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert set(by_hand) == wanted
    assert [key for key, profile in by_hand.items() if not profile["snapshot"]["element"]] == []
