"""References, Bundles and extensions: allowed targets, and consistent fullUrls."""

from __future__ import annotations

import pytest

from cds_service.profiles.issues import SEVERITIES, Severity
from cds_service.profiles.validate import validate
from tests.profiles.resources import (
    HL7,
    OURS,
    Json,
    bundle,
    condition,
    element,
    found,
    medication_request,
    observation,
    patient,
    profile,
    rules,
)

URN = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"


def about(reference: str, **more: str) -> Json:
    """An observation with a subject reference."""
    return observation(subject={"reference": reference, **more})


def transaction(reference: str) -> Json:
    """A transaction with a patient and an observation that refers to the patient."""
    request = {"method": "POST", "url": "x"}
    entries = [{"fullUrl": URN, "resource": patient(), "request": request}]
    entries += [
        {"fullUrl": "urn:uuid:c757873d-ec9a-4326-a141-556f43239521", "resource": about(reference), "request": request}
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


REFERENCES: dict[str, tuple[Json, list[str]]] = {
    "relative": (about("Patient/1"), []),
    "relative with version": (about("Patient/1/_history/2"), []),
    "absolute": (about("https://x.org/fhir/Patient/1"), []),
    "a URL of no FHIR server": (about("https://x.org/people?id=1"), []),
    "contained": (medication_request(), []),
    "contained, but missing": (medication_request(medicationReference={"reference": "#other"}), ["dom-3", "ref-1"]),
    "contained, but not referred to": (
        medication_request(medicationReference={"reference": "Medication/1"}),
        ["dom-3"],
    ),
    "contained without an id": (
        medication_request(
            contained=[{"resourceType": "Medication"}], medicationReference={"reference": "Medication/1"}
        ),
        ["contained-id", "dom-3"],
    ),
    "two contained of one id": (
        medication_request(contained=[{"resourceType": "Medication", "id": "med"}] * 2),
        ["contained-id"],
    ),
    "no form of a reference": (about("Patient"), ["reference-form"]),
    "no resource type": (about("Person1/1"), ["reference-form"]),
    "a resource that may not stand here": (about("Practitioner/1"), ["reference-target"]),
    "an absolute one of the wrong type": (about("https://x.org/fhir/Slot/1"), ["reference-target"]),
    "a type that is said wrongly": (about("Patient/1", type="Group"), ["reference-type"]),
    "a urn outside a Bundle": (about(URN), []),
    "an entry of the transaction": (transaction(URN), []),
    "no entry of the transaction": (transaction(URN.replace("c7", "c8")), ["reference-unresolved"]),
    "a conditional one in a transaction": (transaction("Patient?identifier=1"), []),
    "a conditional one elsewhere": (about("Patient?identifier=1"), ["reference-form"]),
    "an entry of the wrong type": (
        {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"fullUrl": URN, "resource": condition()}, {"fullUrl": "urn:x:2", "resource": about(URN)}],
        },
        ["reference-target"],
    ),
}


@pytest.mark.parametrize(("resource", "expected"), REFERENCES.values(), ids=REFERENCES.keys())
def test_references(resource: Json, expected: list[str]) -> None:
    """A reference must be well formed, have an allowed target, and resolve where that is required."""
    assert sorted(rules(resource)) == sorted(expected)


def entry(**more: object) -> Json:
    """One entry with a patient."""
    return {"fullUrl": "http://x.org/fhir/Patient/p1", "resource": patient(), **more}


def of(kind: str, *entries: Json, **more: object) -> Json:
    """A Bundle of entries."""
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries), **more}


