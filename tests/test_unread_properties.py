"""The first vow over every question: whatever can no longer be read of the record that answers it, it is not absent.

A question and a record that answers it are taken from the clinical cases; each way of `WAYS` then makes that one record
unreadable, or writes it as real records do. What a way leaves readable may stay present; none may turn it into
"looked, found nothing".
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cds_service.answer import Answer, answer
from cds_service.cases import request_of
from cds_service.errors import CdsError
from cds_service.hooks.envelope import read_request
from tests.support.reading import NOW
from tests.support.samples import WHOLE, sample
from tests.support.shipped import shipped_cases, shipped_knowledge

pytestmark = [pytest.mark.slow, pytest.mark.sampled]

KNOWLEDGE = shipped_knowledge()
Resource = dict[str, Any]
Way = Callable[[Resource, dict[str, Any], int], None]
LOCAL = "urn:oid:1.2.276.0.76.3.1.999"
LONGEST_OF_WHO = len("K76.8")
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
ANSWERED_TWICE = {"filter-in-place"}
"""Questions that an order answers as well: one to take a filter out says that it is there."""
UNLESS_DATED = {"hyperthyroidism", "filter-in-place"}
"""Another question asks for the same state where nobody says since when, and earlier procedures are no reasons."""


def _code(resource: Resource) -> str:
    return "medicationCodeableConcept" if resource["resourceType"].startswith("Medication") else "code"


def _subject(resource: Resource) -> str:
    return "patient" if resource["resourceType"] == "AllergyIntolerance" else "subject"


def code_of_nobody(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """A local code without a word."""
    resource[_code(resource)] = {"coding": [{"system": LOCAL, "code": "4711"}]}


def code_of_the_house(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """A local code with the name of the standard one; how results are named is another test's."""
    concept = resource.get(_code(resource), {})
    codings = concept.get("coding", ())
    names = [
        concept.get("text"),
        *(c.get("display") or KNOWLEDGE.codes.display(c["system"], c["code"]) for c in codings),
    ]
    if resource["resourceType"] != "Observation" and (name := next(filter(None, names), None)):
        resource[_code(resource)] = {"coding": [{"system": LOCAL, "code": "4711", "display": name}]}


