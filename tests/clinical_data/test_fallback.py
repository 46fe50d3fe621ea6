"""What is asked of a FHIR server, what is believed, and what never leaves for another place."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from cds_service.clinical_data.data_request import FetchLimits
from cds_service.clinical_data.fhir_access import FhirServers
from cds_service.clinical_data.gather import gather
from cds_service.clinical_data.retrieved import ClinicalData
from cds_service.hooks.envelope import read_request
from tests.support.calls import NOTHING_RECORDED, a_call, an_order
from tests.support.fhir_peer import TOKEN, Peer, Resource, running_peer
from tests.support.waiting import PATIENCE

LOINC = "http://loinc.org"
CODES = ("777-3", "6301-6", "2708-6")
MINE = {"reference": "Patient/pat-1"}
LABORATORY = [{"coding": [{"code": "laboratory"}]}]


def condition(name: str, patient: str = "pat-1") -> Resource:
    """A Condition."""
    return {"resourceType": "Condition", "id": name, "subject": {"reference": f"Patient/{patient}"}}


def allergy(name: str) -> Resource:
    """An AllergyIntolerance."""
    return {"resourceType": "AllergyIntolerance", "id": name, "patient": MINE}


def result(code: str, name: str = "", category: Any = LABORATORY) -> Resource:
    """An Observation."""
    coding = [{"system": LOINC, "code": code}]
    return {
        "resourceType": "Observation",
        "id": name or f"o-{code}",
        "status": "final",
        "subject": MINE,
        "category": category,
        "code": {"coding": coding},
    }


PATIENT = {"resourceType": "Patient", "id": "pat-1"}
SEARCHED = {"observations": [f"{LOINC}|{code}" for code in CODES]}
RECORD = [PATIENT, condition("c1"), allergy("a1"), *(result(code) for code in CODES)]


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A plain FHIR server that holds one small record, and a stranger's condition."""
    with running_peer([*RECORD, condition("stranger", "other")]) as running:
        yield running


def fetched(
    peer: Peer, service: str = "ir-order-sign", fhir: FhirServers | None = None, **request: Any
) -> ClinicalData:
    """What is gathered for a call that names the peer; without prefetch unless it says otherwise."""
    call = a_call(service, **({"prefetch": {}, "fhirServer": peer.base} | request))
    fhir = fhir or FhirServers(FetchLimits(deadline=PATIENCE))
    return gather(read_request(service, orjson.dumps(call)), fhir, SEARCHED)


def ids(data: ClinicalData, key: str) -> list[str]:
    """References of what was retrieved of one kind."""
    return sorted(record.reference for record in data.retrieved(key).records)


def reasons(data: ClinicalData, key: str) -> list[str]:
    """Why something of one kind is missing."""
    return [gap.reason.key for gap in data.retrieved(key).unavailable]


def test_what_prefetch_left_out_is_fetched(peer: Peer) -> None:
    """Each missing kind is asked for once, by patient; what was sent is not asked for."""
    data = fetched(peer, prefetch={"allergies": None})
    assert ids(data, "conditions") == ["Condition/c1"]
    assert ids(data, "observations") == ["Observation/o-2708-6", "Observation/o-6301-6", "Observation/o-777-3"]
    assert (ids(data, "allergies"), data.retrieved("allergies").source) == ([], "prefetch")
    assert all(retrieved.complete for retrieved in data.by_kind.values())
    paths = ["/fhir/Condition", "/fhir/MedicationRequest", "/fhir/MedicationStatement", "/fhir/Observation"]
    assert sorted(path for path, _ in peer.requests) == [*paths, "/fhir/Patient/pat-1", "/fhir/Procedure"]
    (asked,) = peer.asked("Observation")
    assert asked["code"] == ",".join(f"{LOINC}|{code}" for code in CODES)