ISSUE = {"severity": "warning", "code": "not-found"}
BUNDLES: dict[str, tuple[Json, list[str]]] = {
    "an entry under its own URL": (of("collection", entry()), []),
    "an entry under the URL of another": (
        of("collection", entry(fullUrl="http://x.org/fhir/Patient/p2")),
        ["full-url"],
    ),
    "an entry under the URL of another type": (
        of("collection", entry(fullUrl="http://x.org/fhir/Group/p1")),
        ["full-url"],
    ),
    "an entry with the URL of what has no id": (
        of("collection", {"fullUrl": "http://x.org/fhir/Patient/p1", "resource": {"resourceType": "Patient"}}),
        ["full-url"],
    ),
    "an entry with a urn without an id": (
        of(
            "collection",
            {"fullUrl": "urn:uuid:2f1c9a5e-0b1d-4c58-9a3e-5d8f2b7c6a10", "resource": {"resourceType": "Patient"}},
        ),
        [],
    ),
    "an entry of a collection without its URL": (of("collection", {"resource": patient()}), ["full-url"]),
    "an entry of a batch without its URL": (
        of("batch", {"resource": patient(), "request": {"method": "POST", "url": "Patient"}}),
        [],
    ),
    **{
        f"two links: {relation}": (
            of("searchset", entry())
            | {"link": [{"relation": relation, "url": url} for url in ("http://a", "http://b")]},
            expected,
        )
        for relation, expected in (("self", ["bundle-link"]), ("next", ["bundle-link"]), ("alternate", []))
    },
    "what went wrong in a search": (
        of("searchset", {"resource": {"resourceType": "OperationOutcome", "issue": [ISSUE]}}),
        [],
    ),
    "a URL that is not absolute": (of("collection", entry(fullUrl="Patient/p1")), ["full-url"]),
    "a URL with a version": (of("collection", entry(fullUrl="http://x.org/Patient/p1/_history/1")), ["bdl-8"]),
    "two entries of one URL": (of("collection", entry(), entry()), ["bdl-7"]),
    "a transaction without requests": (of("transaction", entry()), ["bdl-3"]),
    "a total in a collection": (of("collection", entry(), total=1), ["bdl-1"]),
    "a found resource": (of("searchset", entry(search={"mode": "match"}), total=1), []),
    "a found resource without an id": (
        of("searchset", {"fullUrl": "http://x.org/y", "resource": {"resourceType": "Patient"}}),
        ["search-id"],
    ),
    "an outcome that is none": (of("searchset", entry(search={"mode": "outcome"})), ["search-mode"]),
    "a document without what it needs": (
        of("document", {"resource": patient()}),
        ["bdl-9", "bdl-10", "bdl-11", "full-url"],
    ),
    "an empty entry": (of("collection", {"fullUrl": "urn:x:1"}), ["bdl-5"]),
}


def a_document(author: str) -> Json:
    """A document whose Composition has an author."""
    composition = {
        "resourceType": "Composition",
        "id": "c",
        "status": "final",
        "type": {"text": "x"},
        "subject": {"reference": "Patient/p1"},
        "date": "2020",
        "author": [{"reference": author}],
        "title": "x",
    }
    more = {"identifier": {"system": "urn:oid:1.2", "value": "1"}, "timestamp": "2020-01-01T10:00:00Z"}
    return bundle(composition, patient(), {"resourceType": "Practitioner", "id": "d"}, kind="document", **more)


@pytest.mark.parametrize(("author", "expected"), [("Practitioner/d", []), ("Practitioner/e", ["document-reference"])])
def test_a_document_is_complete(author: str, expected: list[str]) -> None:
    """The targets of a document's Composition must be in the document."""
    assert rules(a_document(author))[:1] == expected


LINKED: dict[str, tuple[Json, list[str]]] = {
    "by nothing": ({}, ["document-reference"]),
    "by what refers to it": ({"subject": {"reference": "Patient/p1"}}, []),
    "through another entry": ({"hasMember": [{"reference": "Observation/o2"}]}, []),
}


@pytest.mark.parametrize(("more", "expected"), LINKED.values(), ids=LINKED.keys())
def test_a_document_holds_only_what_is_linked(more: Json, expected: list[str]) -> None:
    """Every entry of a document is linked to its Composition, directly or not, in either direction."""
    document = a_document("Practitioner/d")
    extra = {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "x"}, **more}
    between = {"resourceType": "Observation", "id": "o2", "status": "final", "code": {"text": "x"}}
    between |= {"performer": [{"reference": "Practitioner/d"}]}
    document["entry"] += bundle(extra, between, {"resourceType": "Binary", "id": "css", "contentType": "text/css"})[
        "entry"
    ]
    assert rules(document) == expected


