"""Analytes that are computed: eGFR and neutrophils against worked values, what stops a computation, also of MELD."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cds_service.cases import request_of
from cds_service.clinical_data.gather import gather
from cds_service.facts.extract import extract
from cds_service.facts.patient_facts import Interval
from cds_service.findings.chart import chart_of
from cds_service.findings.computed import Record
from cds_service.findings.derived_labs import add_derived
from cds_service.findings.finding import CriterionFinding
from cds_service.findings.lab_results import Blocked, LabResult, book_of
from cds_service.findings.medication_list import medications_of
from cds_service.findings.thresholds import hold_against
from cds_service.hooks.envelope import read_request
from cds_service.knowledge.tables import Knowledge
from tests.support.judging import judge, reason_of, said_of_criterion
from tests.support.reading import NOW
from tests.support.shipped import shipped_knowledge

KNOWLEDGE = shipped_knowledge()

CREATININE, EGFR = "loinc|2160-0", "loinc|98979-8"
WBC, PERCENT, ANC = "loinc|6690-2", "loinc|770-8", "loinc|751-8"
BILIRUBIN, INR = "loinc|1975-2", "loinc|6301-6"
WOMAN_OF_50 = {"birthDate": "1976-11-23", "gender": "female"}
MAN_OF_50 = {"birthDate": "1976-11-23", "gender": "male"}


def creatinine(value: float, **entry: Any) -> dict[str, Any]:
    """A creatinine in mg/dL of the day before."""
    return {"code": CREATININE, "value": value, "unit": "mg/dL"} | entry


def found(criterion: str, row: dict[str, Any], knowledge: Knowledge, now: datetime) -> CriterionFinding:
    """The finding of one criterion; a TIPS order unless the case says otherwise."""
    order = judge({"order": "tips"} | row, knowledge, now)
    return next(f for r in order.contraindications for f in r.criteria if f.criterion.id == criterion)


def equation(creatinine_mg_dl: float, age: int, *, female: bool) -> float:
    """CKD-EPI 2021 as printed: 142 x min(Scr/k, 1)^a x max(Scr/k, 1)^-1.200 x 0.9938^age [x 1.012 if female]."""
    kappa, alpha = (0.7, -0.241) if female else (0.9, -0.302)
    ratio = creatinine_mg_dl / kappa
    return 142 * min(ratio, 1) ** alpha * max(ratio, 1) ** -1.2 * 0.9938**age * (1.012 if female else 1)


@pytest.mark.parametrize(
    ("patient", "value", "rounded"),
    [
        (WOMAN_OF_50, 1.0, 69),
        (MAN_OF_50, 1.0, 92),
        (WOMAN_OF_50, 0.6, 109),
        (MAN_OF_50, 0.8, 108),
        (MAN_OF_50, 4.0, 17),
    ],
)
def test_egfr_from_creatinine(
    patient: dict[str, str], value: float, rounded: int, knowledge: Knowledge, now: datetime
) -> None:
    """The eGFR is the one of the published equation, shown as computed."""
    row = {"patient": patient, "labs": [creatinine(value)]}
    (evidence,) = found("egfr-contrast", row, knowledge, now).evidence
    assert isinstance(evidence.value, Decimal)
    assert float(evidence.value) == pytest.approx(equation(value, 50, female=patient is WOMAN_OF_50), abs=0.02)
    assert round(evidence.value) == rounded
    assert "computed" in [note.key for note in evidence.notes]


@pytest.mark.parametrize(
    ("patient", "labs", "expected", "reason"),
    [
        (MAN_OF_50, [creatinine(4.0)], "present", None),
        (MAN_OF_50, [creatinine(1.0)], "absent", None),
        (MAN_OF_50, [creatinine(354, unit="umol/L")], "present", None),
        (MAN_OF_50, [creatinine(4.0, comparator=">")], "present", None),
        (MAN_OF_50, [creatinine(0.5, comparator="<")], "absent", None),
        (MAN_OF_50, [creatinine(1.0, comparator=">")], "unknown", "straddles"),
        (MAN_OF_50, [creatinine(0)], "unknown", "implausible"),
        ({"birthDate": "1976", "gender": "male"}, [creatinine(4.0)], "present", None),
        ({"birthDate": "1976", "gender": "male"}, [creatinine(2.53)], "unknown", "straddles"),
        ({"birthDate": "1976"}, [creatinine(4.0)], "unknown", "needs-birth-date-and-sex"),
        ({"gender": "male"}, [creatinine(4.0)], "unknown", "needs-birth-date-and-sex"),
        ({"birthDate": "1976", "gender": "other"}, [creatinine(4.0)], "unknown", "needs-birth-date-and-sex"),
        ({"birthDate": "2030", "gender": "male"}, [creatinine(4.0)], "unknown", "needs-birth-date-and-sex"),
        ({"birthDate": "2010", "gender": "male"}, [creatinine(4.0)], "unknown", "adults-only"),
        ({"birthDate": "2008-11-23", "gender": "male"}, [creatinine(4.0)], "unknown", "adults-only"),
        (MAN_OF_50, [creatinine(4.0, unit="")], "unknown", "no-unit"),
        (MAN_OF_50, [creatinine(1.0, days=9), creatinine(4.0, unit="")], "unknown", "no-unit"),
    ],
)
def test_when_egfr_can_be_computed(
    patient: dict[str, str],
    labs: list[dict[str, Any]],
    expected: str,
    reason: str | None,
    knowledge: Knowledge,
    now: datetime,
) -> None:
    """Creatinine stands in for an eGFR in adults of known age and sex; else the question stays open and says why."""
    finding = found("egfr-contrast", {"patient": patient, "labs": labs}, knowledge, now)
    assert (finding.certainty, finding.reason.key if finding.reason else None) == (expected, reason)


@pytest.mark.parametrize(
    ("labs", "expected"),
    [
        ([{"code": EGFR, "value": 92, "days": 1}, creatinine(4.0, days=1)], "absent"),
        ([{"code": EGFR, "value": 92, "days": 1}, creatinine(4.0, days=5)], "absent"),
        ([{"code": EGFR, "value": 92, "days": 5}, creatinine(4.0, days=1)], "present"),
        ([{"code": EGFR, "value": 92, "days": 5}, creatinine(4.0, days=1, unit="")], "unknown"),
        ([{"code": EGFR, "value": 92, "days": 1}, creatinine(4.0, days=1, unit="")], "absent"),
        ([{"code": EGFR, "value": 20, "days": 5}, creatinine(1.0, days=1, unit="")], "present"),
    ],
)
def test_a_measured_egfr_counts_unless_creatinine_is_newer(
    labs: list[dict[str, Any]], expected: str, knowledge: Knowledge, now: datetime
) -> None:
    """A laboratory's own eGFR counts before one computed from creatinine of the same day or older."""
    labs = [{"unit": "mL/min/{1.73_m2}"} | lab for lab in labs]
    assert found("egfr-contrast", {"patient": MAN_OF_50, "labs": labs}, knowledge, now).certainty == expected