@pytest.mark.parametrize(
    "sent", [{"resourceType": "OperationOutcome"}, {"resourceType": "Basic"}, {"resourceType": "Bundle", "entry": 5}]
)
def test_a_prefetch_that_failed_is_fetched(peer: Peer, sent: Any) -> None:
    """Where the EHR reports that its own search failed, or sends something else, the server is asked."""
    data = fetched(peer, prefetch=NOTHING_RECORDED | {"conditions": sent})
    assert (ids(data, "conditions"), reasons(data, "conditions")) == (["Condition/c1"], [])
    assert len(peer.requests) == 1


def test_null_and_an_empty_bundle_are_believed(peer: Peer) -> None:
    """An EHR that looked and found nothing is not doubted: the server is not asked at all."""
    fetched(peer, prefetch=NOTHING_RECORDED | {"conditions": None})
    assert peer.requests == []


@pytest.mark.parametrize("links", ["absolute", "relative", "rooted", "opaque"])
def test_pages_are_followed_whatever_their_links_look_like(links: str) -> None:
    """Next links are followed as given: absolute, relative to the base URL, from its root, or opaque."""
    with running_peer([*RECORD, condition("c2"), condition("c3")], links=links, page_size=1) as peer:
        data = fetched(peer)
    assert ids(data, "conditions") == ["Condition/c1", "Condition/c2", "Condition/c3"]
    assert data.retrieved("conditions").complete


@pytest.mark.parametrize("link", ["{base}/Condition?_offset=1&patient=pat-1", "Condition?_offset=1&patient=pat-1"])
def test_a_paged_prefetch_is_continued(peer: Peer, link: str) -> None:
    """A prefetch that goes on over further pages is read to its end, with the token, and nothing is asked twice."""
    peer.habits.token = TOKEN
    peer.resources.insert(2, condition("c2"))
    first = {
        "resourceType": "Bundle",
        "link": [{"relation": "next", "url": link.format(base=peer.base)}],
        "entry": [{"resource": condition("c1")}],
    }
    data = fetched(peer, prefetch=NOTHING_RECORDED | {"conditions": first}, fhirAuthorization=authorization(TOKEN))
    assert (ids(data, "conditions"), reasons(data, "conditions")) == (["Condition/c1", "Condition/c2"], [])
    assert [parameters.get("_offset") for _, parameters in peer.requests] == ["1"]


def authorization(token: str) -> dict[str, Any]:
    """`fhirAuthorization` with a token."""
    return {"access_token": token, "token_type": "Bearer", "expires_in": 300, "scope": "x", "subject": "cds"}


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/fhir/Condition?page=2", "http://localhost:{own}/Condition"])
def test_the_token_goes_nowhere_else(peer: Peer, url: str) -> None:
    """A next link to another port or host is not followed, so the token never reaches it; what is missing is said."""
    with running_peer([condition("c9")], token=TOKEN) as thief:
        port, own = thief.base.split(":")[2].split("/")[0], peer.base.split(":")[2].split("/")[0]
        first = {
            "resourceType": "Bundle",
            "link": [{"relation": "next", "url": url.format(port=port, own=own)}],
            "entry": [{"resource": condition("c1")}],
        }
        data = fetched(peer, prefetch=NOTHING_RECORDED | {"conditions": first}, fhirAuthorization=authorization(TOKEN))
        assert thief.authorizations == []
    assert (ids(data, "conditions"), reasons(data, "conditions")) == (["Condition/c1"], ["fhir-foreign-page"])


def test_without_a_token_nothing_is_sent_and_with_one_it_always_is(peer: Peer) -> None:
    """An open server is asked without an Authorization header, another one with the call's token each time."""
    fetched(peer)
    assert set(peer.authorizations) == {None}
    peer.authorizations.clear()
    fetched(peer, fhirAuthorization=authorization(TOKEN))
    assert set(peer.authorizations) == {f"Bearer {TOKEN}"}


