"""What cards offer to do: orders of missing tests, notes for IR, a recorded reason, a safer procedure, cancelling."""

from __future__ import annotations

import json
from datetime import date
from itertools import count
from typing import Any

import pytest
from fhir.resources.R4B.servicerequest import ServiceRequest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cds_service.cards.card import Card, Suggestion, card_json
from cds_service.cards.context import CardContext
from cds_service.cards.suggestions import (
    Tell,
    Timing,
    WantedTest,
    cancel_orders,
    link_reason,
    order_missing,
    replace_orders,
    tell_ir,
)
from cds_service.cards.wording import Wording
from cds_service.findings.finding import Evidence, Findings, LookedAt, OrderedTest, OrderFinding, Urgency
from cds_service.indicator import Indicator
from cds_service.profiles.validate import validate
from tests.cards.builders import DRAFT, IOHEXOL, PLATELETS, Tables

TODAY = date(2026, 11, 24)
READ = LookedAt("observations", 12, whole=True)
FULL = DRAFT | {
    "encounter": {"reference": "Encounter/e1"},
    "requester": {"reference": "Practitioner/p1"},
    "priority": "urgent",
}
RISK = ("thrombolysis-risk",)
RICH = FULL | {
    "meta": {"versionId": "3"},
    "contained": [{"resourceType": "Condition", "id": "x", "onsetAge": {"value": 7.5, "unit": "a"}}],
    "extension": [{"url": "http://fhir.org/argonaut/Extension/pama-rating", "valueCodeableConcept": {"text": "?"}}],
    "_status": {"id": "s"},
    "somethingNew": {"deep": [1, 2.25, "ä", True, {"er": ["x"]}]},
    "supportingInfo": [{"reference": "https://ehr.example/fhir/Observation/plt"}],
    "note": [{"text": "Call me", "authorString": "Dr. A"}],
}
FIBROID = Evidence("Condition/c1", "Uterine leiomyoma")
ORDER_PROFILE = "https://example.org/ir-cds/fhir/StructureDefinition/ir-order"


def a_call(tables: Tables, *ordered: OrderedTest, read: LookedAt | None = READ) -> CardContext:
    """The words of a call in which results were read, unless the test says otherwise."""
    looked_at = (read,) if read else ()
    findings = Findings((), (), today=TODAY, looked_at=looked_at, ordered_tests=ordered)
    return CardContext(findings, tables.knowledge, Wording(tables.knowledge.wordings["en"]))


def an_order(tables: Tables, procedure: str = "deep-vein-thrombolysis", **fields: Any) -> OrderFinding:
    """An elective order whose draft names patient, encounter, requester and priority."""
    return tables.order(procedure, **({"draft": FULL, "urgency": Urgency.ELECTIVE} | fields))


def resources(suggestion: Suggestion | None) -> list[dict[str, Any]]:
    """The resources of the actions, as JSON would have them."""
    assert suggestion is not None
    return [json.loads(json.dumps(action["resource"])) for action in suggestion.actions if "resource" in action]


def errors(resource: dict[str, Any], *profiles: str) -> list[str]:
    """What the validator of this product says against a resource."""
    return [issue.message for issue in validate(resource, profiles) if issue.is_error]


# --- Order what is missing ---


def test_each_missing_test_is_a_draft_order_of_its_own(tables: Tables):
    """One button orders all that is missing, each as a laboratory order of the draft's patient, visit and requester."""
    wanted = [WantedTest("inr", date(2026, 12, 2)), WantedTest("hcg-urine", date(2026, 12, 14))]
    found = order_missing(wanted, [an_order(tables)], a_call(tables))
    assert found is not None
    assert found.label == "Order INR for 2 Dec and urine hCG for 14 Dec"
    assert found.recommended
    assert [action["type"] for action in found.actions] == ["create", "create"]
    inr, hcg = resources(found)
    assert (inr["status"], inr["intent"], inr["priority"]) == ("draft", "order", "urgent")
    assert inr["category"][0]["coding"][0]["code"] == "108252007"
    assert inr["code"]["coding"][0]["code"] == "6301-6"
    assert [inr[name] for name in ("subject", "encounter", "requester")] == [
        {"reference": "Patient/p1"},
        {"reference": "Encounter/e1"},
        {"reference": "Practitioner/p1"},
    ]
    assert hcg["occurrenceDateTime"] == "2026-12-14"
    assert hcg["note"] == [{"text": "For interventional radiology: DVT thrombolysis. Wanted for 14 Dec"}]
    assert "id" not in inr


