"""Answers in the shape of known servers, replayed: each is read whole, or its gap is named.

The shapes follow the servers' own documents; ids and values are made up. A URL that is asked and not recorded here
fails the test, so the requests themselves are part of what is held.
"""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import responses

from cds_service.clinical_data.data_request import FetchLimits
from cds_service.clinical_data.fhir_access import FhirServers
from cds_service.clinical_data.gather import gather
from cds_service.clinical_data.retrieved import ClinicalData
from cds_service.hooks.envelope import read_request
from tests.support.calls import EMPTY_BUNDLE, NOTHING_RECORDED, a_call
from tests.support.waiting import PATIENCE

LOINC = "http://loinc.org"
CODES = ("777-3", "6301-6")
SEARCHED = {"observations": [f"{LOINC}|{code}" for code in CODES]}
LIST = ",".join(SEARCHED["observations"])
MINE = {"reference": "Patient/pat-1"}


def result(code: str) -> dict[str, Any]:
    """An Observation."""
    coding = [{"system": LOINC, "code": code}]
    return {
        "resourceType": "Observation",
        "id": f"o-{code}",
        "status": "final",
        "subject": MINE,
        "code": {"coding": coding},
    }


def allergy(name: str) -> dict[str, Any]:
    """An AllergyIntolerance."""
    return {"resourceType": "AllergyIntolerance", "id": name, "patient": MINE}


def bundle(*resources: Any, following: str | None = None, **more: Any) -> dict[str, Any]:
    """A page of a search."""
    links = [{"relation": "next", "url": following}] if following else []
    entries = [{"resource": r, "search": {"mode": "match"}} for r in resources]
    return {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries, **more}


OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "processing"}]}


def fetched(base: str, missing: str) -> ClinicalData:
    """What is gathered for a call that brings everything but one kind of data."""
    prefetch = {key: value for key, value in NOTHING_RECORDED.items() if key != missing}
    call = a_call("ir-order-sign", prefetch=prefetch, fhirServer=base)
    return gather(
        read_request("ir-order-sign", orjson.dumps(call)), FhirServers(FetchLimits(deadline=PATIENCE)), SEARCHED
    )


def ids(data: ClinicalData, key: str) -> list[str]:
    """Ids of what was retrieved."""
    return sorted(record.reference.partition("/")[2] for record in data.retrieved(key).records)


def reasons(data: ClinicalData, key: str) -> list[str]:
    """Why something is missing."""
    return [gap.reason.key for gap in data.retrieved(key).unavailable]


def asked(url: str, answer: Any, status: int = 200, **parameters: str) -> None:
    """Record an answer to exactly these parameters."""
    responses.get(url, json=answer, status=status, match=[responses.matchers.query_param_matcher(parameters)])


@responses.activate
def test_epic_wants_a_code_or_a_category() -> None:
    """Epic is asked for results by code, which it wants; one code found proves nothing yet, so the laboratory category
    is asked as well.
    """
    base = "https://epic.example.org/interconnect/api/FHIR/R4"
    by_code = {"patient": "pat-1", "code": LIST, "_sort": "-date", "_count": "200"}
    asked(f"{base}/Observation", bundle(result("777-3"), total=1), **by_code)
    by_category = {"patient": "pat-1", "category": "laboratory", "_sort": "-date", "_count": "200"}
    asked(f"{base}/Observation", bundle(result("777-3"), total=1), **by_category)
    data = fetched(base, "observations")
    assert (ids(data, "observations"), reasons(data, "observations")) == (["o-777-3"], [])