def test_nothing_is_remembered_from_one_call_to_the_next(peer: Peer) -> None:
    """A cookie that a server sets in one call is not sent in another: the two are of different patients and tokens."""
    cookies: list[str | None] = []

    def baked(exchange: Any) -> None:
        cookies.append(exchange.headers.get("Cookie"))
        exchange.send_json(PATIENT, Set_Cookie="session=of-the-first-call; Path=/")

    peer.faults["Patient"] = baked
    fhir = FhirServers(FetchLimits(deadline=PATIENCE))
    fetched(peer, fhir=fhir)
    fetched(peer, fhir=fhir)
    assert cookies == [None, None]


def test_a_server_may_be_out_of_bounds_without_a_token(peer: Peer) -> None:
    """Where only calls with a token may ask, one without asks nothing and says so."""
    data = fetched(peer, fhir=FhirServers(tokenless=False))
    assert (peer.requests, reasons(data, "conditions")) == ([], ["fhir-no-token"])


@pytest.mark.parametrize(
    "base",
    [
        "http://user:secret@127.0.0.1:9/fhir",
        "http://127.0.0.1:9/fhir?x=1",
        "http://127.0.0.1:9/fhir#x",
        "http://127.0.0.1:99999/fhir",
        "http://[::1/fhir",
        "http://good.example.org\\@127.0.0.1/fhir",
    ],
)
def test_a_server_with_a_strange_address_is_not_asked(base: str) -> None:
    """A base URL with a user, a query, a fragment or an impossible port is refused before any connection."""
    call = a_call("ir-order-sign", prefetch={}, fhirServer=base)
    data = gather(read_request("ir-order-sign", orjson.dumps(call)), FhirServers(), SEARCHED)
    assert set(reasons(data, "conditions")) == {"fhir-address"}


# --- Servers and their habits: `searches.toml` ---


@pytest.mark.parametrize(
    ("habits", "most_requests"),
    [
        pytest.param({}, 1, id="plain"),
        pytest.param({"codes": "bare"}, 3, id="SMART Health IT: nothing by system|code"),
        pytest.param({"codes": "first"}, 3, id="only the first of a list of codes"),
        pytest.param({"codes": "ignored"}, 1, id="a code filter that is ignored"),
        pytest.param({"needs_code_or_category": True}, 1, id="Epic: code or category"),
        pytest.param({"patient_form": "type"}, 6, id="Medplum: patient=Patient/x"),
        pytest.param({"patient_form": "id"}, 1, id="a server that knows bare ids only"),
        pytest.param({"most_count": 100}, 2, id="Canvas: at most 100 a page"),
        pytest.param({"refuses": ("_sort",)}, 3, id="no _sort"),
        pytest.param({"total": False, "page_size": 1, "links": "rooted"}, 3, id="no total, links from the root"),
    ],
)
def test_habits_of_servers_are_met(habits: dict[str, Any], most_requests: int) -> None:
    """Whatever a server's way of searching, everything it holds of the patient is found, and called complete."""
    with running_peer(RECORD, **habits) as peer:
        data = fetched(peer)
        assert len(peer.asked("Observation")) <= most_requests
    assert ids(data, "observations") == sorted(f"Observation/o-{code}" for code in CODES)
    assert (ids(data, "conditions"), ids(data, "allergies")) == (["Condition/c1"], ["AllergyIntolerance/a1"])
    assert all(retrieved.complete for retrieved in data.by_kind.values())


def test_nothing_found_is_confirmed_at_a_server_that_proved_nothing() -> None:
    """An empty record is believed after every way of asking found nothing; the third call no longer doubts a
    server that has found things before.
    """
    fhir = FhirServers(FetchLimits(deadline=PATIENCE))
    with running_peer([PATIENT]) as peer:
        data = fetched(peer, fhir=fhir)
        assert all(retrieved.complete for retrieved in data.by_kind.values())
        assert [asked["patient"] for asked in peer.asked("AllergyIntolerance")] == ["pat-1", "Patient/pat-1"]
        peer.resources = list(RECORD)
        fetched(peer, fhir=fhir)
        peer.resources = [PATIENT]
        peer.requests.clear()
        fetched(peer, fhir=fhir)
        assert len(peer.requests) == 7