def test_tests_of_one_day_share_its_name(tables: Tables):
    """A button says a day once, and names every test."""
    wanted = [WantedTest(test, date(2026, 12, 2)) for test in ("inr", "cbc", "creatinine")]
    found = order_missing(wanted, [an_order(tables)], a_call(tables))
    assert found is not None
    assert found.label == "Order INR, CBC, and creatinine for 2 Dec"


@pytest.mark.parametrize(
    ("wanted", "label"),
    [
        (WantedTest("cbc", timing=Timing.DAY_BEFORE), "Order CBC for the day before"),
        (WantedTest("creatinine", timing=Timing.AFTER, recheck=True), "Order creatinine for 48 h after"),
        (WantedTest("fibrinogen", timing=Timing.NOW), "Order fibrinogen stat"),
        (WantedTest("inr"), "Order INR"),
    ],
)
def test_a_test_without_a_day_says_when(wanted: WantedTest, label: str, tables: Tables):
    """Where the day is not known, the button and the note say when the test is wanted."""
    found = order_missing([wanted], [an_order(tables)], a_call(tables))
    assert found is not None
    assert found.label == label
    assert "occurrenceDateTime" not in resources(found)[0]


@pytest.mark.parametrize(
    ("planned", "label"),
    [
        (date(2026, 12, 4), "Order INR for 2 Dec and urine hCG for 4 Dec"),
        (date(2026, 11, 25), "Order INR and urine hCG for 25 Nov"),
        (None, "Order INR and urine hCG"),
    ],
)
def test_a_planned_procedure_times_its_tests(planned: date | None, label: str, tables: Tables):
    """A test is ordered in time before the procedure, a pregnancy test for its day, nothing for a day that is over."""
    order = an_order(tables, planned=planned)
    found = order_missing([WantedTest("inr"), WantedTest("hcg-urine")], [order], a_call(tables))
    assert found is not None
    assert found.label == label


def test_a_positive_pregnancy_test_is_confirmed_in_serum(tables: Tables):
    """A re-check orders the test that confirms the result."""
    wanted = WantedTest("hcg-urine", timing=Timing.NOW, recheck=True)
    found = order_missing([wanted], [an_order(tables)], a_call(tables))
    assert found is not None
    assert found.label == "Order serum hCG stat"


def test_in_an_emergency_a_test_is_ordered_at_once(tables: Tables):
    """In an emergency nothing is ordered for a later day."""
    order = an_order(tables, urgency=Urgency.EMERGENCY)
    found = order_missing([WantedTest("fibrinogen", date(2026, 12, 2))], [order], a_call(tables))
    assert found is not None
    assert found.label == "Order fibrinogen stat"
    assert resources(found)[0]["priority"] == "stat"


@pytest.mark.parametrize(
    "read", [None, LookedAt("observations", None, whole=False), LookedAt("observations", 3, whole=False)]
)
def test_nothing_is_ordered_where_results_could_not_be_read(read: LookedAt | None, tables: Tables):
    """A result that could not be read may be there: no button orders the test; a re-check has a day of its own."""
    call, order = a_call(tables, read=read), an_order(tables)
    assert order_missing([WantedTest("inr")], [order], call) is None
    recheck = WantedTest("inr", date(2026, 12, 3), recheck=True)
    assert order_missing([recheck], [order], call) is not None


@pytest.mark.parametrize(
    ("ordered", "wanted", "planned", "offered"),
    [
        (OrderedTest("inr"), WantedTest("inr"), None, False),
        (OrderedTest("inr", date(2026, 12, 1)), WantedTest("inr"), date(2026, 12, 4), False),
        (OrderedTest("inr", date(2026, 12, 9)), WantedTest("inr"), date(2026, 12, 4), True),
        (OrderedTest("cbc"), WantedTest("inr"), None, True),
        (OrderedTest("inr", TODAY), WantedTest("inr", date(2026, 12, 3), recheck=True), None, True),
        (OrderedTest("inr", date(2026, 12, 3)), WantedTest("inr", date(2026, 12, 3), recheck=True), None, False),
    ],
)
def test_what_is_ordered_is_not_ordered_again(
    ordered: OrderedTest, wanted: WantedTest, planned: date | None, offered: bool, tables: Tables
):
    """A test that is ordered in time is not offered; one that comes after the procedure, or too early, is."""
    order = an_order(tables, planned=planned)
    assert (order_missing([wanted], [order], a_call(tables, ordered)) is not None) == offered


