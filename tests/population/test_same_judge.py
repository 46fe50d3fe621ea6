"""The screening and the hook are one judge: the same facts, the same decision."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cds_service.answer import Answer, answer
from cds_service.hooks.envelope import read_request
from cds_service.knowledge.tables import Knowledge
from cds_service.population.results import read_rows
from cds_service.population.rows import Row
from tests.population.exports import (
    AFTER,
    Resource,
    T,
    a_condition,
    a_patient,
    a_result,
    an_order,
    early,
    run_of,
    write_export,
)
from tests.population.people import ZONE, person, readings, span, without_marks
from tests.population.test_run import generated

MOMENT = datetime.fromisoformat
KEYS = {
    "conditions": "Condition",
    "allergies": "AllergyIntolerance",
    "observations": "Observation",
}
MORE = {"medications": ("MedicationRequest", "MedicationDispense", "MedicationStatement"), "procedures": ("Procedure",)}


def called(
    order: dict[str, Any],
    patient: str,
    record: Mapping[str, Sequence[Resource]],
    knowledge: Knowledge,
    now: datetime | None = None,
    keys: Mapping[str, Sequence[str]] = {key: (kind,) for key, kind in KEYS.items()},
) -> Answer:
    """What the hook answers when the order is signed at its time, or `now`, with this record as prefetch."""
    bundles = {
        key: {
            "resourceType": "Bundle",
            "type": "searchset",
            "entry": [{"resource": r} for kind in kinds for r in record.get(kind, ())],
        }
        for key, kinds in keys.items()
    }
    draft = {**order, "status": "draft"}
    request = {
        "hook": "order-sign",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {
            "userId": "Practitioner/p1",
            "patientId": patient,
            "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": draft}]},
        },
        "prefetch": {**bundles, "patient": record["Patient"][0]},
    }
    call = read_request("ir-order-sign", json.dumps(request).encode())
    return answer(call, knowledge, now=now or MOMENT(order["authoredOn"]), new_id=lambda: "id")


def same(row: Row, answered: Answer) -> None:
    """One row of a run says what the answer says: procedure, indication, every contraindication, every card."""
    (decided,) = answered.decision["procedures"]
    rows = decided.get("contraindications", [])
    assert row.procedure == decided.get("procedure")
    assert row.applies == [found["id"] for found in rows]
    assert row.present == {f["id"]: f["indicator"] for f in rows if f["certainty"] == "present"}
    assert list(row.unknown) == [found["id"] for found in rows if found["certainty"] == "unknown"]
    assert row.indication == answered.summary.orders[0].indication
    assert told(row.cards) == told(answered.summary.cards)


def told(cards: Iterable[Any]) -> tuple[Any, ...]:
    """What cards speak of, and how loudly."""
    return tuple((card.topic, card.rows, card.indicator) for card in cards)


def records(export: Path) -> Iterator[tuple[str, dict[str, list[dict[str, Any]]]]]:
    """Every patient of an export with all resources by type."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for file in export.glob("*.ndjson"):
        for line in file.read_text().splitlines():
            if '"broken"' in line:
                continue
            resource = json.loads(line)
            owner = resource.get("subject", resource.get("patient", {"reference": f"Patient/{resource['id']}"}))
            name = owner["reference"].removeprefix("Patient/")
            kinds = found.setdefault(
                name, {kind: [] for kind in (*KEYS.values(), "Patient", "Encounter", "ServiceRequest")}
            )
            kinds[resource["resourceType"]].append(resource)
    yield from found.items()


def came_back(result: dict[str, Any]) -> datetime:
    """When a result was issued, else four hours after it was taken."""
    return MOMENT(result["issued"]) if "issued" in result else MOMENT(result["effectiveDateTime"]) + timedelta(hours=4)


def known_then(record: dict[str, list[dict[str, Any]]], moment: datetime) -> dict[str, list[dict[str, Any]]] | None:
    """By hand, what was known at a moment, and as it was then; None where a date is missing that would say so."""
    ends = {e["id"]: MOMENT(e["period"]["end"]) for e in record["Encounter"]}
    then: dict[str, list[dict[str, Any]]] = {"Patient": record["Patient"], "Condition": []}
    for condition in record["Condition"]:
        if "recordedDate" not in condition:
            return None
        known = MOMENT(condition["recordedDate"])
        if "encounter" in condition:
            known = max(known, ends[condition["encounter"]["reference"].removeprefix("Encounter/")])
        ended = condition["clinicalStatus"]["coding"][0]["code"] == "resolved"
        if known > moment:
            continue
        if ended and "abatementDateTime" not in condition:
            return None
        if ended and MOMENT(condition["abatementDateTime"]) > moment:
            condition = {k: v for k, v in condition.items() if k not in ("abatementDateTime", "clinicalStatus")}
            condition["clinicalStatus"] = {"coding": [{"code": "active"}]}
        then["Condition"].append(condition)
    then["AllergyIntolerance"] = [a for a in record["AllergyIntolerance"] if MOMENT(a["recordedDate"]) <= moment]
    then["Observation"] = [o for o in record["Observation"] if came_back(o) <= moment]
    return then