def code_of_snomed_ct(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """A code of SNOMED CT that no value set holds, with the name of the listed one."""
    code_of_the_house(resource, bundle, place)
    codings = resource.get(_code(resource), {}).get("coding", ())
    if resource["resourceType"] == "Condition" and any(coding.get("system") == LOCAL for coding in codings):
        resource["code"]["coding"] = [{**codings[0], "system": "http://snomed.info/sct", "code": "999999011000"}]


def icd_10_cm_as_icd_10(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """A code that only ICD-10-CM has, under the name of ICD-10, which nearly every code of it fits."""
    for coding in resource.get("code", {}).get("coding", ()):
        if coding["system"].endswith("icd-10-cm") and len(coding["code"]) > LONGEST_OF_WHO:
            coding["system"] = "http://hl7.org/fhir/sid/icd-10"


def code_masked(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """The code is masked, in the code system for that."""
    resource[_code(resource)] = {"coding": [{"system": f"{TERMINOLOGY}/data-absent-reason", "code": "masked"}]}


def code_null_flavor(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """The code is masked, as HL7 v3 says it."""
    resource[_code(resource)] = {"coding": [{"system": f"{TERMINOLOGY}/v3-NullFlavor", "code": "MSK"}]}


def text_of_nothing(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """A dash for a name."""
    resource[_code(resource)] = {"text": "-"}


def see_note(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """The name stands in a note, which may hold anything; a result is excepted, its other words are another test."""
    if resource["resourceType"] != "Observation":
        resource[_code(resource)] = {"text": "see note"}


def other(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """A name that names nothing."""
    if resource["resourceType"] != "Observation":
        resource[_code(resource)] = {"text": "Other"}


def redacted(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """The code was taken out, which the resource says."""
    resource[_code(resource)] = {}
    resource["meta"] = {"security": [{"system": f"{TERMINOLOGY}/v3-ObservationValue", "code": "REDACTED"}]}


def list_redacted(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """The resource was taken out, which the list says."""
    del bundle["entry"][place]
    bundle["meta"] = {"security": [{"system": f"{TERMINOLOGY}/v3-ObservationValue", "code": "REDACTED"}]}


def list_subsetted(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """The same as a tag."""
    del bundle["entry"][place]
    bundle["meta"] = {"tag": [{"system": f"{TERMINOLOGY}/v3-ObservationValue", "code": "SUBSETTED"}]}


def suppressed(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """A warning among the entries says that some were left out."""
    issue = {"severity": "warning", "code": "suppressed", "diagnostics": "Some results were withheld"}
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    bundle["entry"][place] = {"search": {"mode": "outcome"}, "resource": outcome}


def withheld_list(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """An empty List, for a reason, stands for the whole list."""
    reason = {"coding": [{"system": f"{TERMINOLOGY}/list-empty-reason", "code": "withheld"}]}
    empty = {"resourceType": "List", "id": "l1", "status": "current", "mode": "snapshot", "emptyReason": reason}
    bundle["entry"][:] = [{"resource": empty}]


def next_page(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """The resource is on a page that was not sent."""
    del bundle["entry"][place]
    bundle["link"] = [{"relation": "next", "url": "https://ehr.example.org/fhir?page=2"}]


def of_another_patient(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """A record of somebody else has slipped in for the patient's."""
    resource[_subject(resource)] = {"reference": "Patient/another"}


def in_a_list(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """The resource is contained in a List."""
    inner = copy.deepcopy(resource) | {"id": "inner"}
    listed = {"resourceType": "List", "id": "l1", "status": "current", "mode": "snapshot"}
    bundle["entry"][place] = {
        "resource": {**listed, "contained": [inner], "entry": [{"item": {"reference": "#inner"}}]}
    }


def in_a_bundle(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """The resource is in a Bundle within the Bundle."""
    entry = {"resource": copy.deepcopy(resource)}
    bundle["entry"][place] = {"resource": {"resourceType": "Bundle", "type": "collection", "entry": [entry]}}


def named_only(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """The entry names the resource, and does not hold it."""
    bundle["entry"][place] = {"fullUrl": f"https://ehr.example.org/{resource['resourceType']}/{resource['id']}"}


def changed_in_meaning(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """An extension that nobody knows may turn the meaning round."""
    resource["modifierExtension"] = [{"url": "https://ehr.example.org/negated", "valueBoolean": False}]


def status_of_nobody(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """A status in the words of the house."""
    if "status" in resource:
        resource["status"] = "Aktiv"
    else:
        resource["clinicalStatus"] = {"text": "Aktiv"}


def without_status(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """No status at all."""
    for name in ("status", "clinicalStatus", "verificationStatus"):
        resource.pop(name, None)


def value_masked(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """The value of a result is masked."""
    if resource["resourceType"] == "Observation":
        _without_value(resource)
        absent = {"coding": [{"system": f"{TERMINOLOGY}/data-absent-reason", "code": "masked"}]}
        resource["dataAbsentReason"] = absent


def value_in_words(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """The value of a result is a remark of the laboratory."""
    if "valueQuantity" in resource:
        _without_value(resource)
        resource["valueString"] = ("see comment", "haemolysed", "hämolytisch", "s. Kommentar", "***")[place % 5]


def value_in_a_foreign_unit(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """The value of a result is in a unit that is none of the test."""
    if "valueQuantity" in resource:
        resource["valueQuantity"] = {"value": resource["valueQuantity"]["value"], "unit": "furlong"}


def date_as_written(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """A date of a result as people write it."""
    if "effectiveDateTime" in resource:
        resource["effectiveDateTime"] = ".".join(reversed(resource["effectiveDateTime"][:10].split("-")))


def ends_ahead(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """A condition that is to end next year, or at a time that nobody can read, is not over."""
    if resource["resourceType"] == "Condition":
        resource |= ({"abatementDateTime": "2099-01-01"}, {"abatementString": "ongoing"})[place % 2]


def unconfirmed(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """A condition that is not confirmed is not denied either."""
    if resource["resourceType"] == "Condition":
        status = ("unconfirmed", "provisional", "differential")[place % 3]
        resource["verificationStatus"] = {
            "coding": [{"system": f"{TERMINOLOGY}/condition-ver-status", "code": status}],
        }


def medication_elsewhere(resource: Resource, bundle: dict[str, Any], place: int) -> None:
    """A medication is a reference to what was not sent."""
    if resource.pop("medicationCodeableConcept", None) is not None:
        resource["medicationReference"] = {"reference": "Medication/not-sent"}


def _without_value(resource: Resource) -> None:
    for name in [name for name in resource if name.startswith("value") or name == "component"]:
        del resource[name]


WAYS: tuple[Way, ...] = (
    *(
        code_of_nobody,
        code_of_the_house,
        code_of_snomed_ct,
        icd_10_cm_as_icd_10,
        code_masked,
        code_null_flavor,
        text_of_nothing,
        see_note,
        other,
        redacted,
        list_redacted,
    ),
    *(list_subsetted, suppressed, withheld_list, next_page, of_another_patient, in_a_list, in_a_bundle, named_only),
    *(changed_in_meaning, status_of_nobody, without_status, value_masked, value_in_words, value_in_a_foreign_unit),
    *(date_as_written, ends_ahead, unconfirmed, medication_elsewhere),
)
NAMELESS = (code_of_nobody, code_masked, code_null_flavor, text_of_nothing)


def call(request: dict[str, Any]) -> Answer:
    """The answer to a call of order-sign."""
    return answer(read_request("ir-order-sign", json.dumps(request).encode()), KNOWLEDGE, now=NOW, new_id=lambda: "id")


def said(found: Answer, order: str) -> dict[str, str]:
    """The certainty of each criterion of an order; an absent one is not listed."""
    entries = [e for e in found.decision.get("procedures", ()) if e["order"] == order]
    rows = [row for entry in entries for row in entry.get("contraindications", ())]
    return {c["id"]: c["certainty"] for row in rows for c in row.get("criteria", ())}


def answering() -> Iterator[tuple[str, dict[str, Any], str, str]]:
    """A question, a call in which one record alone answers it, that record and the order: one for each question."""
    seen = set(ANSWERED_TWICE)
    for case in sample(shipped_cases(), 24):
        if case.row.get("hook", "order-sign") != "order-sign" or "error" in case.row["expect"]:
            continue
        request = request_of(case.row, NOW)
        try:
            found = call(request)
        except CdsError:
            continue
        for entry in found.decision.get("procedures", ()):
            for criterion in (c for row in entry.get("contraindications", ()) for c in row.get("criteria", ())):
                records = [e["reference"] for e in criterion.get("evidence", ()) if "reference" in e]
                alone = len(records) == 1 and not records[0].startswith("Patient/")
                if criterion["certainty"] == "present" and alone and criterion["id"] not in seen:
                    seen.add(criterion["id"])
                    yield criterion["id"], request, records[0], entry["order"]


def changed(request: dict[str, Any], record: str, way: Way) -> dict[str, Any]:
    """The call with that one record changed."""
    made = copy.deepcopy(request)
    for bundle in made["prefetch"].values():
        for place, entry in enumerate(bundle.get("entry", ())):
            resource = entry["resource"]
            if f"{resource['resourceType']}/{resource['id']}" == record:
                way(resource, bundle, place)
                return made
    raise AssertionError(f"{record} is not in the call")


def is_told_by_its_name(request: dict[str, Any], record: str) -> bool:
    """Whether the record is a result in words: `positive` without a name may be of any test of a hundred."""
    entries = [entry for bundle in request["prefetch"].values() for entry in bundle.get("entry", ())]
    found = next(e["resource"] for e in entries if f"{e['resource']['resourceType']}/{e['resource']['id']}" == record)
    return found["resourceType"] == "Observation" and "valueQuantity" not in found


def test_nothing_that_can_no_longer_be_read_is_called_absent() -> None:
    """A question that one record answered is never absent once that record can't be read, or is written another way."""
    questions = list(answering())
    assert len(questions) > (150 if WHOLE else 20)
    silent = []
    for criterion, request, record, order in questions:
        for way in WAYS:
            made = changed(request, record, way)
            if made == request or (way in NAMELESS and is_told_by_its_name(request, record)):
                continue
            found = call(made)
            if said(found, order).get(criterion, "absent") == "absent" and not found.nothing_judged:
                silent.append((criterion, way.__name__))
    assert silent == []


def test_what_an_order_is_for_is_no_less_on_record() -> None:
    """A condition that answered a question is not absent as a reason of the order alone, coded or contained."""
    silent = []
    for criterion, request, record, order in answering():
        if not record.startswith("Condition/") or criterion in UNLESS_DATED:
            continue
        for way in ("coded", "contained"):
            made = copy.deepcopy(request)
            entries = made["prefetch"]["conditions"]["entry"]
            resource = next(e["resource"] for e in entries if f"Condition/{e['resource']['id']}" == record)
            entries[:] = [entry for entry in entries if entry["resource"] is not resource]
            for entry in made["context"]["draftOrders"]["entry"]:
                draft = entry["resource"]
                if way == "coded":
                    draft["reasonCode"] = [*draft.get("reasonCode", ()), resource["code"]]
                else:
                    draft["contained"] = [resource]
                    draft["reasonReference"] = [{"reference": f"#{resource['id']}"}]
            if said(call(made), order).get(criterion, "absent") == "absent":
                silent.append((criterion, way))
    assert silent == []
