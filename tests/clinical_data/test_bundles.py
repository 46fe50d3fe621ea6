"""A prefetch value becomes resources and gaps: absent, null, empty and refused are four different things."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cds_service.clinical_data.bundles import missing, read_prefetch
from cds_service.clinical_data.retrieved import RetrievedData

OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}


def a_condition(number: int = 1, **fields: Any) -> dict[str, Any]:
    """A Condition of the patient of the call, p1."""
    base = {"resourceType": "Condition", "id": f"c{number}", "subject": {"reference": "Patient/p1"}}
    return {key: value for key, value in (base | fields).items() if value is not ...}


def a_bundle(*entries: Any, **fields: Any) -> dict[str, Any]:
    """A searchset with these entries."""
    return {"resourceType": "Bundle", "type": "searchset", "entry": list(entries), **fields}


def read(value: Any) -> RetrievedData:
    """The retrieved `conditions` in a call for patient p1."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return read_prefetch("conditions", raw, ("Condition",), "p1")[0]


def references(retrieved: RetrievedData) -> list[str]:
    """What was read."""
    return [record.reference for record in retrieved.records]


def gaps(retrieved: RetrievedData) -> list[tuple[str, str | None]]:
    """What could not be read: reason and reference."""
    return [(gap.reason.key, gap.reference) for gap in retrieved.unavailable]


@pytest.mark.parametrize(
    "value", [None, a_bundle(), {"resourceType": "Bundle"}, {"resourceType": "Bundle", "entry": None, "total": 0}]
)
def test_nothing_there(value: Any) -> None:
    """Null and an empty Bundle say that the client looked and found nothing."""
    retrieved = read(value)
    assert (retrieved.records, retrieved.obtained, retrieved.complete) == ((), True, True)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (OUTCOME, "refused"),
        ({"resourceType": "Patient", "id": "p1"}, "wrong-type"),
        ({"resourceType": "Parameters"}, "wrong-type"),
        ([], "unreadable-bundle"),
        ("Condition", "unreadable-bundle"),
        (7, "unreadable-bundle"),
        ({}, "unreadable-bundle"),
        ({"resourceType": 5}, "unreadable-bundle"),
        (a_bundle(total="many"), "unreadable-bundle"),
        (a_bundle(link="next"), "unreadable-bundle"),
        ({"resourceType": "Bundle", "entry": {"resource": a_condition()}}, "unreadable-bundle"),
    ],
)
def test_nothing_had(value: Any, reason: str) -> None:
    """An error, another kind of resource, or no Bundle is no empty list: nothing was retrieved, and it says why."""
    retrieved = read(value)
    assert (references(retrieved), retrieved.obtained, gaps(retrieved)) == ([], False, [(reason, None)])


def test_not_sent() -> None:
    """A key that was not sent was not retrieved."""
    assert not missing("conditions", "not-sent").obtained


def test_a_single_resource_counts_as_itself() -> None:
    """A client may send the one resource in place of a Bundle."""
    retrieved = read(a_condition())
    assert (references(retrieved), retrieved.complete) == (["Condition/c1"], True)


@pytest.mark.parametrize(
    ("entry", "gap"),
    [
        ({"resource": OUTCOME}, ("incomplete-error-entry", None)),
        ({"resource": OUTCOME, "search": {"mode": "outcome"}}, ("incomplete-error-entry", None)),
        ({"resource": a_condition(2), "search": {"mode": "outcome"}}, ("incomplete-error-entry", None)),
        ({"fullUrl": "https://ehr.example.org/fhir/Condition/c2"}, ("unreadable-resource", "conditions.entry[1]")),
        ({}, ("unreadable-resource", "conditions.entry[1]")),
        (None, ("unreadable-resource", "conditions.entry[1]")),
        ("Condition/c2", ("unreadable-resource", "conditions.entry[1]")),
        ({"resource": None}, ("unreadable-resource", "conditions.entry[1]")),
        ({"resource": "Condition/c2"}, ("unreadable-resource", "conditions.entry[1]")),
        ({"resource": {"id": "c2"}}, ("unreadable-resource", "conditions.entry[1]")),
        ({"resource": a_condition(2, id=2)}, ("unreadable-resource", "conditions.entry[1]")),
        ({"resource": a_condition(2, subject="p1")}, ("unreadable-resource", "conditions.entry[1]")),
        ({"resource": a_condition(2), "search": "match"}, ("unreadable-resource", "conditions.entry[1]")),
        ({"resource": {"resourceType": "Procedure", "id": "x"}}, ("wrong-type", "Procedure/x")),
        ({"resource": a_condition(2, subject={"reference": "Patient/p2"})}, ("other-patient", "Condition/c2")),
        ({"resource": a_condition(2, subject={"reference": "Group/p1"})}, ("other-patient", "Condition/c2")),
        ({"resource": a_condition(2, subject={"reference": "urn:uuid:0c3151bd"})}, ("unclear-patient", "Condition/c2")),
        ({"resource": a_condition(2, subject={"reference": "#p"})}, ("unclear-patient", "Condition/c2")),
    ],
)
def test_one_entry_that_can_not_be_used(entry: Any, gap: tuple[str, str | None]) -> None:
    """One broken or foreign entry leaves a gap with its place, and never sinks the others."""
    retrieved = read(a_bundle({"resource": a_condition(1)}, entry, {"resource": a_condition(3)}))
    assert references(retrieved) == ["Condition/c1", "Condition/c3"]
    assert (retrieved.obtained, retrieved.complete, gaps(retrieved)) == (True, False, [gap])


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/p1"},
        {"reference": "p1"},
        {"reference": "https://ehr.example.org/fhir/Patient/p1"},
        {"reference": "https://ehr.example.org/fhir/Patient/p1/_history/3"},
        {"reference": "Patient/p1/_history/3"},
        {"reference": "urn:uuid:p1"},
        {"display": "the patient"},
        {"identifier": {"value": "123"}},
        None,
        ...,
    ],
)
def test_resources_of_the_patient(subject: Any) -> None:
    """The patient is known by relative, absolute and versioned references; one that names nobody was searched for."""
    retrieved = read(a_bundle({"resource": a_condition(1, subject=subject)}))
    assert (references(retrieved), retrieved.complete) == (["Condition/c1"], True)