def test_a_newer_creatinine_without_age_takes_back_the_all_clear(knowledge: Knowledge, now: datetime) -> None:
    """Where a newer creatinine can't be turned into an eGFR, an older good eGFR is no all-clear."""
    labs = [{"code": EGFR, "value": 92, "unit": "mL/min", "days": 9}, creatinine(4.0)]
    assert found("egfr-contrast", {"patient": {}, "labs": labs}, knowledge, now).certainty == "unknown"


@pytest.mark.parametrize(
    ("labs", "expected"),
    [
        ([(WBC, 2.0, 1), (PERCENT, 20, 1)], "present"),
        ([(WBC, 5.0, 1), (PERCENT, 60, 1)], "absent"),
        ([(WBC, 2.0, 1), (PERCENT, 20, 2)], "unknown"),
        ([(WBC, 2.0, 1)], "unknown"),
        ([(WBC, 2.0, 1), (PERCENT, 20, 1), (ANC, 3.0, 1)], "absent"),
        ([(WBC, 2.0, 1), (PERCENT, 20, 1), (ANC, 3.0, 3)], "present"),
    ],
)
def test_neutrophils_from_the_differential(
    labs: list[tuple[str, float, int]], expected: str, knowledge: Knowledge, now: datetime
) -> None:
    """Leukocytes times the percentage of the same day stand in for a neutrophil count."""
    units = {WBC: "10*3/uL", PERCENT: "%", ANC: "10*3/uL"}
    rows = [{"code": code, "value": value, "unit": units[code], "days": days} for code, value, days in labs]
    row = {"order": "generic-intraarterial-chemotherapy", "labs": rows}
    assert found("neutrophils-grade-4", row, knowledge, now).certainty == expected


@pytest.mark.parametrize("without_unit", [0, 1])
def test_a_differential_without_unit_is_no_all_clear(without_unit: int, knowledge: Knowledge, now: datetime) -> None:
    """Where leukocytes or percentage can't be used, an older good neutrophil count is no all-clear."""
    rows: list[dict[str, Any]] = [
        {"code": WBC, "value": 2.0, "unit": "10*3/uL"},
        {"code": PERCENT, "value": 20, "unit": "%"},
        {"code": ANC, "value": 4.0, "unit": "10*3/uL", "days": 4},
    ]
    del rows[without_unit]["unit"]
    row = {"order": "generic-intraarterial-chemotherapy", "labs": rows}
    finding = found("neutrophils-grade-4", row, knowledge, now)
    assert (finding.certainty, finding.reason.key if finding.reason else None) == ("unknown", "no-unit")


