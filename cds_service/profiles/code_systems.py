"""CodeSystems that are supplements: said to be one, and with codes of the system that they add to.

Source: FHIR R4 CodeSystem, section Code System Supplements.
"""

from __future__ import annotations

from cds_service.profiles.terminology import in_system
from cds_service.profiles.validation_run import Place, ValidationRun


def check_code_system(run: ValidationRun, place: Place) -> None:
    """A CodeSystem that names a system in `supplements`; its codes are looked up where that system is at hand."""
    base = place.value.get("supplements")
    if not isinstance(base, str):
        return
    if place.value.get("content") != "supplement":
        run.error(place, "supplement", "business-rule", "supplements another system: its content must be supplement")
    concepts = place.value.get("concept")
    for index, one in enumerate(concepts if isinstance(concepts, list) else ()):
        code = one.get("code") if isinstance(one, dict) else None
        if isinstance(code, str) and in_system(run.definitions, base.partition("|")[0], code) is False:
            where = Place(one, "BackboneElement", "concept", place, index)
            run.error(where, "supplement", "code-invalid", f"{code} is no code of {base}")