def test_a_larger_test_is_ordered_alone(tables: Tables):
    """Of a blood count and one with differential only the larger is ordered."""
    wanted = [WantedTest("cbc"), WantedTest("cbc-differential"), WantedTest("cbc-differential")]
    found = order_missing(wanted, [an_order(tables)], a_call(tables))
    assert found is not None
    assert found.label == "Order CBC with differential"


@pytest.mark.parametrize(
    "draft",
    [
        {name: value for name, value in DRAFT.items() if name != "subject"},
        DRAFT | {"subject": {"reference": 5}},
        DRAFT | {"encounter": "e1"},
    ],
)
def test_no_order_without_a_readable_patient(draft: dict[str, Any], tables: Tables):
    """A draft that does not say readably whose it is gives no order to another test."""
    assert order_missing([WantedTest("inr")], [an_order(tables, draft=draft)], a_call(tables)) is None


# --- Tell IR, and link the reason ---


def deep_difference(before: Any, after: Any, path: str = "") -> list[str]:
    """Paths at which two JSON values differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = dict.fromkeys([*before, *after])
        return [line for n in names for line in deep_difference(before.get(n, ...), after.get(n, ...), f"{path}.{n}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [line for i, (one, other) in pairs for line in deep_difference(one, other, f"{path}[{i}]")]
    return [] if json.dumps(before, default=str) == json.dumps(after, default=str) else [path]


def test_evidence_is_noted_on_the_draft(tables: Tables):
    """The draft keeps all it had, and gains a reference to the evidence and one sentence."""
    found = tell_ir(
        Tell.REACTION,
        "Iohexol anaphylaxis (Mar 2021)",
        [IOHEXOL, PLATELETS],
        [an_order(tables, draft=RICH)],
        a_call(tables),
    )
    assert found is not None
    assert found.label == "Add this reaction to the order for IR"
    (after,) = resources(found)
    assert deep_difference(RICH, after) == [".supportingInfo", ".note"]
    assert after["supportingInfo"] == [*RICH["supportingInfo"], {"reference": IOHEXOL.reference}]
    assert after["note"] == [*RICH["note"], {"text": "For interventional radiology: Iohexol anaphylaxis (Mar 2021)."}]


def test_what_the_draft_says_already_is_not_added(tables: Tables):
    """Pressed once, the button has nothing more to do."""
    call = a_call(tables)
    first = resources(tell_ir(Tell.RESULTS, "Platelets 42", [PLATELETS], [an_order(tables)], call))[0]
    assert tell_ir(Tell.RESULTS, "Platelets 42", [PLATELETS], [an_order(tables, draft=first)], call) is None


def test_every_order_concerned_is_told(tables: Tables):
    """One button notes a reaction on each of two orders."""
    other = FULL | {"id": "draft-2"}
    orders = [an_order(tables), an_order(tables, draft=other, reference="ServiceRequest/draft-2")]
    found = tell_ir(Tell.REACTION, "Iohexol anaphylaxis", [IOHEXOL], orders, a_call(tables))
    assert [resource["id"] for resource in resources(found)] == ["draft-1", "draft-2"]


@pytest.mark.parametrize("reference", ["observations.entry[2]", "urn:uuid:1-2", "#x", "ServiceRequest/draft-1"])
def test_what_has_no_reference_is_only_noted(reference: str, tables: Tables):
    """Evidence that can't be referred to, or is the order itself, is told in words alone."""
    found = tell_ir(Tell.RESULTS, "Platelets 42", [Evidence(reference, "x")], [an_order(tables)], a_call(tables))
    assert "supportingInfo" not in resources(found)[0]
    assert resources(found)[0]["note"]


JSON = st.recursive(
    st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(min_size=1),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(st.text(), inner, min_size=1, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "reasonCode", "_note", "extension"]), JSON, max_size=4))
