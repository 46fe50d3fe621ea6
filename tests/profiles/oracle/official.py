"""`python -m tests.profiles.oracle.official`: HL7's own test cases for validators. Do we reject what they say is wrong?

Those of R4 in JSON that need nothing but the resource and definitions beside it: no terminology server, no package, no
option. Each says whether an error is found. Exit 1 where we say something else and `NOT_OURS` does not say why.
Source: FHIR/fhir-test-cases, from Maven Central; nothing of it is copied here.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from cds_service.profiles.definitions import Definitions, load_definitions
from cds_service.profiles.validate import validate_json
from xml.etree import ElementTree
from tests.profiles.oracle.from_xml import NotConvertible, resource_from_xml
from tests.profiles.resources import with_core

ARTIFACT, VERSION = "fhir-test-cases", "1.5.27"
FOLDER = Path("build/oracle")
_INSIDE = "org/hl7/fhir/testcases/validator/"
_NEEDS = (
    *("packages", "logical", "fetcher", "tx-dependent", "security-checks", "for-publication", "ips"),
    *("bundle-param", "no-experimental-content", "noHtmlInMarkdown", "allowed-extension-domain", "best-practice"),
    *("language", "examples", "validateReference"),
)
"""Members of a case that ask for more than the resource, or for another validation than the usual one."""
_OTHER_MODULES = {
    "cda",
    "cdshooks",
    "dsig",
    "json5",
    "logical",
    "matchetype",
    "package-versioning",
    "scoring",
    "tx-advanced",
}
"""Other formats than FHIR's JSON, signatures, logical models, and versions of packages."""

_TERMINOLOGY = "asks a terminology server for the codes or displays of SNOMED CT or CVX"
_PUBLISHING = "rules for what HL7 itself publishes"
_UNKNOWN_EXTENSION = "an extension whose definition is not at hand is an error there, information here"
NOT_OURS: Mapping[str, str] = {
    **dict.fromkeys(("cvx", "shc-cvx", "bundle-id-5", "obs-temp-code2", "mr-covid-m2"), _TERMINOLOGY),
    **dict.fromkeys(("sp-diff-expression", "canonical-url", "vs-canonical-good"), _PUBLISHING),
    **dict.fromkeys(
        (
            "pat-dob-ext",
            "nested-questionnaire-nested-valueset",
            "obs-vs-1",
            "res-inv-example-good",
            "res-inv-example-bad",
            "AuditEvent-slice23-second",
            "patient-with-turvakielto",
            "uuid-extension",
        ),
        _UNKNOWN_EXTENSION,
    ),
    **dict.fromkeys(("cm", "cm2"), "codes of a ConceptMap outside its value sets: HL7's own maps have them"),
    "mr-covid-mr1": "a MeasureReport is not held against its Measure",
    "StructureDefinition-Slice23": "a slicing that is defined twice, of which the second is without effect",
    "ext-derived-circle": "its answer there is that of another case, about a ValueSet",
    "maiden-name-extension": "HL7's own extension in another place is a warning here, since later releases list more",
    "capstmt": "the type of a search parameter in a CapabilityStatement is a warning here: HL7's own has such",
    "encounter-period": "a period whose ends overlap in different precision is a warning here",
    "obs-temp-bad": "HL7's validator knows vital signs by SNOMED CT too; R4 names LOINC codes alone",
    "attachment-tx": "its base64 is three dots; the case asks for something else",
}


def main() -> int:
    """Judge every case and print the differences."""
    if not shutil.which("mvn"):
        print("official cases skipped: mvn not on this machine")
        return 0
    judged, agreed, differ = Counter[str](), Counter[str](), dict[str, str]()
    for name, wanted, found in _judged():
        sort = "of a profile" if name.endswith("(profile)") else "of R4"
        judged[sort] += 1
        agreed[sort] += wanted is found
        if wanted is not found:
            differ[name] = "rejected" if found else "accepted"
    if stale := sorted(NOT_OURS.keys() - {name.partition(" ")[0] for name in differ}):
        print(f"no difference any more: {', '.join(stale)}")
    unexplained = {name: said for name, said in differ.items() if name.partition(" ")[0] not in NOT_OURS}
    for name, said in unexplained.items():
        print(f"{name}: {said} here, not there")
    shares = ", ".join(f"{agreed[sort]} of {count} {sort}" for sort, count in judged.items())
    print(f"{shares}: official cases that agree; {len(unexplained)} differ without a reason")
    return 1 if unexplained else 0