@pytest.mark.parametrize(
    ("kind", "key"), [("AllergyIntolerance", "allergies"), ("Condition", "conditions"), ("Observation", "observations")]
)
def test_nothing_found_that_can_not_be_confirmed_is_unknown(kind: str, key: str) -> None:
    """Where the second way of asking fails at a server that proved nothing, "nothing found" is not believed."""
    with running_peer([PATIENT]) as peer:
        peer.faults[kind] = lambda x: peer.answer(x) if x.number == 1 else x.outcome(500)
        data = fetched(peer)
    assert not data.retrieved(key).complete


def test_a_server_that_gives_everybody(peer: Peer) -> None:
    """A server that ignores the patient gives others' resources too: none is used, and the answer is not complete."""
    peer.habits.ignores_patient = True
    data = fetched(peer)
    assert (ids(data, "conditions"), reasons(data, "conditions")) == (["Condition/c1"], ["fhir-other-patients"])
    assert data.retrieved("conditions").unavailable[0].reference is None


# --- Orders that a call only names ---


def order(name: str, patient: str = "pat-1") -> Resource:
    """A ServiceRequest on the server."""
    return an_order("TIPS", name) | {"subject": {"reference": f"Patient/{patient}"}}


def test_dispatched_orders_are_read_one_by_one(peer: Peer) -> None:
    """At order-dispatch the named orders are read; one that the server doesn't have, or another's, is a gap."""
    peer.resources += [order("order-1"), order("order-2", "other")]
    named = [f"ServiceRequest/order-{n}" for n in (1, 2, 3)]
    data = fetched(peer, "ir-order-dispatch", context={"dispatchedOrders": named})
    assert [record.reference for record in data.in_focus.records] == ["ServiceRequest/order-1"]
    assert {gap.reason.key for gap in data.in_focus.unavailable} == {"fhir-other-patients", "order-not-found"}
    assert [path for path, _ in peer.requests if "ServiceRequest" in path] == [f"/fhir/{name}" for name in named]


def test_a_dispatched_order_that_prefetch_missed_is_read(peer: Peer) -> None:
    """A list of orders that does not hold the dispatched one is completed by reading that one."""
    peer.resources.append(order("order-1"))
    sent = {"resourceType": "Bundle", "link": [{"relation": "next", "url": "http://other.example.org/"}], "entry": []}
    data = fetched(peer, "ir-order-dispatch", prefetch=NOTHING_RECORDED | {"orders": sent})
    assert [record.reference for record in data.in_focus.records] == ["ServiceRequest/order-1"]
    assert data.in_focus.complete
    assert [path for path, _ in peer.requests] == ["/fhir/ServiceRequest/order-1"]


def test_orders_of_appointments_are_read(peer: Peer) -> None:
    """At appointment-book the orders that appointments are based on are read from the server."""
    peer.resources.append(order("order-1"))
    booked = {
        "resourceType": "Appointment",
        "id": "x",
        "basedOn": [{"reference": f"{peer.base}/ServiceRequest/order-1"}, {"display": "an order"}],
        "participant": [{"actor": MINE}],
    }
    appointments = {"resourceType": "Bundle", "entry": [{"resource": booked}]}
    data = fetched(peer, "ir-appointment-book", context={"appointments": appointments})
    assert ids(data, "orders") == ["ServiceRequest/order-1"]


# --- Limits ---