def test_whatever_a_draft_holds_comes_back_unchanged(tables: Tables, members: dict[str, Any]):
    """Whatever else a draft holds, known to FHIR or not, comes back as it came, byte for byte."""
    draft = DRAFT | members
    order, call = an_order(tables, draft=draft), a_call(tables)
    for found in (
        tell_ir(Tell.RESULTS, "INR 2.4", [PLATELETS], [order], call),
        *link_reason(_with_reason(order), call),
    ):
        for after in resources(found) if found else []:
            assert set(deep_difference(draft, after)) <= {".supportingInfo", ".note", ".reasonReference"}
            assert [json.dumps(after[name]) for name in members] == [json.dumps(draft[name]) for name in members]


@pytest.mark.parametrize(
    "draft",
    [
        json.dumps(DRAFT | {"quantityQuantity": {"value": 1}}).replace("1}", "0.123456789012345678901}"),
        json.dumps(DRAFT | {"quantityQuantity": {"value": 1}}).replace("1}", "1.00}"),
        json.dumps(DRAFT | {"quantityQuantity": {"value": 1}}).replace("1}", "1e3}"),
        json.dumps(DRAFT | {"quantityQuantity": {"value": 1}}).replace("1}", "99999999999999999999}"),
        json.dumps(DRAFT | {"instantiatesUri": ["x", None], "_instantiatesUri": [None, {"id": "y"}]}),
        json.dumps(DRAFT | {"note": {"text": "not a list"}, "reasonReference": "not a list"}),
        json.dumps(DRAFT | {"note": [{"text": "\ud800"}]}),
        json.dumps(DRAFT | {"id": "another"}),
        json.dumps(DRAFT | {"resourceType": "Task"}),
        json.dumps(DRAFT).replace("{", '{"x": NaN, ', 1),
        "no json",
        "[" * 100_000,
    ],
)
def test_a_draft_that_can_not_be_given_back_unchanged_is_not_changed(draft: str, tables: Tables):
    """Rather than change a number or shift a list, no update is offered."""
    order, call = _with_reason(an_order(tables, draft=draft.encode())), a_call(tables)
    assert tell_ir(Tell.RESULTS, "INR 2.4", [PLATELETS], [order], call) is None
    assert link_reason(order, call) == ()


def _with_reason(order: OrderFinding, *reasons: tuple[Evidence, ...]) -> OrderFinding:
    return replace(order, linkable_reasons=reasons or ((FIBROID,),))


def test_a_recorded_reason_is_linked(tables: Tables):
    """The order names a condition of the record as its reason; none is created, and no code is added."""
    order = _with_reason(an_order(tables, "uterine-fibroid-embolization", draft=RICH))
    (found,) = link_reason(order, a_call(tables))
    assert found.label == "Add the recorded diagnosis as the reason: Uterine leiomyoma"
    assert [action["type"] for action in found.actions] == ["update"]
    (after,) = resources(found)
    assert deep_difference(RICH, after) == [".reasonReference"]
    assert after["reasonReference"] == [{"reference": "Condition/c1", "display": "Uterine leiomyoma"}]


def test_a_combined_reason_is_linked_as_a_whole(tables: Tables):
    """Bronchial embolization is for hemoptysis with a cause: both recorded conditions are named."""
    both = (Evidence("Condition/h", "Hemoptysis"), Evidence("Condition/b", "Bronchiectasis"))
    (found,) = link_reason(_with_reason(an_order(tables), both), a_call(tables))
    assert found.label == "Add the recorded diagnosis as the reason: Hemoptysis and Bronchiectasis"
    assert [part["reference"] for part in resources(found)[0]["reasonReference"]] == ["Condition/h", "Condition/b"]


def test_without_a_fitting_condition_there_is_no_button(tables: Tables):
    """What the record does not hold is never offered as the reason."""
    assert link_reason(an_order(tables), a_call(tables)) == ()


# --- Change the order ---