def _judged() -> Iterator[tuple[str, bool, bool]]:
    """Name, whether an error is expected, and whether we find one."""
    for case in json.loads(_read("manifest.json") or b"{}")["test-cases"]:
        content = _read(case["file"])
        usable = str(case.get("version")).startswith("4.0") and content is not None
        if not usable or case.get("module") in _OTHER_MODULES or any(need in case for need in _NEEDS):
            continue
        if case["file"].endswith(".xml"):
            content = _converted(content)
        elif not case["file"].endswith(".json"):
            content = None
        if content is None:
            continue
        beside = [*case.get("supporting", ()), *case.get("profiles", ())]
        expected, known = _expects_an_error(case.get("java")), _definitions(*beside)
        if expected is not None and known is not None:
            yield case["name"], expected, _rejects(content or b"", (), known[1])
        profile = case.get("profile")
        if not isinstance(profile, dict) or "packages" in profile:
            continue
        expected = _expects_an_error(profile.get("java"))
        known = _definitions(profile["source"], *profile.get("supporting", ()), *beside)
        if expected is not None and known is not None:
            yield f"{case['name']} (profile)", expected, _rejects(content or b"", (known[0],), known[1])


def _converted(content: bytes) -> bytes | None:
    """A resource in XML as JSON; None if it can't be converted."""
    try:
        return json.dumps(resource_from_xml(content, load_definitions()), default=float).encode()
    except (ElementTree.ParseError, NotConvertible) as why:
        print(why)
        return None


def _rejects(content: bytes, profiles: tuple[str, ...], definitions: Definitions) -> bool:
    found = validate_json(content, profiles, definitions, unknown_extensions="error")
    return any(issue.is_error for issue in found)


def _definitions(*names: str) -> tuple[str, Definitions] | None:
    """The URL of the first one, and R4 with all of them; None where one is not among the cases."""
    core, bodies = load_definitions(), [_read(name) for name in names]
    if None in bodies:
        return None
    made = [
        resource_from_xml(body or b"", core) if name.endswith(".xml") else json.loads(body or b"")
        for name, body in zip(names, bodies, strict=True)
    ]
    inside = [entry["resource"] for one in made for entry in one.get("entry", ())]
    listed = [one for one in (*made, *inside) if "url" in one]
    return (made[0]["url"] if listed else ""), with_core(*listed) if listed else core


def _expects_an_error(said: Any) -> bool | None:
    outcome = said.get("outcome") if isinstance(said, dict) else said
    if isinstance(outcome, str):
        body = _read(outcome) or _read(f"outcomes/{outcome}")
        outcome = json.loads(body) if body else None
    if not isinstance(outcome, dict):
        return None
    return any(issue["severity"] in ("error", "fatal") for issue in outcome.get("issue", ()))


def _read(name: str) -> bytes | None:
    """A file of the cases; None where it is not among them."""
    try:
        return _archive().read(_INSIDE + name)
    except KeyError:
        return None


@cache
def _archive() -> ZipFile:
    path = FOLDER / f"{ARTIFACT}-{VERSION}.jar"
    if not path.exists():
        artifact = f"-Dartifact=org.hl7.fhir.testcases:{ARTIFACT}:{VERSION}"
        copy = ["dependency:copy", artifact, f"-DoutputDirectory={FOLDER.absolute()}", "-Dtransitive=false"]
        subprocess.run(["mvn", "-q", "-B", *copy], check=True)
    return ZipFile(path)


if __name__ == "__main__":
    sys.exit(main())
