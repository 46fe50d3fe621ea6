"""The envelope of a hook call: what is accepted, what is rejected, and with which message."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from cds_service.errors import RequestError, UnknownService
from cds_service.hooks.catalog import SERVICES
from cds_service.hooks.envelope import read_request
from tests.support.calls import CONTEXTS, NOTHING_RECORDED, a_call, as_json

AUTHORIZATION = {
    "access_token": "opaque-token",
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "patient/Condition.rs",
    "subject": "ir-cds",
}
DEEP = b"[" * 200_000 + b"]" * 200_000


def refusal(body: bytes, service_id: str = "ir-order-sign") -> str:
    """The message with which a body is rejected."""
    with pytest.raises(RequestError) as error:
        read_request(service_id, body)
    assert error.value.status == 400
    return error.value.message


@pytest.mark.parametrize("service_id", SERVICES)
def test_the_smallest_call_of_each_hook_is_accepted(service_id: str) -> None:
    """A call with only the required members of its hook is accepted."""
    request = read_request(service_id, as_json(a_call(service_id)))
    assert request.service.id == service_id
    assert (request.patient_id, request.prefetch) == ("pat-1", {})
    assert (request.fhir_server, request.access_token, request.encounter_id) == (None, None, None)


def test_everything_that_a_call_may_carry_is_read() -> None:
    """All members of a full call are read; the clinical content is passed on unchanged."""
    body = a_call(
        context={"encounterId": "enc-1"},
        fhirServer="https://ehr.example.org/fhir",
        fhirAuthorization=AUTHORIZATION,
        prefetch=NOTHING_RECORDED,
        extension={"org.example.other": {"a": 1}},
    )
    request = read_request("ir-order-sign", as_json(body))
    assert request.fhir_server == "https://ehr.example.org/fhir"
    assert request.access_token == "opaque-token"  # noqa: S105  not a secret
    assert request.encounter_id == "enc-1"
    assert orjson.loads(request.context["draftOrders"]) == body["context"]["draftOrders"]
    assert orjson.loads(request.prefetch["patient"]) == {"resourceType": "Patient", "id": "pat-1"}


def test_the_token_is_not_shown_with_the_request() -> None:
    """The repr of a request does not contain the access token."""
    body = a_call(fhirServer="https://ehr.example.org/fhir", fhirAuthorization=AUTHORIZATION)
    assert "opaque-token" not in repr(read_request("ir-order-sign", as_json(body)))


def test_prefetch_null_is_kept_and_a_missing_key_is_not_invented() -> None:
    """Prefetch null (searched, found nothing) is kept apart from an absent key (not searched)."""
    request = read_request("ir-order-sign", as_json(a_call(prefetch={"conditions": None})))
    assert request.prefetch == {"conditions": b"null"}


def test_prefetch_keys_nobody_asked_for_are_ignored() -> None:
    """A prefetch key that discovery does not announce is ignored."""
    request = read_request("ir-order-sign", as_json(a_call(prefetch={"serviceRequestBundle": "anything"})))
    assert request.prefetch == {}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"context": {"patientId": "Patient/123"}}, {"patient_id": "123"}),
        ({"context": {"encounterId": "Encounter/7"}}, {"encounter_id": "7"}),
        ({"context": {"encounterId": None}}, {"encounter_id": None}),
        ({"context": {"encounterId": ""}}, {"encounter_id": None}),
        ({"hookInstance": "always-the-same"}, {"patient_id": "pat-1"}),
        ({"fhirServer": None}, {"fhir_server": None}),
        ({"fhirServer": ""}, {"fhir_server": None}),
        ({"fhirAuthorization": None}, {"access_token": None}),
        ({"fhirAuthorization": {"access_token": ""}}, {"access_token": None}),
        ({"fhirAuthorization": {"access_token": None}}, {"access_token": None}),
        ({"prefetch": None}, {"prefetch": {}}),
        ({"extension": None, "unknown": {"x": [1]}}, {"patient_id": "pat-1"}),
        ({"context": {"draftOrders": {"resourceType": "Bundle", "entry": []}}}, {"patient_id": "pat-1"}),
        ({"context": {"unknown": 1}}, {"patient_id": "pat-1"}),
        (
            {"fhirServer": "http://x", "fhirAuthorization": AUTHORIZATION | {"expires_in": "300"}},
            {"access_token": "opaque-token"},
        ),
        (
            {"fhirServer": "http://x", "fhirAuthorization": {"access_token": "opaque-token"}},
            {"access_token": "opaque-token"},
        ),
        ({"fhirAuthorization": AUTHORIZATION}, {"fhir_server": None}),
    ],
)
def test_habits_of_real_clients_are_tolerated(change: dict[str, Any], expected: dict[str, Any]) -> None:
    """Known deviations of real clients are accepted."""
    request = read_request("ir-order-sign", as_json(a_call(**change)))
    assert {name: getattr(request, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (["ServiceRequest/a", "MedicationRequest/b"], ("ServiceRequest/a", "MedicationRequest/b")),
        (["https://ehr.example.org/fhir/ServiceRequest/a"], ("ServiceRequest/a",)),
        (["ServiceRequest/a/_history/2"], ("ServiceRequest/a",)),
        ([], ()),
    ],
)
def test_selections_are_read_as_type_and_id(sent: list[str], read: tuple[str, ...]) -> None:
    """Selections are read as `Type/id`, without server and version."""
    body = a_call("ir-order-select", context={"selections": sent})
    assert read_request("ir-order-select", as_json(body)).selections == read


def test_order_dispatch_1_0_is_understood() -> None:
    """A client of order-dispatch 1.0, which sends one `order`, is treated like one that sends `dispatchedOrders`."""
    body = a_call("ir-order-dispatch")
    del body["context"]["dispatchedOrders"]
    body["context"]["order"] = "ServiceRequest/o1"
    assert read_request("ir-order-dispatch", as_json(body)).dispatched_orders == ("ServiceRequest/o1",)


def test_an_unknown_service_is_not_found() -> None:
    """A call to an unknown service id is a 404 that says where the ids are listed."""
    with pytest.raises(UnknownService, match="GET /cds-services") as error:
        read_request("ir-unknown", as_json(a_call()))
    assert error.value.status == 404


@pytest.mark.parametrize(("service_id", "context"), CONTEXTS.items())
def test_each_required_field_of_a_context_is_asked_for(service_id: str, context: dict[str, Any]) -> None:
    """A context without a required field is rejected, and the field is named."""
    for field in context:
        body = a_call(service_id)
        del body["context"][field]
        assert refusal(as_json(body), service_id).startswith(f"/context/{field} is missing: send ")


@pytest.mark.parametrize("field", ["hook", "hookInstance", "context"])
def test_each_required_field_of_a_request_is_asked_for(field: str) -> None:
    """A request without hook, hookInstance or context is rejected, and the field is named."""
    body = a_call()
    del body[field]
    assert refusal(as_json(body)).startswith(f"/{field} is missing: send ")


@pytest.mark.parametrize(
    ("change", "start"),
    [
        ({"hook": "order-select"}, "/hook is not order-sign"),
        ({"hook": 5}, "/hook is a number: send the name of the hook"),
        ({"hookInstance": ["x"]}, "/hookInstance is an array: send"),
        ({"context": {"patientId": 123}}, "/context/patientId is a number: send the FHIR id"),
        ({"context": {"patientId": "  "}}, "/context/patientId is missing"),
        ({"context": {"patientId": "../Patient"}}, "/context/patientId is not valid"),
        ({"context": {"patientId": ".."}}, "/context/patientId is not valid"),
        ({"context": {"patientId": "1?_include=*"}}, "/context/patientId is not valid"),
        ({"context": {"patientId": "1\n"}}, "/context/patientId is not valid"),
        ({"context": {"encounterId": 7}}, "/context/encounterId is a number"),
        ({"context": {"userId": {"reference": "Practitioner/1"}}}, "/context/userId is an object"),
        ({"context": {"draftOrders": []}}, "/context/draftOrders is an array: send"),
        ({"context": {"draftOrders": None}}, "/context/draftOrders is missing"),
        ({"prefetch": []}, "/prefetch is an array"),
        ({"prefetch": {"allergies": []}}, "/prefetch/allergies is an array: send a FHIR resource"),
        ({"prefetch": {"allergies": "none"}}, "/prefetch/allergies is text"),
        ({"prefetch": {"allergies": False}}, "/prefetch/allergies is true or false"),
        ({"fhirServer": "ehr.example.org"}, "/fhirServer is not valid: send the base URL"),
        ({"fhirServer": 1e300}, "/fhirServer is a number"),
        ({"fhirServer": "file:///etc/passwd"}, "/fhirServer is not valid"),
        ({"fhirServer": "https://x.example", "fhirAuthorization": "Bearer x"}, "/fhirAuthorization is text"),
        (
            {"fhirServer": "https://x.example", "fhirAuthorization": {}},
            "/fhirAuthorization/access_token is missing",
        ),
        (
            {"fhirServer": "https://x.example", "fhirAuthorization": AUTHORIZATION | {"access_token": "a\r\nb"}},
            "/fhirAuthorization/access_token is not valid",
        ),
        ({"extension": "x"}, "/extension is text"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place_and_remedy(change: dict[str, Any], start: str) -> None:
    """A value of the wrong type is rejected with its JSON pointer and what to send instead."""
    message = refusal(as_json(a_call(**change)))
    assert message.startswith(start)
    assert "send" in message or "call" in message


def test_several_problems_are_told_at_once() -> None:
    """All mistakes in the envelope are reported in one response."""
    message = refusal(as_json(a_call(context={"patientId": 1, "userId": 2})))
    assert "/context/patientId" in message
    assert "/context/userId" in message


def test_values_of_the_body_are_not_repeated() -> None:
    """An error message names fields but never quotes their values, so no patient data get into a log."""
    assert "Jane" not in refusal(as_json(a_call(context={"patientId": "Jane Roe"})))


@pytest.mark.parametrize("selections", [["draft-1"], [1], [["ServiceRequest/a"]], [None], "ServiceRequest/a", {"a": 1}])
def test_selections_that_name_no_order_are_refused(selections: Any) -> None:
    """Selections that can't be matched to an order are rejected, because no cards would look like all clear."""
    body = a_call("ir-order-select", context={"selections": selections})
    assert refusal(as_json(body), "ir-order-select").startswith("/context/selections")