def test_a_call_too_many_does_not_ask(peer: Peer) -> None:
    """While as many calls as allowed wait for their servers, one more is judged without asking, and says so."""
    fhir = FhirServers(FetchLimits(deadline=PATIENCE), calls=1)
    entered, leave = threading.Event(), threading.Event()

    def hold(exchange: Any) -> None:
        entered.set()
        leave.wait(PATIENCE)
        peer.answer(exchange)

    peer.faults["Condition"] = hold
    found: list[ClinicalData] = []
    first = threading.Thread(target=lambda: found.append(fetched(peer, fhir=fhir)))
    first.start()
    assert entered.wait(PATIENCE)
    assert reasons(fetched(peer, fhir=fhir), "conditions") == ["fhir-busy"]
    leave.set()
    first.join()
    assert ids(found[0], "conditions") == ["Condition/c1"]
    assert ids(fetched(peer, fhir=fhir), "conditions") == ["Condition/c1"]


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (FetchLimits(PATIENCE, pages=2), "fhir-too-many-pages"),
        (FetchLimits(PATIENCE, most_bytes=700), "fhir-too-large"),
    ],
)
def test_what_is_read_before_a_limit_counts(limits: FetchLimits, reason: str) -> None:
    """After the last page allowed, or when they grow too large, the rest is missing and what was read counts."""
    with running_peer([condition(f"c{n}") for n in range(1, 10)], page_size=1) as peer:
        data = fetched(peer, fhir=FhirServers(limits))
    assert reasons(data, "conditions") == [reason]
    assert ids(data, "conditions")[:1] == ["Condition/c1"]


def test_everything_is_asked_at_once(peer: Peer) -> None:
    """All kinds are under way at the same time: each waits until the others have been asked as well."""
    together = threading.Barrier(6, timeout=PATIENCE)

    def meet(exchange: Any) -> None:
        if exchange.number == 1 and not exchange.url.path.endswith("MedicationStatement"):  # asked after its kind
            together.wait()
        peer.answer(exchange)

    peer.faults["*"] = meet
    data = fetched(peer)
    assert all(retrieved.complete for retrieved in data.by_kind.values())


def test_what_was_asked_is_told(peer: Peer) -> None:
    """An observer hears of each kind that was asked for, with its seconds and how it went."""
    told: list[tuple[str, float, str]] = []
    observe: Callable[[str, float, str], None] = lambda *event: told.append(event)  # noqa: E731
    peer.faults["Condition"] = lambda exchange: exchange.outcome(403)
    fetched(peer, fhir=FhirServers(FetchLimits(deadline=PATIENCE), observe=observe))
    assert {(data, outcome) for data, _, outcome in told} == {
        ("patient", "ok"),
        ("conditions", "fhir-refused"),
        ("allergies", "ok"),
        ("observations", "ok"),
        ("medications", "ok"),
        ("procedures", "ok"),
    }
    assert all(seconds >= 0 for _, seconds, _ in told)


# --- What looks like an answer, and is none ---


def answered_by(kind: str, bundle: Any) -> list[str]:
    """Why conditions are missing where the server answers one kind of search like this."""
    with running_peer(RECORD) as peer:
        peer.faults[kind] = lambda exchange: exchange.send_json(bundle)
        return reasons(fetched(peer), "conditions")


@pytest.mark.parametrize(
    ("bundle", "gaps"),
    [
        ({"resourceType": "Bundle", "type": "batch-response"}, ["fhir-not-fhir"]),
        ({"resourceType": "Bundle", "type": "history", "entry": []}, ["fhir-not-fhir"]),
        (
            {"resourceType": "Bundle", "link": [{"relation": "Next", "url": "http://127.0.0.1:9/"}]},
            ["fhir-foreign-page"],
        ),
        (
            {
                "resourceType": "Bundle",
                "link": [{"relation": "http://www.iana.org/assignments/relation/next", "url": "http://127.0.0.1:9/"}],
            },
            ["fhir-foreign-page"],
        ),
    ],
)
def test_a_bundle_that_is_no_whole_answer(bundle: Any, gaps: list[str]) -> None:
    """A Bundle that is no answer to a search, or goes on under another spelling of `next`, is no "nothing found"."""
    assert answered_by("Condition", bundle) == gaps