@responses.activate
def test_epic_with_nothing_on_record() -> None:
    """Two searches that agree on nothing are believed where the server refuses the third, unlimited one."""
    base = "https://epic.example.org/api/FHIR/R4"
    every = {"patient": "pat-1", "_sort": "-date", "_count": "200"}
    for form in ("pat-1", "Patient/pat-1"):
        asked(f"{base}/Observation", bundle(total=0), **every | {"patient": form, "code": LIST})
        asked(f"{base}/Observation", bundle(total=0), **every | {"patient": form, "category": "laboratory"})
        asked(f"{base}/Observation", OUTCOME, 400, **every | {"patient": form})
        asked(f"{base}/Observation", OUTCOME, 400, **every | {"patient": form, "_count": "100"})
        asked(f"{base}/Observation", OUTCOME, 400, patient=form)
    data = fetched(base, "observations")
    assert (ids(data, "observations"), reasons(data, "observations")) == ([], [])


@responses.activate
def test_oracle_fails_a_whole_search_for_one_bad_resource() -> None:
    """One bad resource that fails the whole search is a gap: twice asked, never taken for an empty list."""
    base = "https://oracle.example.org/r4/tenant"
    asked(f"{base}/AllergyIntolerance", OUTCOME, 503, patient="pat-1", _count="200")
    data = fetched(base, "allergies")
    assert (data.retrieved("allergies").obtained, reasons(data, "allergies")) == (False, ["fhir-status"])
    assert len(responses.calls) == 2


@responses.activate
def test_oracle_caps_a_page_and_hides_it() -> None:
    """A page shorter than asked for is followed by its opaque next link, whatever its self link says."""
    base = "https://oracle.example.org/r4/tenant"
    onward = f"{base}/AllergyIntolerance?-pageContext=7b1f&-pageDirection=NEXT"
    first = bundle(allergy("a1"), following=onward)
    asked(f"{base}/AllergyIntolerance", first, patient="pat-1", _count="200")
    responses.get(onward, json=bundle(allergy("a2")))
    data = fetched(base, "allergies")
    assert (ids(data, "allergies"), reasons(data, "allergies")) == (["a1", "a2"], [])


@responses.activate
def test_hapi_pages_at_its_root() -> None:
    """An opaque next link at the base URL itself is followed as given."""
    base = "https://hapi.example.org/baseR4"
    onward = f"{base}?_getpages=0f6a&_getpagesoffset=1&_count=1&_pretty=true&_bundletype=searchset"
    asked(f"{base}/AllergyIntolerance", bundle(allergy("a1"), following=onward, total=2), patient="pat-1", _count="200")
    responses.get(onward, json=bundle(allergy("a2"), total=2))
    data = fetched(base, "allergies")
    assert (ids(data, "allergies"), reasons(data, "allergies")) == (["a1", "a2"], [])


@responses.activate
def test_google_estimates_the_total() -> None:
    """Only the last page's total counts: the first one's is an estimate."""
    base = "https://healthcare.example.org/v1/projects/p/fhir"
    onward = f"{base}/AllergyIntolerance?_count=1&_page_token=x"
    first = bundle(allergy("a1"), following=onward, total=40)
    asked(f"{base}/AllergyIntolerance", first, patient="pat-1", _count="200")
    responses.get(onward, json=bundle(allergy("a2"), total=2))
    data = fetched(base, "allergies")
    assert (ids(data, "allergies"), reasons(data, "allergies")) == (["a1", "a2"], [])


@responses.activate
def test_canvas_caps_the_count_and_links_relatively() -> None:
    """A refused `_count` is lowered, and next links from the server's root are followed below the base URL."""
    base = "https://fumage.example.org/fhir"
    asked(f"{base}/AllergyIntolerance", OUTCOME, 400, patient="pat-1", _count="200")
    first = bundle(allergy("a1"), following="/AllergyIntolerance?patient=pat-1&_count=100&_offset=100", total=2)
    asked(f"{base}/AllergyIntolerance", first, patient="pat-1", _count="100")
    second = bundle(allergy("a2"), total=2)
    asked(f"{base}/AllergyIntolerance", second, patient="pat-1", _count="100", _offset="100")
    data = fetched(base, "allergies")
    assert (ids(data, "allergies"), reasons(data, "allergies")) == (["a1", "a2"], [])


