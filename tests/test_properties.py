"""The safety property: nothing lost or spoiled on the way ever turns a finding into "looked, found nothing"."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.answer import Answer, answer
from cds_service.cases import request_of
from cds_service.cli.everyday_orders import case_row, read_everyday_orders
from cds_service.hooks.envelope import read_request
from cds_service.kinds import KINDS
from cds_service.knowledge.questions.lab import LabQuestion
from tests.support.degrade import LOST, OUTCOME, SPOILED, Way, garble_a_field
from tests.support.reading import NOW
from tests.support.shipped import shipped_knowledge

pytestmark = pytest.mark.slow

KNOWLEDGE = shipped_knowledge()
FOLDER = Path(__file__).parent / "everyday"
WOMAN = {"birthDate": "1970-03-01", "gender": "female"}


def lab(code: str, value: float, unit: str, **entry: Any) -> dict[str, Any]:
    """A result of the day before."""
    return {"code": f"loinc|{code}", "value": value, "unit": unit} | entry


PATIENTS: dict[str, dict[str, Any]] = {
    "fibroids": {
        "order": "uterine-fibroid-embolization",
        "patient": WOMAN,
        "conditions": ["icd-10-cm|D25.9", "icd-10-cm|F20.9", {"code": "icd-10-cm|F05", "onset_days": 90}],
        "allergies": [{"code": "sct|395751002", "severity": "severe"}, {"text": "shellfish"}],
        "labs": [lab("777-3", 40, "10*9/L"), lab("777-3", 300, "10*9/L", days=9), lab("2160-0", 4.0, "mg/dL")],
    },
    "liver cancer": {
        "order": "hepatic-artery-chemoembolization",
        "patient": WOMAN,
        "conditions": ["icd-10-cm|C22.0", "icd-10-cm|I50.9", "icd-10-cm|K70.41"],
        "allergies": ["sct|300913006"],
        "labs": [
            *(lab("6690-2", 2.0, "10*3/uL"), lab("770-8", 20, "%"), lab("751-8", 5.0, "10*3/uL", days=5)),
            *(lab("1975-2", 4.2, "mg/dL"), lab("98979-8", 20, "mL/min/{1.73_m2}"), lab("777-3", 210, "K/uL")),
        ],
    },
    "cirrhosis": {
        "order": "tips",
        "patient": WOMAN,
        "conditions": ["icd-10-cm|K74.60", "icd-10-cm|K76.6", "icd-10-cm|D69.6", {"text": "tired"}],
        "labs": [
            *(lab("6301-6", 2.6, "{INR}"), lab("1975-2", 3.2, "mg/dL"), lab("2160-0", 1.0, "mg/dL", hours=40)),
            *(lab("2160-0", 1.6, "mg/dL", hours=1), lab("10230-1", 25, "%"), lab("2703-7", 50, "mm[Hg]", hours=1)),
        ],
    },
    "hemorrhage": {
        "order": {"code": "icd-10-pcs|04LE3DT", "text": "Uterine artery embolization"},
        "conditions": ["icd-10-cm|O72.1", {"code": "icd-10-cm|J96.01", "onset_days": 1}],
        "allergies": [{"text": "CT contrast"}, {"code": "urn:local|17"}],
        "labs": [lab("6301-6", 1.1, "1"), lab("777-3", 60, "10*9/L", comparator="<")],
    },
    "hemoptysis": {
        "orders": [{"text": "bronchial artery embolization"}, {"text": "arterial embolization"}],
        "conditions": ["icd-10-cm|R04.2", "icd-10-cm|J47.9", "icd-10-cm|N18.4", "icd-10-cm|D66"],
        "allergies": [{"code": "sct|44588005", "criticality": "high"}],
        "labs": [lab("6301-6", 3.4, "1"), lab("777-3", 15, "10*9/L"), lab("33914-3", 25, "mL/min/{1.73_m2}")],
    },
    "rising creatinine": {
        "order": "uterine-fibroid-embolization",
        "patient": WOMAN,
        "conditions": ["icd-10-cm|D25.9", {"code": "icd-10-cm|F32.2", "verification": "provisional"}],
        "labs": [lab("2160-0", 1.0, "mg/dL", hours=40), lab("2160-0", 1.6, "mg/dL", hours=1), lab("6301-6", 1.0, "1")],
    },
    "clot": {
        "orders": [{"text": "pulmonary artery thrombolysis"}, {"text": "IVC filter placement"}],
        "patient": WOMAN,
        "conditions": ["icd-10-cm|I26.99", "icd-10-cm|F20.9"],
        "labs": [lab("777-3", 60, "10*9/L"), lab("6301-6", 1.0, "1")],
        "procedures": [
            *({"code": "sct|25353009", "days": 40}, {"text": "Laparotomy", "undated": True}),
            *({"code": "sct|398182006", "days": 300}, {"text": "Own procedure", "days": 2, "status": "stopped"}),
        ],
    },
    "chemotherapy": {
        "order": "generic-intraarterial-chemotherapy",
        "patient": WOMAN,
        "conditions": ["icd-10-cm|C25.9"],
        "labs": [
            *(lab("6690-2", 2.0, "10*3/uL"), lab("770-8", 20, "%"), lab("751-8", 5.0, "10*3/uL", days=5)),
            *(lab("2160-0", 4.0, "mg/dL"), lab("98979-8", 92, "mL/min/{1.73_m2}", days=5)),
        ],
    },
}
# Enough picks for each way to meet everything that it can change.
PICKS = {way: range(320 if way is garble_a_field else 32) for way in LOST + SPOILED}
CHANGES = st.lists(st.tuples(st.sampled_from(LOST + SPOILED), st.integers(0, 399)), min_size=1, max_size=4)
SPOILING = st.lists(st.tuples(st.sampled_from(SPOILED), st.integers(0, 399)), min_size=1, max_size=4)


def call(request: dict[str, Any]) -> Answer | None:
    """The answer; None where nothing at all could be judged, which one card says."""
    body = json.dumps(request).encode()
    found = answer(read_request("ir-order-sign", body), KNOWLEDGE, now=NOW, new_id=lambda: "id")
    return None if found.nothing_judged else found


BASES = {name: request_of(row, NOW) for name, row in PATIENTS.items()}
ANSWERS = {name: call(request) for name, request in BASES.items()}


def optional_only(row: dict[str, Any]) -> bool:
    """Whether a row speaks only by labs that no row requires, which are not missed when they are gone."""
    criteria = [c for r in KNOWLEDGE.contraindications for c in r.criteria]
    missed = {c.id for c in criteria if c.required or not isinstance(c.question, LabQuestion)}
    return not any(c["id"] in missed and c["certainty"] != "absent" for c in row.get("criteria", []))


def changed(name: str, changes: list[tuple[Way, int]]) -> dict[str, Any]:
    """The call of a patient after the changes."""
    request = copy.deepcopy(BASES[name])
    for way, pick in changes:
        way(request, pick)
    return request


def turned_absent(name: str, request: dict[str, Any], *, lost: bool) -> list[str]:
    """Every row that was present or unknown, and is absent or gone in a changed call."""
    before, after = ANSWERS[name], call(request)
    assert before is not None
    if after is None:
        return []
    found = []
    for old, new in zip(before.decision["procedures"], after.decision["procedures"], strict=True):
        same = old["procedure"] == new.get("procedure")
        for table in ("indications", "contraindications"):
            rows = {row["id"]: row["certainty"] for row in new.get(table, [])}
            for row in old.get(table, []):
                if row["certainty"] == "absent" or (lost and table == "contraindications" and optional_only(row)):
                    continue
                # Where the procedure is no longer settled by the record, rows of the settled one may not apply.
                if rows.get(row["id"], "gone" if same else "") in ("absent", "gone"):
                    found.append(f"{row['id']} was {row['certainty']}")
    open_or_found = {r["certainty"] for e in after.decision["procedures"] for r in e.get("contraindications", [])}
    if open_or_found & {"present", "unknown"} and not after.cards:
        found.append("no card though something was found or left open")
    return found


@pytest.mark.parametrize("way", LOST + SPOILED, ids=lambda way: way.__name__)
@pytest.mark.parametrize("name", PATIENTS)
def test_no_single_loss_is_an_all_clear(name: str, way: Way) -> None:
    """Losing or spoiling any one thing never turns a finding that rests on required data into an absent one."""
    calls = {json.dumps(made): made for made in (changed(name, [(way, pick)]) for pick in PICKS[way])}
    found = {request: bad for request, made in calls.items() if (bad := turned_absent(name, made, lost=way in LOST))}
    assert found == {}


@pytest.mark.parametrize("name", PATIENTS)
@given(changes=CHANGES)
def test_no_loss_is_an_all_clear(name: str, changes: list[tuple[Way, int]]) -> None:
    """Several things lost or spoiled at once are no all-clear either, and never an error of the service."""
    assert turned_absent(name, changed(name, changes), lost=True) == []


@pytest.mark.parametrize("name", PATIENTS)
@given(changes=SPOILING)
def test_no_spoiled_result_is_an_all_clear(name: str, changes: list[tuple[Way, int]]) -> None:
    """A result that is there and can't be read is never passed over, not even one that no row requires."""
    assert turned_absent(name, changed(name, changes), lost=False) == []


