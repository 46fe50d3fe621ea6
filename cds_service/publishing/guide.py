"""The ImplementationGuide: a list of everything that the package holds.

What is hand-written in FSH is listed by SUSHI with its own words; the rest is added here.
"""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.publishing.definition import Resource


def guide(compiled: Resource, definitions: Iterable[Resource], examples: Iterable[Resource]) -> Resource:
    """The guide.

    Args:
        compiled: the guide that SUSHI made; it lists the hand-written profiles and the examples.
        definitions: every other definition of the package is added to it.
        examples: the good examples; the profile that each claims is named.
    """
    entries: dict[str, Resource] = {
        entry["reference"]["reference"]: entry for entry in compiled["definition"]["resource"]
    }
    for example in examples:
        entries[_address(example)] = _with_profile(entries[_address(example)], example)
    for resource in definitions:
        entries.setdefault(_address(resource), _entry(resource))
    in_order = [entries[address] for address in sorted(entries)]
    return {**compiled, "definition": {**compiled["definition"], "resource": in_order}}


def _address(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _entry(resource: Resource) -> Resource:
    described = {"description": resource["description"]} if "description" in resource else {}
    reference = {"reference": _address(resource)}
    return {"reference": reference, "name": resource["title"], **described, "exampleBoolean": False}


def _with_profile(entry: Resource, example: Resource) -> Resource:
    """SUSHI does not know the profiles that are made from the tables."""
    profiles = example.get("meta", {}).get("profile", ())
    without = {name: value for name, value in entry.items() if not name.startswith("example")}
    return without | ({"exampleCanonical": profiles[0]} if profiles else {"exampleBoolean": True})
