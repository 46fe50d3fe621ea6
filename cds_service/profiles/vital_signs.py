"""Vital signs: the profiles that R4 requires of an Observation by its code or category, without a claim in its meta.

Source: FHIR R4, Observation Vital Signs Profile. The codes are those that its profiles fix in LOINC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cds_service.profiles.bindings import codes_of
from cds_service.profiles.definitions import BASE, Definitions, core_resources

_VITAL_SIGNS = BASE + "vitalsigns"
# No measurement: such a record may have lost what the profile requires.
_WITHDRAWN = {"entered-in-error", "cancelled"}
_CATEGORY = ("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs")


def vital_sign_profiles(definitions: Definitions, resource: Mapping[str, Any]) -> Iterator[str]:
    """URLs of the vital-sign profiles that an Observation must conform to; none for other resources."""
    if resource.get("resourceType") != "Observation" or str(resource.get("status")) in _WITHDRAWN:
        return
    by_code = _profiles_by_code(definitions)
    found = [by_code[code] for code in codes_of(resource.get("code"), "CodeableConcept") if code in by_code]
    yield from found
    categories = resource.get("category")
    listed = categories if isinstance(categories, list) else []
    if not found and any(_CATEGORY in codes_of(one, "CodeableConcept") for one in listed):
        yield _VITAL_SIGNS


def _profiles_by_code(definitions: Definitions) -> dict[tuple[str | None, str], str]:
    """(system, code) -> URL, from the profiles derived from the vital signs profile."""
    if "vital signs" not in definitions.cache:
        derived = [one["url"] for one in core_resources() if one.get("baseDefinition") == _VITAL_SIGNS]
        definitions.cache["vital signs"] = {code: url for url in derived for code in _fixed_codes(definitions, url)}
    return definitions.cache["vital signs"]  # type: ignore[no-any-return]  # the cache holds values of any type


def _fixed_codes(definitions: Definitions, url: str) -> Iterator[tuple[str, str]]:
    tree = definitions.tree(url)
    code = (tree.children or {}).get("code") if tree else None
    coding = (code.children or {}).get("coding") if code else None
    for one in coding.slices if coding else ():
        parts = one.children or {}
        if "system" in parts and "code" in parts and parts["code"].fixed:
            yield parts["system"].fixed, parts["code"].fixed