def test_an_order_is_judged_as_the_hook_would_have_judged_it_then(knowledge, tmp_path):
    """For every order of a made-up export whose record is dated: a hook call at that time, with what was known."""
    export = generated(tmp_path / "export", 150)
    run_of(export, tmp_path / "run")
    rows = {row.order: row for row in read_rows(tmp_path / "run")}
    compared = 0
    for patient, record in records(export):
        for order in record["ServiceRequest"]:
            row = rows.get(f"ServiceRequest/{order['id']}")
            if row is None or row.procedure is None or "T" not in order["authoredOn"]:
                continue
            then = known_then(record, MOMENT(order["authoredOn"]))
            if then is not None:
                same(row, called(order, patient, then, knowledge))
                assert row.others == ()
                compared += 1
    assert compared > 40


def test_bad_dates_are_judged_as_the_hook_would_have_judged_them(knowledge, tmp_path):
    """Days, zones, clocks that go back, missing dates, what ended, goes on, was corrected or can't be read: an order is
    judged as a hook call at its time would be, with what was known; its other readings are those that are possible.
    """
    chance = random.Random(14)  # noqa: S311  made-up patients, not a secret
    people = {f"p{number}": person(f"p{number}", chance) for number in range(60)}
    export = write_export(
        tmp_path / "export", [without_marks(one) for record in people.values() for one in record], kinds=()
    )
    run_of(export, tmp_path / "run", data_start="2015-01-01")
    rows = {row.order: row for row in read_rows(tmp_path / "run")}
    keys = {**{key: (kind,) for key, kind in KEYS.items()}, **MORE}
    for patient, record in people.items():
        order = record[1]
        row, possible = rows[f"ServiceRequest/{order['id']}"], set()
        for moment in dict.fromkeys(reversed(span(order["authoredOn"]))):
            for reading in readings(record, moment):
                by_kind: dict[str, list[Resource]] = {}
                for one in reading:
                    by_kind.setdefault(one["resourceType"], []).append(one)
                answered = called(order, patient, by_kind, knowledge, moment.astimezone(ZONE), keys)
                if not possible:
                    same(row, answered)
                possible.add(told(answered.summary.cards))
        assert {told(cards) for cards in (row.cards, *row.others)} == possible


@pytest.mark.parametrize(
    "later",
    [
        a_result("p", "o", "777-3", 20, "10*9/L", effectiveDateTime=AFTER, issued=AFTER),
        a_condition("p", "c2", "I50.9", recordedDate=AFTER),
    ],
)
def test_what_came_later_does_not_speak(later, knowledge, tmp_path):
    """Data written after the order change nothing of how it is judged."""
    before = [a_patient("p"), a_condition("p", "c"), an_order("p", "s")]
    run_of(write_export(tmp_path / "export", [*early(), *before, later]), tmp_path / "run")
    row = next(row for row in read_rows(tmp_path / "run") if row.order == "ServiceRequest/s")
    record = {"Patient": [before[0]], "Condition": [before[1]], "AllergyIntolerance": [], "Observation": []}
    same(row, called(before[2] | {"authoredOn": T}, "p", record, knowledge))


@pytest.mark.parametrize("text", ["IR ZWETSCHGENWASSER", "CBC with differential"])
def test_what_is_said_of_an_order_that_is_not_known_is_said_before_go_live(text, knowledge, tmp_path):
    """An order that is no known procedure brings the card, or the silence, that the hook would bring."""
    record = {"Patient": [a_patient("p")], "Condition": [], "AllergyIntolerance": [], "Observation": []}
    order = an_order("p", "s", text)
    run_of(write_export(tmp_path / "export", [*early(), *record["Patient"], order]), tmp_path / "run")
    row = next(row for row in read_rows(tmp_path / "run") if row.order == "ServiceRequest/s")
    same(row, called(order | {"authoredOn": T}, "p", record, knowledge))
    assert bool(row.cards) is text.startswith("IR")