def test_in_a_document_a_reference_is_resolved_by_full_url() -> None:
    """Where the author's entry has a urn, its type and id do not find it: only the urn does."""
    document = a_document("Practitioner/d")
    document["entry"][-1]["fullUrl"] = urn = "urn:uuid:2f1c9a5e-0b1d-4c58-9a3e-5d8f2b7c6a10"
    assert set(rules(document)) == {"document-reference"}
    document["entry"][0]["resource"]["author"] = [{"reference": urn}]
    assert rules(document) == []


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        ("Practitioner/d/_history/1", []),
        ("Practitioner/d/_history/2", []),
        ("Practitioner/d/_history/3", ["document-reference"]),
        ("Practitioner/d", ["document-reference"]),
    ],
)
def test_a_document_may_hold_two_versions(author: str, expected: list[str]) -> None:
    """If a document has two versions of a resource, the reference must name one that is there."""
    document = a_document(author)
    last = document["entry"].pop()
    for version in ("1", "2"):
        document["entry"].append(last | {"resource": last["resource"] | {"meta": {"versionId": version}}})
    assert rules(document)[:1] == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("identifier=urn:oid:1.2|3&active:not=false", []),
        ("identifier=1&?==", ["reference-form"]),
        ("x", ["reference-form"]),
    ],
)
def test_a_conditional_reference_is_a_search(query: str, expected: list[str]) -> None:
    """In a transaction a reference may be conditional (a search)."""
    assert rules(transaction(f"Patient?{query}")) == expected


@pytest.mark.parametrize(("resource", "expected"), BUNDLES.values(), ids=BUNDLES.keys())
def test_bundles(resource: Json, expected: list[str]) -> None:
    """The fullUrl of an entry must agree with its resource, and each type of Bundle must follow its rules."""
    assert sorted(rules(resource)) == sorted(expected)


STRICT = profile("Patient", element("Patient.photo", min=1), name="strict")
TO_STRICT = profile(
    "Observation", element("Observation.subject", type=[{"code": "Reference", "targetProfile": [OURS + "strict"]}])
)
IN_BUNDLE = profile(
    "Bundle",
    element("Bundle.entry", slicing={"discriminator": [{"type": "type", "path": "resource"}], "rules": "open"}),
    element("Bundle.entry:o"),
    element("Bundle.entry:o.resource", min=1, type=[{"code": "Observation", "profile": [OURS + "to-strict"]}]),
)
CONTAINED_ONLY = profile(
    "Observation",
    element(
        "Observation.subject",
        type=[{"code": "Reference", "targetProfile": [HL7 + "Patient"], "aggregation": ["contained"]}],
    ),
)


@pytest.mark.parametrize(
    ("photo", "expected"), [({}, ["reference-target"]), ({"photo": [{"url": "http://x.org/1.png"}]}, [])]
)
def test_a_target_profile_is_held_against_what_can_be_reached(photo: Json, expected: list[str]) -> None:
    """If the target of a reference is in the Bundle, it must conform to the target profile."""
    resource = bundle(patient(**photo), observation())
    assert rules(resource, IN_BUNDLE, STRICT, TO_STRICT | {"url": OURS + "to-strict"}) == expected


def test_a_target_profile_out_of_reach_is_no_error() -> None:
    """If the target of a reference can't be resolved, only its type is checked."""
    assert rules(observation(), TO_STRICT, STRICT) == []
    assert rules(about("Group/1"), TO_STRICT, STRICT) == ["reference-target"]


def test_a_reference_that_must_be_contained() -> None:
    """A profile may require that the target of a reference is contained."""
    assert rules(observation(), CONTAINED_ONLY) == ["reference-aggregation"]


