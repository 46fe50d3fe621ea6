"""Packages and snapshots: definitions from folders and archives, and profiles published without a snapshot."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from cds_service.errors import SetupError
from cds_service.profiles.definitions import BASE, Definitions, core_resources, load_definitions, own_resources
from cds_service.profiles.validate import validate
from tests.profiles.resources import OURS, Json, element, observation, patient, profile, rules, with_core

STRICT = profile("Patient", element("Patient.photo", min=1))


def write_package(folder: Path, *resources: Json) -> Path:
    """Write a package as unpacked by npm."""
    (folder / "package").mkdir(parents=True)
    (folder / "package" / "package.json").write_text('{"name": "x"}')
    for number, resource in enumerate(resources):
        (folder / "package" / f"{resource['resourceType']}-{number}.json").write_text(json.dumps(resource))
    return folder


def test_a_folder_is_a_package(tmp_path: Path) -> None:
    """A resource is validated against a profile of a package folder that it names."""
    known = load_definitions([write_package(tmp_path, STRICT)])
    assert "cardinality" in [issue.rule for issue in validate(patient(), [OURS + "profile"], known)]


def test_an_archive_is_a_package(tmp_path: Path) -> None:
    """A .tgz gives the same definitions as its folder."""
    folder = write_package(tmp_path / "x", STRICT)
    with tarfile.open(tmp_path / "x.tgz", "w:gz") as archive:
        archive.add(folder / "package", "package")
    assert load_definitions([tmp_path / "x.tgz"]).structure(OURS + "profile") == STRICT


def test_examples_of_a_package_define_nothing(tmp_path: Path) -> None:
    """A StructureDefinition in the examples of a package is not used as a definition."""
    (tmp_path / "example").mkdir()
    (tmp_path / "example" / "x.json").write_text(json.dumps(STRICT))
    write_package(tmp_path, profile("Patient", name="other"))
    assert load_definitions([tmp_path]).structure(OURS + "profile") is None


@pytest.mark.parametrize(
    ("url", "kind", "later"),
    [(f"{BASE}patient-birthPlace", "Extension", True), (f"{BASE}HumanName", "HumanName", False)],
)
def test_what_a_package_defines_anew(url: str, kind: str, later: bool, tmp_path: Path) -> None:
    """A later version of an extension of R4 is used where a package has it; R4's own types stay as they are."""
    anew = profile(kind, name="anew") | {"url": url, "version": "5.2.0"}
    known = load_definitions([write_package(tmp_path, anew)]).structure(url)
    assert known is not None
    assert (known["version"] == "5.2.0") is later


def test_a_guide_may_ask_a_profile_of_every_resource(tmp_path: Path) -> None:
    """A global profile of an ImplementationGuide applies to every resource of its type."""
    guide = {
        "resourceType": "ImplementationGuide",
        "url": OURS + "guide",
        "global": [{"type": "Patient", "profile": OURS + "profile"}],
    }
    known = load_definitions([write_package(tmp_path, STRICT, guide)])
    assert [issue.rule for issue in validate(patient(), (), known) if issue.is_error] == ["cardinality"]
    assert not [issue for issue in validate(observation(), (), known) if issue.is_error]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("missing", None, "no such package"),
        ("empty.tgz", b"", "can't be read as a package"),
        ("text.tgz", b"no archive", "can't be read as a package"),
    ],
)
def test_what_is_no_package(tmp_path: Path, name: str, content: bytes | None, told: str) -> None:
    """A package that can't be read is reported with its path and what to do."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SetupError, match=told):
        load_definitions([path])


def test_a_package_with_a_broken_file(tmp_path: Path) -> None:
    """A definition that is not JSON is reported with its file."""
    (tmp_path / "StructureDefinition-x.json").write_text('{"resourceType": "StructureDefinition"')
    with pytest.raises(SetupError, match=r"StructureDefinition-x\.json"):
        load_definitions([tmp_path])


def test_a_package_without_definitions(tmp_path: Path) -> None:
    """A folder without definitions is an error, because it is most likely a wrong path."""
    with pytest.raises(SetupError, match="has no StructureDefinition"):
        load_definitions([tmp_path])


def test_every_resource_type_of_r4_is_known(definitions: Definitions) -> None:
    """All 146 concrete resource types of R4 are known."""
    kinds = {one["type"] for one in core_resources() if one.get("kind") == "resource"}
    assert len([kind for kind in kinds if definitions.is_resource(kind)]) == 146


def test_every_definition_makes_a_tree(definitions: Definitions) -> None:
    """Each StructureDefinition of the core has an element tree."""
    urls = [one["url"] for one in core_resources() if one["resourceType"] == "StructureDefinition"]
    assert [url for url in urls if definitions.tree(url) is None] == []


def test_the_products_own_package_is_at_hand(definitions: Definitions) -> None:
    """The value sets of the product's own package are available for bindings."""
    assert any(definitions.value_set(one["url"]) for one in own_resources() if one["resourceType"] == "ValueSet")


def core(kind: str) -> Json:
    """A definition of the core by type."""
    return next(one for one in core_resources() if one.get("url") == BASE + kind)


def test_a_profile_of_a_profile() -> None:
    """A differential is applied to its base profile, and to the base of that profile."""
    first = profile("Patient", element("Patient.birthDate", min=1), name="first")
    second = profile("Patient", element("Patient.photo", min=1)) | {"baseDefinition": OURS + "first"}
    nobody = {name: value for name, value in patient().items() if name != "birthDate"}
    assert rules(nobody, second, first) == ["cardinality", "cardinality"]


def test_a_rule_deep_in_a_datatype() -> None:
    """A differential may constrain children of a datatype, at any depth."""
    asked = profile(
        "Patient", element("Patient.identifier.period.start", min=1), element("Patient.identifier.period", min=1)
    )
    assert rules(patient(), asked) == ["cardinality"]
    assert rules(patient(identifier=[{"value": "1", "period": {"end": "2020"}}]), asked) == ["cardinality"]
    assert rules(patient(identifier=[{"value": "1", "period": {"start": "2020"}}]), asked) == []


UNUSABLE = {
    "an element that the base has not": profile("Patient", element("Patient.surname", min=1)),
    "a base that is not at hand": profile("Patient") | {"baseDefinition": "http://elsewhere.example.org/base"},
    "a base that is based on itself": profile("Patient") | {"baseDefinition": OURS + "profile"},
    "nothing at all": {name: value for name, value in STRICT.items() if name not in ("baseDefinition", "differential")},
}


@pytest.mark.parametrize("unusable", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_profile_that_cannot_be_used_is_said(unusable: Json) -> None:
    """A profile whose snapshot can't be generated is reported as information, neither an error nor ignored."""
    assert rules(patient(), unusable) == []
    assert rules(patient(), unusable, severity="information") == ["profile-unknown"]


def test_the_core_is_not_replaced(tmp_path: Path) -> None:
    """A package that repeats the core does not change it."""
    known = load_definitions([write_package(tmp_path, core("Patient") | {"snapshot": {"element": []}}, STRICT)])
    assert known.structure(BASE + "Patient") == core("Patient")
    assert with_core(STRICT).tree(OURS + "profile") is not None