FAILING: dict[str, Any] = {
    "not sent": None,
    "an error in its place": OUTCOME,
    "another resource in its place": {"resourceType": "Binary", "data": "x"},
    "a list of garbage": {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": 5}]},
}
"""What may stand under a prefetch key whose search failed; null is not among them: it says that nothing was found."""
LOSSES_LOOKED_AT = 24


def losses() -> list[tuple[dict[str, Any], str, str]]:
    """The call of an everyday order, a kind of data, and a row that a card tells because of it; some of all."""
    asks = {c.id: c.question.DATA for row in KNOWLEDGE.contraindications for c in row.criteria}
    found = []
    for order in read_everyday_orders(FOLDER):
        request = request_of(case_row(order, NOW) | {"hook": "order-sign"}, NOW)
        answered = call(request)
        for entry in answered.decision["procedures"] if answered else ():
            for row in entry.get("contraindications", ()):
                told = {asks[c["id"]] for c in row.get("criteria", ()) if c["told"]["as"] == "card"}
                found += [(request, key, row["id"]) for key in sorted(told)]
    return found[:: len(found) // LOSSES_LOOKED_AT]


def test_no_failed_search_of_an_everyday_order_is_silent() -> None:
    """Where a card rests on a kind of data, a failed search for it leaves a card, and its row is never absent for it.

    What many clients never send, and nothing requires, is told by the decision alone.
    """
    silent = []
    for whole, key, row in losses():
        for how, instead in FAILING.items():
            request = whole | {"prefetch": whole["prefetch"] | {key: instead}}
            if instead is None:
                del request["prefetch"][key]
            found = call(request)
            if found is None:
                continue
            rows = [r for e in found.decision["procedures"] for r in e.get("contraindications", ()) if r["id"] == row]
            told = bool(found.cards) or (instead is None and KINDS[key].often_missing)
            said = key in {gap["data"] for gap in found.decision["unavailable"]}
            if not (told and said) or (key != "observations" and "absent" in {r["certainty"] for r in rows}):
                silent.append((whole["context"]["draftOrders"]["entry"][0], key, row, how))
    assert silent == []


@pytest.mark.parametrize("name", PATIENTS)
def test_the_patients_have_something_to_lose(name: str) -> None:
    """Each patient has something that is present and something that is unknown."""
    found = ANSWERS[name]
    assert found is not None
    rows = [r for e in found.decision["procedures"] for t in ("indications", "contraindications") for r in e[t]]
    said = [*rows, *(criterion for row in rows for criterion in row.get("criteria", []))]
    assert {"present", "unknown"} <= {one["certainty"] for one in said}