@pytest.mark.parametrize(
    "context", [{"dispatchedOrders": []}, {"dispatchedOrders": "ServiceRequest/a"}, {"dispatchedOrders": [{}]}]
)
def test_a_dispatch_of_nothing_is_refused(context: dict[str, Any]) -> None:
    """A dispatch without an order is rejected, because no cards would look like all clear."""
    assert refusal(as_json(a_call("ir-order-dispatch", context=context)), "ir-order-dispatch").startswith(
        "/context/dispatchedOrders"
    )


@pytest.mark.parametrize(
    ("body", "start"),
    [
        (b"", "The body is empty"),
        (b" \n", "The body is empty"),
        (b"[]", "The body is not a JSON object"),
        (b"null", "The body is not a JSON object"),
        (b"7", "The body is not a JSON object"),
        (b"hello", "The body is not JSON"),
        (b'{"hook": "order-sign"', "The body is not JSON"),
        (b'{"hook": "order-sign",}', "The body is not JSON"),
        (b'{"hook": "order-sign"} {}', "The body is not JSON"),
        (b'{"a": 1e999}', "The body is not JSON"),
        (b"\xef\xbb\xbf" + as_json(a_call()), "The body begins with a byte order mark"),
        (orjson.dumps(a_call()).decode().encode("utf-16"), "The body is not UTF-8"),
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes, start: str) -> None:
    """Anything but one JSON object in UTF-8 is rejected with a message that says what it is."""
    assert refusal(body).startswith(start)


BROKEN_VALUES = [
    (b"NaN", "The body is not JSON"),
    (b"Infinity", "The body is not JSON"),
    (b"-Infinity", "The body is not JSON"),
    (b'"\\ud800"', "The body holds half of a surrogate pair"),
    (b'"\\udc00 text"', "The body holds half of a surrogate pair"),
    (b'"\\ud800\\u0041 and more text"', "The body holds half of a surrogate pair"),
    (b'"\xed\xa0\x80"', "The body is not UTF-8"),
    (b'"\xff"', "The body is not UTF-8"),
    (b'"a\nb"', "The body is not JSON"),
    (b'"\\x"', "The body is not JSON"),
    (b"01", "The body is not JSON"),
    (b"[1,]", "The body is not JSON"),
    (DEEP, "The body is nested too deeply"),
    (b'{"x":' * 200_000 + b"1" + b"}" * 200_000, "The body is nested too deeply"),
]
PLACES = [
    b'{"hook":"order-sign","x":%s}',
    b'{"hook":"order-sign","hookInstance":"x","context":{"patientId":"1","draftOrders":{"entry":[%s]}}}',
    b'{"hook":"order-sign","hookInstance":"x","context":{},"prefetch":{"conditions":{"entry":[{"resource":%s}]}}}',
    b'{"hook":"order-sign","hookInstance":"x","context":{},"prefetch":{"unasked":{"entry":[%s]}}}',
    b'{"hook":"order-sign","fhirAuthorization":{"access_token":%s}}',
]


@pytest.mark.parametrize("place", PLACES, ids=["top", "draft order", "condition", "unasked key", "authorization"])
@pytest.mark.parametrize(("value", "start"), BROKEN_VALUES, ids=[str(value[:12]) for value, _ in BROKEN_VALUES])
def test_what_is_no_json_is_refused_wherever_it_stands(place: bytes, value: bytes, start: str) -> None:
    """Invalid JSON is rejected even inside clinical content that the envelope does not decode."""
    assert refusal(place % value).startswith(start)


def test_whole_characters_are_accepted_however_they_are_written() -> None:
    """Characters outside the basic plane, and an escaped backslash before `ud800`, are accepted."""
    order = b'{"resourceType":"Bundle","x":"\\ud83d\\ude00 \\\\ud800 \xf0\x9f\x98\x80"}'
    body = as_json(a_call()).replace(as_json(CONTEXTS["ir-order-sign"]["draftOrders"]), order)
    assert read_request("ir-order-sign", body).context["draftOrders"] == order


@pytest.mark.parametrize(
    ("old", "new", "start"),
    [
        (b'"prefetch":{', b'"prefetch":{"allergies":null,"allergies":null,', "/prefetch/allergies is sent more"),
        (b'"context":{', b'"context":{"draftOrders":{},', "/context/draftOrders is sent more than once"),
        (b'"prefetch":{', b'"prefetch":{},"prefetch":{', "/prefetch is sent more than once"),
        (b'"prefetch":{', b'"prefetch":{"a b":1,"a b":2,', "A member of /prefetch is sent more than once"),
        (b'"prefetch":{', b'"prefetch":{"unasked":1,"unasked":2,', "/prefetch/unasked is sent more than once"),
        (b'"prefetch":{', b'"prefetch":{"a":1,"\\u0061":2,', "/prefetch/a is sent more than once"),
    ],
)
def test_a_member_given_twice_is_refused(old: bytes, new: bytes, start: str) -> None:
    """A duplicate member is rejected: parsers keep one of them, and an allergy in the other would be lost."""
    body = as_json(a_call(prefetch={"conditions": None})).replace(old, new)
    assert refusal(body).startswith(start)


def a_large_call() -> bytes:
    """A call of about 200 kB, mostly laboratory results."""
    result = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "0", "display": "A result with a long name"}]},
        "subject": {"reference": "Patient/pat-1"},
        "effectiveDateTime": "2026-11-20T10:00:00+00:00",
        "valueQuantity": {"value": 231.5, "unit": "g/L", "system": "http://unitsofmeasure.org", "code": "g/L"},
    }
    return as_json(a_call(prefetch={"observations": {"resourceType": "Bundle", "entry": [{"resource": result}] * 600}}))


def processor_seconds(call: Callable[[], object]) -> float:
    """Seconds that the processor works for a call, whatever else the machine has to do."""
    start = time.thread_time()
    call()
    return time.thread_time() - start


def test_the_envelope_costs_less_than_reading_the_body() -> None:
    """Validating a call of 200 kB costs less than parsing its JSON once (measured: about 40 %)."""
    body = a_large_call()
    runs = range(30)
    checked = min(processor_seconds(lambda: read_request("ir-order-sign", body)) for _ in runs)
    assert checked < min(processor_seconds(lambda: orjson.loads(body)) for _ in runs)