def meld_labs(bilirubin: float = 3.2, inr: float = 1.8, creat: float = 1.4, **entry: Any) -> list[dict[str, Any]]:
    """The three inputs of a MELD score, all with the same further fields."""
    return [
        {"code": BILIRUBIN, "value": bilirubin, "unit": "mg/dL"} | entry,
        {"code": INR, "value": inr, "unit": "1"} | entry,
        creatinine(creat) | entry,
    ]


@pytest.mark.parametrize(
    ("labs", "expected", "reason"),
    [
        (meld_labs(), "present warning", None),
        (meld_labs(inr=1.1), "absent", None),
        (meld_labs()[:2], "-", None),
        (meld_labs(days=9), "-", None),
        ([*meld_labs()[:2], creatinine(1.4, unit="")], "unknown info", "no-unit"),
        ([*meld_labs(inr=1.1), creatinine(9.0, unit="")], "unknown info", "no-unit"),
        ([*meld_labs()[:2], creatinine(1.4, comparator=">")], "present warning", None),
        ([*meld_labs()[:2], creatinine(1.4, comparator="<")], "unknown info", "straddles"),
        ([*meld_labs(), creatinine(1.5)], "present warning", None),
    ],
)
def test_when_meld_can_be_computed(
    labs: list[dict[str, Any]], expected: str, reason: str | None, knowledge: Knowledge, now: datetime
) -> None:
    """The score needs all three inputs and is as old as the oldest; an input that can't be used leaves it open."""
    order = judge({"order": "tips", "labs": labs}, knowledge, now)
    assert (said_of_criterion(order, "meld-tips"), reason_of(order, "meld-tips")) == (expected, reason)


FINE = st.integers(1, 60).map(lambda n: n / 10)
ENTRY = st.fixed_dictionaries(
    {"value": FINE, "days": st.sampled_from([0, 1, 2])},
    optional={
        "comparator": st.sampled_from(["<", ">"]),
        "unit": st.just(None),
        "fields": st.just({"effectiveDateTime": None}),
    },
)


@given(wholes=st.lists(ENTRY, min_size=1, max_size=5), parts=st.lists(ENTRY, min_size=1, max_size=5))
def test_pairs_that_are_left_out_change_nothing(wholes: list[dict[str, Any]], parts: list[dict[str, Any]]) -> None:
    """Only the lowest and highest percentages of a day are paired, and the answer is that of all pairs."""
    labs = [{"code": WBC, "unit": "10*3/uL"} | w for w in wholes]
    labs += [{"code": PERCENT, "unit": "%"} | p | {"value": p["value"] * 10} for p in parts]
    labs = [{key: value for key, value in lab.items() if value is not None} for lab in labs]
    request = request_of({"order": "generic-intraarterial-chemotherapy", "labs": labs}, NOW)
    facts = extract(gather(read_request("ir-order-sign", json.dumps(request).encode())), now=NOW)
    few, all_of_them = book_of(facts, KNOWLEDGE), book_of(facts, KNOWLEDGE)
    add_derived(few, Record(facts, KNOWLEDGE, chart_of(facts, KNOWLEDGE), medications_of(facts, KNOWLEDGE)))
    for whole in [*all_of_them.of("leukocytes"), *all_of_them.blocked.get("leukocytes", ())]:
        for part in [*all_of_them.of("neutrophil-fraction"), *all_of_them.blocked.get("neutrophil-fraction", ())]:
            if whole.when is None or part.when is None or whole.when.latest.date() == part.when.latest.date():
                all_of_them.add("neutrophils", share_of_one_pair(whole, part))
    for name in ("neutrophils-grade-4", "neutrophils-grade-3", "neutrophils-doxorubicin"):
        limit = KNOWLEDGE.thresholds[name]
        found, wanted = (hold_against(limit, book, KNOWLEDGE.codes, facts.today) for book in (few, all_of_them))
        assert found.certainty == wanted.certainty


def share_of_one_pair(whole: LabResult | Blocked, part: LabResult | Blocked) -> LabResult | Blocked:
    """Leukocytes times percent / 100 of one pair, or what stands in its way."""
    if isinstance(whole, Blocked):
        return replace(whole, when=whole.when or part.when)
    if isinstance(part, Blocked):
        return replace(part, when=whole.when)
    low, high = (
        None if one is None or other is None else one * other / 100
        for one, other in (
            (whole.interval.low, part.interval.low),
            (whole.interval.high, part.interval.high),
        )
    )
    return LabResult(Interval(low, high), whole.when, whole.evidence)