def extension(name: str, *elements: Json, context: str = "Patient", **more: object) -> Json:
    """The definition of an extension."""
    made = profile("Extension", *elements, name=name, kind="complex-type", **more)
    return made | {"context": [{"type": "element", "expression": context}]}


SIMPLE = extension(
    "simple",
    element("Extension.url", fixedUri=OURS + "simple"),
    element("Extension.value[x]", min=1, type=[{"code": "code"}]),
)
MODIFIER = extension("modifier", element("Extension.url", fixedUri=OURS + "modifier"))
MODIFIER["differential"]["element"][0] |= {"isModifier": True, "isModifierReason": "x"}
ON_NAMES = extension("names", element("Extension.url", fixedUri=OURS + "names"), context="HumanName")


INSIDE = extension("inside", element("Extension.url", fixedUri=OURS + "inside"))
INSIDE["context"] = [{"type": "extension", "expression": OURS + "simple"}]
WITHIN = {"url": OURS + "inside", "valueCode": "x"}
TRANSLATED = [{"url": "lang", "valueCode": "de"}, {"url": "content", "valueString": "x"}]


def extended(name: str, where: str = "extension", **value: object) -> Json:
    """A patient with the extension under test."""
    return patient(**{where: [{"url": OURS + name, **(value or {"valueCode": "x"})}]})


EXTENSIONS: dict[str, tuple[Json, list[str]]] = {
    "as defined": (extended("simple"), []),
    "of another type": (extended("simple", valueString="x"), ["choice", "cardinality"]),
    "with neither value nor parts": (patient(extension=[{"url": OURS + "other"}]), ["ext-1"]),
    "with both": (
        patient(extension=[{"url": "http://x.org/y", "valueCode": "x", "extension": [{"url": "z", "valueCode": "x"}]}]),
        ["ext-1"],
    ),
    "without a url": (patient(extension=[{"valueCode": "x"}]), ["cardinality"]),
    "with a relative url": (patient(extension=[{"url": "x", "valueCode": "x"}]), ["extension-url"]),
    "somewhere else": (observation(extension=[{"url": OURS + "simple", "valueCode": "x"}]), ["extension-context"]),
    "on a datatype": (patient(name=[{"extension": [{"url": OURS + "names", "valueCode": "x"}]}]), []),
    "on what is no such datatype": (extended("names"), ["extension-context"]),
    "a modifier among the others": (extended("modifier"), ["extension-modifier"]),
    "a modifier where it belongs": (extended("modifier", "modifierExtension"), []),
    "no modifier among the modifiers": (extended("simple", "modifierExtension"), ["extension-modifier"]),
    "unknown": (extended("unknown"), []),
    "on the value of an extension": (
        patient(
            _gender={"extension": [{"url": OURS + "simple", "_valueCode": {"extension": [WITHIN]}, "valueCode": "x"}]}
        ),
        ["extension-context"],  # of the outer one alone
    ),
    "a part that is not defined": (
        patient(extension=[{"url": HL7 + "patient-nationality", "extension": [{"url": "x", "valueCode": "x"}]}]),
        ["extension-url"],
    ),
    "of HL7, in another place": (
        patient(extension=[{"url": HL7 + "humanname-own-name", "valueString": "x"}]),
        ["extension-context"],
    ),
    "of HL7, where later releases allow it": (
        patient(_gender={"extension": [{"url": HL7 + "translation", "extension": TRANSLATED}]}),
        [],
    ),
    "on the id of a resource": (
        patient(_id={"extension": [{"url": "http://x.org/y", "valueCode": "x"}]}),
        ["extension-context"],
    ),
    "unknown, on a primitive": (patient(_gender={"extension": [{"url": "http://x.org/y", "valueCode": "x"}]}), []),
}


@pytest.mark.parametrize(("resource", "expected"), EXTENSIONS.values(), ids=EXTENSIONS.keys())
def test_extensions(resource: Json, expected: list[str]) -> None:
    """A known extension is validated against its definition and context; an unknown one is not an error."""
    assert rules(resource, SIMPLE, MODIFIER, ON_NAMES, INSIDE) == expected


