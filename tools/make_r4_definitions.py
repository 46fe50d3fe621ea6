"""Writes cds_service/profiles/r4_definitions.json.gz: FHIR R4 4.0.1 reduced to what validation uses.

    python tools/make_r4_definitions.py

The source is the npm package `hl7.fhir.r4.examples` 4.0.1 (HL7, CC0-1.0), which contains the definitions of the
specification besides its examples; and `hl7.fhir.uv.extensions.r4` (HL7, CC0-1.0), which says where later releases
allow R4's extensions. `npm pack` fetches both; `--package FILE.tgz` and `--extensions FILE.tgz` use local copies.
The same source gives the same bytes, so that a second run verifies the committed file.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SOURCE = "hl7.fhir.r4.examples@4.0.1"
EXTENSIONS = "hl7.fhir.uv.extensions.r4@5.3.0-ballot-tc1"
VERSION = "4.0.1"
TARGET = Path(__file__).parents[1] / "cds_service" / "profiles" / "r4_definitions.json.gz"

_FILES = ("StructureDefinition-", "ValueSet-", "CodeSystem-", "SearchParameter-")
_DEFINITION = ("resourceType", "url", "version", "type", "kind", "abstract", "derivation", "baseDefinition")
_CONTEXT = ("context", "contextInvariant")
_ELEMENT = ("id", "path", "sliceName", "slicing", "min", "max", "contentReference", "maxLength")
_VALUES = ("fixed", "pattern", "minValue", "maxValue")
_TYPE = ("code", "profile", "targetProfile", "aggregation", "extension")
_CONSTRAINT = ("key", "severity", "human", "expression")
# Every element has ele-1, which the walk checks itself; every extension repeats ext-1.
_EVERYWHERE = {"ele-1", "ext-1"}
_SYSTEM = ("resourceType", "url", "version", "content", "caseSensitive", "supplements")
_PROPERTIES = {"parent", "subsumedBy", "notSelectable", "abstract"}
_MAX_VALUE_SET = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"
# URLs of example definitions in the specification.
_EXAMPLES = ("http://example.", "http://acme.")


def main() -> None:
    """Read the package, reduce it, and write the compressed file."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--package", type=Path, help="a local copy of the .tgz")
    options.add_argument("--extensions", type=Path, help="a local copy of the .tgz with the later extensions")
    options.add_argument("--to", type=Path, default=TARGET)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = given.package or _fetch(folder, SOURCE)
        kept = [slim for resource in _resources(source) if (slim := _slim(resource))]
        later = {one.get("url"): one for one in _resources(given.extensions or _fetch(folder, EXTENSIONS))}
    for slim in kept:
        if more := _more_contexts(slim, later.get(slim["url"], {})):
            slim["laterContext"] = more
    kept.sort(key=lambda slim: (slim["resourceType"], slim["url"]))
    text = json.dumps(kept, separators=(",", ":"), ensure_ascii=False).encode()
    given.to.write_bytes(gzip.compress(text, 9, mtime=0))
    print(f"{len(kept)} definitions, {len(text):,} bytes, compressed {given.to.stat().st_size:,}")


def _fetch(folder: str, package: str) -> Path:
    subprocess.run(["npm", "pack", "--silent", "--pack-destination", folder, package], check=True)
    return next(Path(folder).glob(f"{package.partition('@')[0]}-*.tgz"))


def _more_contexts(slim: dict[str, Any], later: dict[str, Any]) -> list[dict[str, Any]]:
    """Where a later release allows an extension besides the places of R4."""
    listed = [_pick(one, ("type", "expression")) for one in later.get("context", ())]
    return [one for one in listed if one not in slim["context"]] if "context" in slim else []


def _resources(package: Path) -> Iterator[dict[str, Any]]:
    with tarfile.open(package) as archive:
        for member in archive:
            name = Path(member.name).name
            if name.startswith(_FILES) and name.endswith(".json"):
                content = archive.extractfile(member)
                assert content is not None
                yield json.load(content)


def _slim(resource: dict[str, Any]) -> dict[str, Any] | None:
    if str(resource.get("url", "")).startswith(_EXAMPLES) or "url" not in resource:
        return None
    return _SLIM[resource["resourceType"]](resource)


def _pick(source: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: source[name] for name in names if name in source}


def _slim_structure(resource: dict[str, Any]) -> dict[str, Any] | None:
    if resource.get("fhirVersion") != VERSION or resource.get("kind") == "logical":
        return None
    slim = _pick(resource, _DEFINITION + _CONTEXT)
    slim["snapshot"] = {"element": [_slim_element(element) for element in resource["snapshot"]["element"]]}
    return slim


def _slim_element(element: dict[str, Any]) -> dict[str, Any]:
    slim = _pick(element, _ELEMENT)
    if element.get("isModifier"):
        slim["isModifier"] = True
    slim |= {name: value for name, value in element.items() if name.startswith(_VALUES)}
    base = element.get("base", {})
    if base.get("max") != element.get("max") or base.get("path") != element["path"]:
        slim["base"] = _pick(base, ("path", "max"))
    if "type" in element:
        slim["type"] = [_pick(one, _TYPE) for one in element["type"]]
    if "valueSet" in element.get("binding", {}):
        slim["binding"] = _pick(element["binding"], ("strength", "valueSet")) | _max_value_set(element)
    constraints = [_pick(one, _CONSTRAINT) for one in element.get("constraint", []) if _is_kept(one["key"], element)]
    if constraints:
        slim["constraint"] = constraints
    return slim


def _max_value_set(element: dict[str, Any]) -> dict[str, Any]:
    """The maximum value set of a code. That of a concept is left out, because there a text is enough."""
    is_code = all(one["code"] == "code" for one in element.get("type", ()))
    listed = [one for one in element["binding"].get("extension", ()) if one["url"] == _MAX_VALUE_SET]
    return {"extension": listed} if is_code and listed else {}


def _is_kept(key: str, element: dict[str, Any]) -> bool:
    return key not in _EVERYWHERE or (key == "ext-1" and element["path"] == "Extension")


def _slim_value_set(resource: dict[str, Any]) -> dict[str, Any] | None:
    slim = _pick(resource, ("resourceType", "url", "version"))
    compose = resource.get("compose", {})
    slim["compose"] = {
        part: [_slim_include(include) for include in compose[part]]
        for part in ("include", "exclude")
        if part in compose
    }
    return slim


def _slim_include(include: dict[str, Any]) -> dict[str, Any]:
    slim = _pick(include, ("system", "version", "filter", "valueSet"))
    if "concept" in include:
        slim["concept"] = [_pick(concept, ("code",)) for concept in include["concept"]]
    return slim


def _slim_code_system(resource: dict[str, Any]) -> dict[str, Any] | None:
    return _pick(resource, _SYSTEM) | {"concept": [_slim_concept(one) for one in resource.get("concept", [])]}


def _slim_search_parameter(resource: dict[str, Any]) -> dict[str, Any] | None:
    return _pick(resource, ("resourceType", "url", "type", "base"))


def _slim_concept(concept: dict[str, Any]) -> dict[str, Any]:
    slim = _pick(concept, ("code",))
    properties = [one for one in concept.get("property", []) if one["code"] in _PROPERTIES]
    if properties:
        slim["property"] = properties
    if "concept" in concept:
        slim["concept"] = [_slim_concept(one) for one in concept["concept"]]
    return slim


_SLIM = {
    "StructureDefinition": _slim_structure,
    "ValueSet": _slim_value_set,
    "CodeSystem": _slim_code_system,
    "SearchParameter": _slim_search_parameter,
}

if __name__ == "__main__":
    main()
