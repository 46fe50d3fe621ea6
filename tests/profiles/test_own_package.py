"""The examples of the product's own FHIR package; its definitions are validated in tests/package/test_examples.py."""

from __future__ import annotations

from pathlib import Path

import pytest

import fhir_profiles
from cds_service.profiles.definitions import Definitions
from cds_service.profiles.issues import Issue
from cds_service.profiles.validate import validate_json

EXAMPLES = Path(fhir_profiles.__file__).parent / "examples"


def issues_of(path: Path, definitions: Definitions) -> list[Issue]:
    """The issues of a file of the package."""
    return [issue for issue in validate_json(path.read_bytes(), (), definitions) if issue.severity != "information"]


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