def test_an_included_resource_of_another_kind_is_passed_over() -> None:
    """What a search includes beside the matches is no gap."""
    practitioner = {"resource": {"resourceType": "Practitioner", "id": "x"}, "search": {"mode": "include"}}
    assert read(a_bundle({"resource": a_condition()}, practitioner)).complete


@pytest.mark.parametrize(
    ("fields", "complete"),
    [
        ({"link": [{"relation": "self", "url": "x"}]}, True),
        ({"link": [{"relation": "self", "url": "x"}, {"relation": "next", "url": "y"}]}, False),
        ({"total": 1}, True),
        ({"total": 2}, False),
        ({"total": 0}, True),
    ],
)
def test_more_than_was_sent(fields: dict[str, Any], complete: bool) -> None:
    """A next page, or a total above the matches that were sent, leaves the list incomplete."""
    retrieved = read(a_bundle({"resource": a_condition(), "search": {"mode": "match"}}, **fields))
    assert (retrieved.complete, references(retrieved)) == (complete, ["Condition/c1"])


def test_a_total_counts_matches_only() -> None:
    """A total of two with one match and one included resource says that a match is missing."""
    include = {"resource": {"resourceType": "Practitioner", "id": "x"}, "search": {"mode": "include"}}
    retrieved = read(a_bundle({"resource": a_condition(), "search": {"mode": "match"}}, include, total=2))
    assert gaps(retrieved) == [("more-pages", None)]


def test_the_same_resource_twice_counts_once() -> None:
    """Two copies of a resource are one; versions that differ are all read."""
    entry = {"resource": a_condition(), "fullUrl": "https://ehr.example.org/fhir/Condition/c1"}
    others = [entry | {"resource": a_condition(recordedDate=f"2026-0{month}-01")} for month in (1, 2)]
    assert references(read(a_bundle(entry, entry))) == ["Condition/c1"]
    assert references(read(a_bundle(entry, *others, entry))) == ["Condition/c1"] * 3


def test_a_resource_without_id_is_named_by_its_place() -> None:
    """A resource without an id is known by its full URL, or by where it stood."""
    bundle = a_bundle({"resource": a_condition(id=...), "fullUrl": "urn:uuid:77"}, {"resource": a_condition(id=...)})
    assert references(read(bundle)) == ["urn:uuid:77", "conditions.entry[1]"]


def test_bytes_are_kept() -> None:
    """What was received is kept byte for byte, so that nothing is lost when an order is sent back."""
    body = b'{ "resourceType":"Condition", "id":"c1",  "x": 1.50 }'
    (record,) = read(b'{"resourceType":"Bundle","entry":[{"resource":' + body + b"}]}").records
    assert record.body == body


def test_deep_nesting_is_no_accident() -> None:
    """A resource nested a thousand levels deep is read as far as it is needed, or leaves a gap."""
    deep = b'{"resourceType":"Condition","id":"c1","extension":' + b"[" * 1000 + b"]" * 1000 + b"}"
    retrieved = read(b'{"resourceType":"Bundle","entry":[{"resource":' + deep + b"}]}")
    assert len(retrieved.records) + len(retrieved.unavailable) == 1
