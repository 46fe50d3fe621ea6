"""The product's own FHIR package, validated against R4 and its own profiles."""

from __future__ import annotations

from pathlib import Path

import pytest

import fhir_profiles
from cds_service.profiles.definitions import Definitions
from cds_service.profiles.issues import Issue
from cds_service.profiles.validate import validate_json
from cds_service.publishing.definition import text_of
from cds_service.publishing.package import make_package
from cds_service.publishing.sources import shipped_sources

EXAMPLES = Path(fhir_profiles.__file__).parent / "examples"


def issues_of(path: Path, definitions: Definitions) -> list[Issue]:
    """The issues of a file of the package."""
    return [issue for issue in validate_json(path.read_bytes(), (), definitions) if issue.severity != "information"]


@pytest.mark.slow
def test_definitions_are_valid(definitions: Definitions) -> None:
    """Every value set, code system, profile and plan of the package is valid FHIR R4."""
    package = make_package(shipped_sources())
    found = {
        name: [issue for issue in validate_json(text_of(resource).encode(), (), definitions) if issue.is_error]
        for name, resource in package.items()
    }
    assert len(found) > 500
    assert {name: errors for name, errors in found.items() if errors} == {}


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the package has no examples")
def test_good_examples_are_valid(definitions: Definitions) -> None:
    """No good example of the package has an error."""
    wrong = {path.name: issues_of(path, definitions) for path in sorted(EXAMPLES.glob("good/*.json"))}
    assert {name: found for name, found in wrong.items() if any(issue.is_error for issue in found)} == {}


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the package has no examples")
def test_bad_examples_fail_for_the_reason_they_name(definitions: Definitions) -> None:
    """A bad example fails with the constraint or type of issue in its file name."""
    missed = [
        path.name
        for path in sorted(EXAMPLES.glob("bad/*.json"))
        if not any(path.name.partition("--")[0] in (issue.rule, issue.code) for issue in issues_of(path, definitions))
    ]
    assert missed == []
