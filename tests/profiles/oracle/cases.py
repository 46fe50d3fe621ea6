"""What both validators are asked: the tables of the tests, the package's examples, and mutants of valid resources.

QuestionnaireResponses are left out: HAPI finds no Questionnaire without a server.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from cds_service.profiles.validate import shipped_definitions
from tests.profiles import test_references, test_slicing, test_vital_signs, test_walk
from tests.profiles.mutants import mutants
from tests.profiles.resources import GOOD, OURS, Json

EXAMPLES = Path("fhir_profiles/examples")
# Of each kind of mutant of each resource, one in so many.
EVERY = 20


@dataclass(frozen=True, slots=True)
class Case:
    """One resource, the profiles to hold it against, and definitions beyond R4 and the product's package."""

    name: str
    resource: Any
    profiles: Sequence[str] = ()
    definitions: Sequence[Json] = ()


def cases() -> Iterator[Case]:
    """Every case, in a fixed order."""
    for name, resource in {**GOOD, **test_walk.ALLOWED}.items():
        yield Case(f"valid: {name}", resource)
    for name, (resource, _) in test_walk.FORBIDDEN.items():
        yield Case(f"forbidden: {name}", resource)
    for name, (resource, _) in test_vital_signs.CASES.items():
        yield Case(f"vital sign: {name}", resource)
    for name, (resource, _) in test_references.BUNDLES.items():
        yield Case(f"Bundle: {name}", resource)
    for table in (test_slicing.BY_SYSTEM, test_slicing.WAYS, test_slicing.VALUES):
        for name, (profile, resource, _) in table.items():
            yield Case(f"profile: {name}", resource, [OURS + "profile"], [profile, test_slicing.PATIENTS])
    for name, (resource, _) in test_references.EXTENSIONS.items():
        known = [test_references.SIMPLE, test_references.MODIFIER, test_references.ON_NAMES]
        yield Case(f"extension: {name}", resource, (), known)
    for name, (resource, expression, _) in test_references.CONTEXTS.items():
        yield Case(f"context: {name}", resource, (), [test_references.placed(("fhirpath", expression))])
    yield from _examples()
    for name, resource in GOOD.items():
        made = list(mutants(resource, shipped_definitions()))
        yield from (Case(f"mutant of {name}: {what}", broken) for what, broken in made[::EVERY])


def _examples() -> Iterator[Case]:
    for path in sorted(EXAMPLES.rglob("*.json")):
        resource: Mapping[str, Any] = json.loads(path.read_text("utf-8"), parse_float=Decimal)
        if "resourceType" in resource:
            yield Case(f"example: {path.relative_to(EXAMPLES)}", resource)