@pytest.mark.parametrize("severity", ["information", "warning", "error"])
def test_an_element_of_another_release_is_no_unknown_extension(severity: Severity) -> None:
    """FHIR defines an extension for every element of other releases: never more than information."""
    url = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Patient.x"
    resource = patient(extension=[{"url": url, "valueString": "x"}, {"url": "http://x.org/y", "valueString": "x"}])
    issues = validate(resource, unknown_extensions=severity)
    assert [one.severity for one in issues if one.rule == "extension-unknown"] == sorted(
        [severity, "information"], key=SEVERITIES.index
    )


def placed(*contexts: tuple[str, str]) -> Json:
    """An extension for these (type, expression) contexts."""
    made = extension("placed", element("Extension.url", fixedUri=OURS + "placed"))
    return made | {"context": [{"type": kind, "expression": expression} for kind, expression in contexts]}


PLACED = [{"url": OURS + "placed", "valueCode": "x"}]
ON_THE_SECOND = patient(name=[{"family": "a"}, {"family": "b", "extension": PLACED}])
CONTEXTS: dict[str, tuple[Json, str, list[str]]] = {
    "the resource": (patient(extension=PLACED), "Patient", []),
    "the resource, under a condition": (patient(extension=PLACED), "Patient.where(active)", []),
    "the resource, condition not met": (patient(extension=PLACED), "Patient.where(active.not())", ["error"]),
    "an element": (ON_THE_SECOND, "Patient.name[1]", []),
    "another element of the same name": (ON_THE_SECOND, "Patient.name[0]", ["error"]),
    "an element of another type": (ON_THE_SECOND, "Patient.contact.name", ["error"]),
    "any descendant": (ON_THE_SECOND, "Patient.descendants()", []),
    "a primitive": (patient(_gender={"extension": PLACED}), "Patient.gender", []),
    "another primitive": (patient(_gender={"extension": PLACED}), "Patient.birthDate", ["error"]),
    "a condition instead of a place": (ON_THE_SECOND, "family.exists()", ["error"]),
    "what can't be evaluated": (ON_THE_SECOND, "Patient.noSuchFunction()", ["information"]),
}


@pytest.mark.parametrize(
    ("invariant", "expected"),
    [
        ("family = 'b'", []),
        ("family = 'a'", ["error"]),
        ("given.exists()", ["error"]),
        ("%extension.value = 'x'", []),
        ("%extension.value = 'y'", ["error"]),
        ("noSuchFunction()", ["information"]),
    ],
)
def test_a_context_may_have_invariants(invariant: str, expected: list[str]) -> None:
    """A contextInvariant must be true of the element that has the extension, which is %extension there."""
    issues = found(ON_THE_SECOND, placed(("element", "HumanName")) | {"contextInvariant": [invariant]})
    assert [issue.severity for issue in issues if issue.rule == "extension-context"] == expected


@pytest.mark.parametrize(("resource", "expression", "expected"), CONTEXTS.values(), ids=CONTEXTS.keys())
@pytest.mark.parametrize("others", [(), (("element", "Observation"),)])
def test_a_context_may_be_a_fhirpath(
    resource: Json, expression: str, expected: list[str], others: tuple[tuple[str, str], ...]
) -> None:
    """An extension is allowed on the elements that the FHIRPath of its context selects, also beside other contexts."""
    issues = found(resource, placed(("fhirpath", expression), *others))
    assert [issue.severity for issue in issues if issue.rule == "extension-context"] == expected


def test_one_context_of_several_is_enough() -> None:
    """An element that one context allows needs no FHIRPath of another."""
    assert rules(ON_THE_SECOND, placed(("fhirpath", "Observation.code"), ("element", "HumanName"))) == []


def test_an_unknown_modifier_extension_is_a_warning() -> None:
    """An unknown modifier extension is a warning, because it may change the meaning of the resource."""
    assert "extension-unknown" in rules(extended("unknown", "modifierExtension"), severity="warning")