def test_text_that_is_not_utf8_is_not_fhir() -> None:
    """A page in another character set is refused as a whole, wherever the broken text stands."""
    with running_peer(RECORD) as peer:
        page = '{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Condition","code":{"text":"é"}}}]}'
        peer.faults["Condition"] = lambda exchange: exchange.send(200, page.encode("latin-1"))
        assert reasons(fetched(peer), "conditions") == ["fhir-not-fhir"]


@pytest.mark.parametrize("subject", [None, {"display": "somebody"}, {"identifier": {"value": "7"}}])
def test_a_resource_that_names_nobody_is_not_used(subject: Any) -> None:
    """A server may ignore whose record was asked for; what does not say whose it is may be anybody's."""
    stray = {"resourceType": "Condition", "id": "stray"} | ({"subject": subject} if subject else {})
    with running_peer([*RECORD, stray], ignores_patient=True) as peer:
        data = fetched(peer)
    assert ids(data, "conditions") == ["Condition/c1"]
    assert "unclear-patient" in reasons(data, "conditions")


def test_a_patient_that_the_server_does_not_know() -> None:
    """With a wrong id every search finds nothing: that is no clean record, and the reason says so."""
    with running_peer() as peer:
        data = fetched(peer)
    kinds = ("conditions", "allergies", "observations")
    assert [reasons(data, key) for key in kinds] == [["fhir-no-patient"]] * 3


def test_a_category_that_nobody_uses_checks_nothing() -> None:
    """Where results have no category, an empty search by category proves nothing: all results are looked at."""
    results = [result("777-3", category=[]), result("6301-6", category=[])]
    with running_peer([PATIENT, *results], codes="first") as peer:
        data = fetched(peer)
    assert ids(data, "observations") == ["Observation/o-6301-6", "Observation/o-777-3"]


@pytest.mark.parametrize(("status", "complete"), [(400, True), (403, True), (500, False), (429, False)])
def test_a_check_that_fails_is_no_agreement(status: int, complete: bool) -> None:
    """A server that refuses the widest search is believed on the other two; one that fails at it is not."""

    def answer(exchange: Any) -> None:
        narrow = {"code", "category"} & set(exchange.asked)
        (peer.answer if narrow else lambda x: x.outcome(status))(exchange)

    with running_peer([PATIENT, condition("c1")]) as peer:
        peer.faults["Observation"] = answer
        assert fetched(peer).retrieved("observations").complete is complete


def test_a_check_that_breaks_off_still_counts() -> None:
    """What the widest search showed before it was refused on its second page is not passed over."""

    def answer(exchange: Any) -> None:
        whole = not {"code", "category"} & set(exchange.asked)
        (peer.answer if not (whole and "_offset" in exchange.asked) else lambda x: x.outcome(400))(exchange)

    results = [result("6301-6", category=[]), result("2708-6", category=[])]
    with running_peer([PATIENT, *results], codes="first", page_size=1) as peer:
        peer.faults["Observation"] = answer
        data = fetched(peer)
    assert ids(data, "observations") == ["Observation/o-6301-6"]
    assert not data.retrieved("observations").complete


def test_an_error_in_place_of_the_second_look_is_no_agreement() -> None:
    """An OperationOutcome with status 200 may be a passing failure: "nothing found" stays unconfirmed."""
    with running_peer([PATIENT]) as peer:
        peer.faults["AllergyIntolerance"] = lambda x: peer.answer(x) if x.number == 1 else x.outcome(200)
        assert reasons(fetched(peer), "allergies") == ["fhir-not-believed"]


def test_what_prefetch_held_is_kept_beside_what_the_server_gives(peer: Peer) -> None:
    """A prefetch that is short of its total is asked for anew; what it held counts even where the server lacks it."""
    sent = {"resourceType": "Bundle", "total": 9, "entry": [{"resource": condition("c7")}]}
    data = fetched(peer, prefetch=NOTHING_RECORDED | {"conditions": sent})
    assert (ids(data, "conditions"), reasons(data, "conditions")) == (["Condition/c1", "Condition/c7"], [])