def test_lysis_is_replaced_by_the_thrombectomy_of_the_same_vessel(tables: Tables):
    """The draft of the lysis is deleted, and the thrombectomy ordered for the same patient, visit and reason."""
    draft = RICH | {
        "reasonReference": [{"reference": "Condition/dvt"}],
        "orderDetail": [{"text": "alteplase 1 mg/h"}],
        "occurrenceDateTime": "2026-12-02",
    }
    found = replace_orders([an_order(tables, draft=draft)], RISK, a_call(tables))
    assert found is not None
    assert found.label == "Replace with DVT thrombectomy"
    delete, create = found.actions
    assert (delete["type"], delete["resourceId"]) == ("delete", "ServiceRequest/draft-1")
    assert create["type"] == "create"
    (made,) = resources(found)
    assert made["code"]["text"] == "Percutaneous venous thrombectomy, extremity DVT"
    assert made["code"]["coding"][-1]["code"] == "deep-vein-thrombectomy"
    assert made["note"] == [*RICH["note"], {"text": "In place of DVT thrombolysis, which was not ordered."}]
    assert not {"id", "meta", "orderDetail", "extension"} & set(made)
    for name in ("subject", "encounter", "requester", "priority", "reasonReference", "occurrenceDateTime"):
        assert made[name] == draft[name]


def test_every_safer_procedure_is_recognized_when_it_is_ordered(tables: Tables):
    """What a button orders in place of another order is one of the procedures of the table, and uses no lytic."""
    procedures = tables.knowledge.procedures
    mapped = [(p, p.alternatives[RISK[0]]) for p in procedures.values() if RISK[0] in p.alternatives]
    assert len(mapped) >= 3
    for procedure, name in mapped:
        safer = procedures[name]
        assert procedure.uses - safer.uses >= {"thrombolytic"}
        assert safer.uses - {"sedation"} <= procedure.uses
        code = tables.knowledge.order_codes[safer.id][-1]
        assert {hit.value_set for hit in tables.knowledge.codes.lookup(*code[:2])} == {f"procedure-{safer.id}"}


@pytest.mark.parametrize(
    "fields",
    [
        {"urgency": Urgency.EMERGENCY},
        {"procedure": "tips"},
        {"draft": b"no json"},
        {"reference": "Appointment/a1"},
    ],
)
def test_no_replacement_where_there_is_none(fields: dict[str, Any], tables: Tables):
    """No order is replaced in an emergency, without a mapped procedure, or without a draft that can be read."""
    name = fields.pop("procedure", "deep-vein-thrombolysis")
    assert replace_orders([an_order(tables, name, **fields)], RISK, a_call(tables)) is None


def test_an_order_that_may_be_two_procedures_is_not_replaced(tables: Tables):
    """Where it is not sure what was ordered, nothing is put in its place."""
    names = ("deep-vein-thrombolysis", "leg-arterial-thrombolysis")
    candidates = tuple(tables.knowledge.procedures[name] for name in names)
    assert replace_orders([an_order(tables, candidates=candidates)], RISK, a_call(tables)) is None


@pytest.mark.parametrize("level", list(Indicator))
@pytest.mark.parametrize("urgency", list(Urgency))
@pytest.mark.parametrize("alone", [True, False])
def test_cancelling_is_for_critical_cards(level: Indicator, urgency: Urgency, alone: bool, tables: Tables):
    """Cancelling is never the only button, never offered in an emergency, and never on a warning or information."""
    order, call = an_order(tables, urgency=urgency), a_call(tables)
    told = tell_ir(Tell.REACTION, "Iohexol anaphylaxis", [IOHEXOL], [order], call)
    beside = [] if alone or told is None else [told]
    found = cancel_orders([order], level, beside, call)
    allowed = not alone and urgency is not Urgency.EMERGENCY and level is Indicator.CRITICAL
    assert (found is not None) == allowed
    if found:
        (action,) = found.actions
        assert (action["type"], action["resourceId"]) == ("delete", "ServiceRequest/draft-1")
        assert "resource" not in action
        assert not found.recommended


@pytest.mark.parametrize("reference", ["Appointment/a1", "draftOrders.entry[0]", "urn:uuid:1-2-3"])
def test_nothing_changes_appointments_and_orders_without_id(reference: str, tables: Tables):
    """What has no id as an order can be neither changed nor deleted."""
    order, call = _with_reason(an_order(tables, reference=reference)), a_call(tables)
    other = Suggestion("x", ())
    assert tell_ir(Tell.RESULTS, "INR 2.4", [PLATELETS], [order], call) is None
    assert link_reason(order, call) == ()
    assert replace_orders([order], RISK, call) is None
    assert cancel_orders([order], Indicator.CRITICAL, [other], call) is None
    assert order_missing([WantedTest("inr")], [order], call) is None


# --- All of them ---