@responses.activate
def test_medplum_wants_the_type_before_the_id() -> None:
    """Where `patient=id` finds nothing, `patient=Patient/id` is asked, and what it finds counts."""
    base = "https://medplum.example.org/fhir/R4"
    asked(f"{base}/AllergyIntolerance", EMPTY_BUNDLE, patient="pat-1", _count="200")
    asked(f"{base}/AllergyIntolerance", bundle(allergy("a1")), patient="Patient/pat-1", _count="200")
    data = fetched(base, "allergies")
    assert (ids(data, "allergies"), reasons(data, "allergies")) == (["a1"], [])


@responses.activate
def test_smart_finds_nothing_by_system_and_code() -> None:
    """A code filter that loses results is found out by the laboratory category; then all results are read."""
    base = "https://smart.example.org"
    every = {"patient": "pat-1", "_sort": "-date", "_count": "200"}
    asked(f"{base}/Observation", bundle(total=0), **every | {"code": LIST})
    asked(f"{base}/Observation", bundle(result("777-3"), total=1), **every | {"category": "laboratory"})
    asked(f"{base}/Observation", bundle(result("777-3"), result("6301-6"), total=2), **every)
    data = fetched(base, "observations")
    assert (ids(data, "observations"), reasons(data, "observations")) == (["o-6301-6", "o-777-3"], [])


@responses.activate
@pytest.mark.parametrize("mode", ["outcome", "match", None])
def test_a_warning_among_the_matches_means_incomplete(mode: str | None) -> None:
    """An OperationOutcome in the Bundle says that something was left out: what is there counts, the rest is unknown."""
    base = "https://oracle.example.org/r4/tenant"
    page = bundle(allergy("a1"))
    page["entry"].append({"resource": OUTCOME, **({"search": {"mode": mode}} if mode else {})})
    asked(f"{base}/AllergyIntolerance", page, patient="pat-1", _count="200")
    data = fetched(base, "allergies")
    assert (ids(data, "allergies"), reasons(data, "allergies")) == (["a1"], ["incomplete-error-entry"])


def epic_issue(code: str, severity: str = "warning") -> dict[str, Any]:
    """An issue as Epic writes it."""
    coding = {"system": "urn:oid:1.2.840.114350.1.13.0.1.7.2.657369", "code": code}
    return {"severity": severity, "code": "processing", "details": {"coding": [coding]}}


MESSAGES = "http://terminology.hl7.org/CodeSystem/operation-outcome"
NO_MATCH = {"severity": "information", "code": "informational"}


@responses.activate
@pytest.mark.parametrize(
    ("issues", "gaps"),
    [
        ([epic_issue("4101")], []),
        ([NO_MATCH | {"details": {"coding": [{"system": MESSAGES, "code": "MSG_NO_MATCH"}]}}], []),
        ([epic_issue("4101"), epic_issue("4119")], ["incomplete-error-entry"]),
        ([epic_issue("4101", "error")], ["incomplete-error-entry"]),
        ([epic_issue("59177")], ["incomplete-error-entry"]),
        ([NO_MATCH], ["incomplete-error-entry"]),
        ([], ["incomplete-error-entry"]),
    ],
)
def test_an_outcome_that_only_says_nothing_was_found(issues: list[Any], gaps: list[str]) -> None:
    """Epic puts a warning into every empty answer: alone it is no gap, with any other issue it is."""
    base = "https://epic.example.org/api/FHIR/R4"
    outcome = {"resourceType": "OperationOutcome", "issue": issues}
    page = {**EMPTY_BUNDLE, "entry": [{"resource": outcome, "search": {"mode": "outcome"}}]}
    for form in ("pat-1", "Patient/pat-1"):
        asked(f"{base}/AllergyIntolerance", page, patient=form, _count="200")
    assert reasons(fetched(base, "allergies"), "allergies") == gaps
