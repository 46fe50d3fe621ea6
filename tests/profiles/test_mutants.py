"""Automatic mutants: known errors are found in any resource."""

from __future__ import annotations

import pytest

from cds_service.profiles.definitions import Definitions
from cds_service.profiles.issues import has_errors
from cds_service.profiles.validate import validate
from tests.profiles.mutants import mutants
from tests.profiles.resources import GOOD, Json

LEAST_CAUGHT = 0.99


@pytest.mark.slow
@pytest.mark.parametrize("name", GOOD)
def test_mutants_are_caught(name: str, definitions: Definitions) -> None:
    """At least 99 of 100 mutants of a valid resource are found invalid."""
    resource: Json = GOOD[name]
    made = list(mutants(resource, definitions))
    missed = [what for what, broken in made if not has_errors(validate(broken, (), definitions))]
    assert len(made) > 100
    assert len(missed) <= (1 - LEAST_CAUGHT) * len(made), missed