def every_suggestion(tables: Tables, draft: dict[str, Any] = RICH) -> dict[str, Suggestion]:
    """One suggestion of each kind."""
    order, call = _with_reason(an_order(tables, draft=draft)), a_call(tables)
    wanted = [WantedTest(test, date(2026, 12, 2)) for test in tables.knowledge.lab_orders.tests]
    found = {
        "order": order_missing(wanted, [order], call),
        "tell": tell_ir(Tell.REACTION, "Iohexol anaphylaxis", [IOHEXOL], [order], call),
        "replace": replace_orders([order], RISK, call),
        "link": link_reason(order, call)[0],
    }
    given = {name: suggestion for name, suggestion in found.items() if suggestion is not None}
    cancel = cancel_orders([order], Indicator.CRITICAL, list(given.values()), call)
    return given | ({"cancel": cancel} if cancel else {})


def test_what_is_suggested_is_valid_fhir(tables: Tables):
    """Every suggested resource is valid by R4, by the profile of orders where it is one, and by fhir.resources."""
    draft = FULL | {"note": RICH["note"], "supportingInfo": RICH["supportingInfo"]}
    found = every_suggestion(tables, draft)
    assert len(found) == 5
    for name, suggestion in found.items():
        for resource in resources(suggestion) if name != "cancel" else []:
            profiles = () if name == "order" else (ORDER_PROFILE,)
            assert errors(resource, *profiles) == []
            assert ServiceRequest.model_validate(resource).subject.reference == "Patient/p1"


def test_no_button_touches_a_drug_or_a_diagnosis(tables: Tables):
    """No drug is prescribed, stopped or held, and no diagnosis is made up: orders of services are all that changes."""
    for suggestion in every_suggestion(tables).values():
        assert {resource["resourceType"] for resource in resources(suggestion)} <= {"ServiceRequest"}
        deleted = [action["resourceId"] for action in suggestion.actions if action["type"] == "delete"]
        assert all(reference.startswith("ServiceRequest/") for reference in deleted)


@pytest.mark.parametrize(
    ("names", "behavior"),
    [
        (["order", "tell"], "any"),
        (["order", "cancel"], "any"),
        (["tell"], "any"),
        (["tell", "link"], "at-most-one"),
        (["tell", "cancel"], "at-most-one"),
        (["replace", "cancel"], "at-most-one"),
        (["order", "tell", "cancel"], "at-most-one"),
    ],
)
def test_only_independent_suggestions_may_be_combined(names: list[str], behavior: str, tables: Tables):
    """Two changes of one draft exclude each other; a new order of a test goes with either."""
    found = every_suggestion(tables)
    card = Card(("order", "x"), Indicator.WARNING, "s", "d", "x", suggestions=tuple(found[name] for name in names))
    body = card_json(card, tables.knowledge, lambda: "id")
    assert body["selectionBehavior"] == behavior
    assert [part.get("isRecommended", False) for part in body["suggestions"]] == [name == "order" for name in names]


def test_every_suggestion_has_an_id_of_its_own(tables: Tables):
    """Feedback names the suggestion that was accepted by its id, so no two share one."""
    numbers, found = count(1), tuple(every_suggestion(tables).values())
    card = Card(("order", "x"), Indicator.WARNING, "s", "d", "x", suggestions=found)
    body = card_json(card, tables.knowledge, lambda: f"id-{next(numbers)}")
    assert len({body["uuid"], *(part["uuid"] for part in body["suggestions"])}) == 1 + len(found)


def test_the_last_dose_names_drug_and_day(tables: Tables):
    """The button says which drug and until when, so that it can be written by hand."""
    found = tell_ir(
        Tell.LAST_DOSE, "last apixaban 30 Nov", [], [an_order(tables)], a_call(tables), drug="apixaban", day="30 Nov"
    )
    assert found is not None
    assert found.label == "Add “last apixaban 30 Nov” to the order"


def test_of_alternatives_only_one_is_recommended(tables: Tables):
    """Several suggestions may be recommended only where several may be chosen."""
    found = every_suggestion(tables)
    both = tuple(replace(found[name], recommended=True) for name in ("tell", "link"))
    card = Card(("order", "x"), Indicator.WARNING, "s", "d", "x", suggestions=both)
    shown = card_json(card, tables.knowledge, lambda: "id")["suggestions"]
    assert [part.get("isRecommended") for part in shown] == [True, None]
