"""`python -m tests.profiles.oracle.official`: HL7's own test cases for validators. Do we reject what they say is wrong?

Those of R4 that need only the resource and the definitions beside it: no terminology server, no package, and no option
but `--unknown-extensions error`, as HL7 runs them. Those in XML are converted to JSON, if it can say the same.
Each says whether an error is found. Exit 1 where we say something else and `NOT_OURS` does not say why.
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
from xml.etree import ElementTree
from zipfile import ZipFile

from cds_service.profiles.definitions import Definitions, load_definitions
from cds_service.profiles.validate import validate_json
from tests.profiles.oracle.from_xml import NotConvertible, resource_from_xml
from tests.profiles.resources import with_core

ARTIFACT, VERSION = "fhir-test-cases", "1.7.69"
FOLDER = Path("build/oracle")
_INSIDE = "org/hl7/fhir/testcases/validator/"
_NEEDS = (
    *("packages", "logical", "tx-dependent", "security-checks", "for-publication", "ips"),
    *("bundle-param", "no-experimental-content", "noHtmlInMarkdown", "allowed-extension-domain", "best-practice"),
    *("language", "examples", "validateReference", "validateContains", "supporting5"),
)
"""Members of a case that ask for more than the resource, or for another validation than the usual one."""
_OTHER_MODULES = {
    *("cda", "cdshooks", "dsig", "json5", "logical", "matchetype", "package-versioning", "scoring", "tx-advanced"),
}
"""Other formats than FHIR's JSON, signatures, logical models, versions of packages, other releases of SNOMED CT."""

_TERMINOLOGY = "asks a terminology server for codes or displays, or for its versions"
_EXAMPLE_DOMAIN = "extensions of example.org are always allowed there"
_LATER_EXTENSION = "an extension of HL7's package of extensions for later releases, which is not at hand here"
_ANOTHER_RELEASE = "an element of another release as an extension, whose definition is not at hand"
_CQL = "rules for the libraries and expressions of a Measure"
_LATER_FEATURE = "what a profile can ask only in later releases"
NOT_OURS: Mapping[str, str] = {
    **dict.fromkeys(("cvx", "shc-cvx", "bundle-id-5", "obs-temp-code2", "mr-covid-m2", "cm2"), _TERMINOLOGY),
    **dict.fromkeys(("vs-bad-code", "vs-bad-ecl", "sdoh-type-slice", "params-edqm-en"), _TERMINOLOGY),
    **dict.fromkeys(("q-ca-implicit", "q-ca-explicit", "q-ca-implicit-ca", "q-ca-explicit-ca"), _TERMINOLOGY),
    **dict.fromkeys(("no/Person-test", "no/Person-test-bad", "test-input-params-example1"), _EXAMPLE_DOMAIN),
    **dict.fromkeys(("res-inv-example-good", "res-inv-example-bad"), _LATER_EXTENSION),
    **dict.fromkeys(
        ("patient-xver", "patient-xver-bad", "patient-xver-gino", "patient-xver-bad-gino"), _ANOTHER_RELEASE
    ),
    **dict.fromkeys(("mr-m-simple-nossystem", "mr-m-cql-library"), _CQL),
    **dict.fromkeys(("toplevel-minvalueduration-fail", "toplevel-maxvalueduration-fail"), _LATER_FEATURE),
    **dict.fromkeys(("xhtml-ctrl-source1", "xhtml-ctrl-no-lang-bad", "xhtml-ctrl-two-lang-bad"), _LATER_FEATURE),
    **dict.fromkeys(("xhtml-ctrl-twob-lang-bad", "xhtml-ctrl-twob-lang-good2"), _LATER_FEATURE),
    **dict.fromkeys(("choice-async-qr", "choice-gender-coding-async-qr"), _TERMINOLOGY),
    **dict.fromkeys(("open-choice-gender-coding-async-qr", "string-with-coding-async-qr"), _TERMINOLOGY),
    "attachment-max-size-qr": "the size is taken for bytes; R4 says MB",
    "choice-invalid-type-qr": "a text for a choice without options; R4 says a Coding",
    "quantity-min-max-incompat-units-qr": "bounds in another kind of unit",
    "quantity-qr": "bounds without a code of their unit",
    "reference-invalid-resource-type-qr": "a type in the text of a URL that R4 does not know",
    "mr-single-good": "links of a MeasureReport's stratifiers, which R4 does not have",
    "measure-report-ihe": "a score of a cohort, which an earlier release of the cases forbade",
    "document-bad-bad-sections": "a profile of one element of another profile: information here",
    "de-address-example": "a profile that is not available is information here",
    "patient-auto-profile": "a profile that is not available is information here",
    "questionnaireResponse-enableWhenEx-test-fail": "an extension of one country that enables questions",
    "bad-bundle-reference-type-4": "Practitioner/ID is taken for the urn:uuid:ID of another entry",
    "ab-list-slicing": "links within a narrative are not checked",
    "type-ref-unchecked": "the type in the text of a reference is not checked in the usual run there",
    "list-bad-reference": "the form of a reference is not checked in the usual run there",
    "parameters-profiled-resource-multiple": "nothing conforms to a profile that does not fit its base",
    "encounter-period": "a period whose ends overlap in different precision is a warning here",
    "obs-temp-bad": "HL7's validator knows vital signs by SNOMED CT too; R4 names LOINC codes alone",
    "AuditEvent-slice23-second": "a slice of a slice is taken for another one of the same occurrence",
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
        if not str(case.get("version")).startswith("4.0") or case.get("module") in _OTHER_MODULES:
            continue
        content = _in_json(case["file"])
        if content is None or any(need in case for need in _NEEDS) or ("fetcher" in case and "supporting" not in case):
            continue
        beside = [*case.get("supporting", ()), *case.get("profiles", ())]
        expected, known = _expects_an_error(case.get("java")), _definitions(*beside)
        if expected is not None and known is not None:
            yield case["name"], expected, _rejects(content, (), known[1])
        profile = case.get("profile")
        if not isinstance(profile, dict) or "packages" in profile:
            continue
        expected = _expects_an_error(profile.get("java"))
        known = _definitions(profile["source"], *profile.get("supporting", ()), *beside)
        if expected is not None and known is not None:
            yield f"{case['name']} (profile)", expected, _rejects(content, (known[0],), known[1])


def _in_json(name: str) -> bytes | None:
    """A resource of the cases in JSON; None where it is not among them, or can't be converted."""
    content = _read(name)
    if content is None or name.endswith(".json"):
        return content
    if not name.endswith(".xml"):
        return None
    try:
        return json.dumps(resource_from_xml(content, load_definitions()), default=float).encode()
    except (ElementTree.ParseError, NotConvertible):
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
