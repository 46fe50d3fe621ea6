"""The safety property of results: however a result is coded, spelled, written or dated, it is never passed over.

A result beyond its limit may be read or not, but the answer is never "absent"; one on the good side of it may be read
or not, but never raises an alarm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.knowledge.value_sets import rules_of
from tests.support.judging import judge, said_of_criterion
from tests.support.reading import NOW
from tests.support.shipped import shipped_knowledge, shipped_rows

KNOWLEDGE = shipped_knowledge()
ROWS = shipped_rows()
NAMES = {row["id"]: row["names"] for row in ROWS.lab_names["lab"]}
MAYBE = {row["id"]: row["value_set"] for row in ROWS.lab_names["lab"] if "value_set" in row}

COUNT = {
    "10*9/L": 1,
    "G/l": 1,
    "K/µL": 1,
    "x10(3)/mcL": 1,
    "10⁹/L": 1,
    "/nL": 1,
    "THOU/UL": 1,
    "10*6/L": 1000,
    "/uL": 1000,
}
MASS = {"mg/dL": 1, "MG/DL": 1, "mg/dl": 1, "mg/L": 10, "mg/100mL": 1}
PRESSURE = {"mm[Hg]": 1, "mmHg": 1, "mm Hg": 1, "Torr": 1, "kPa": 0.133322}
RATE = {"mL/min/{1.73_m2}": 1, "ml/min/1,73 m²": 1, "mL/min": 1, "ML/MIN/1.73M2": 1, "mL/min/1.73 m2": 1}


@dataclass(frozen=True)
class Limited:
    """A limit of the tables: values beyond it and on its good side, and units with what a value is multiplied by."""

    lab: str
    criterion: str
    order: str
    bad: tuple[float, ...]
    good: tuple[float, ...]
    units: dict[str, float]
    low_is_bad: bool


TACE, TIPS = "hepatic-artery-chemoembolization", "tips"
LIMITS = [
    Limited("inr", "inr-high-risk", TIPS, (1.9, 4.5, 12), (1, 1.2), {"1": 1, "{INR}": 1, "INR": 1, "": 1}, False),
    Limited("platelets", "platelets-high-risk", TIPS, (2, 12, 49), (60, 220, 400), COUNT, True),
    Limited("neutrophils", "neutrophils-grade-4", TACE, (0.1, 0.4), (2, 6.5), COUNT, True),
    Limited("leukocytes", "leukocytes-doxorubicin", TACE, (0.5, 2.9), (4, 11), COUNT, True),
    Limited("creatinine", "creatinine-chemoembolization", TACE, (2.1, 9.5), (0.7, 1.1), MASS | {"µmol/L": 88.4}, False),
    Limited("egfr", "egfr-contrast", TIPS, (5, 28), (60, 95), RATE, True),
    Limited("bilirubin", "bilirubin-tips", TIPS, (3.5, 20), (0.4, 1.1), MASS | {"umol/L": 17.1}, False),
    Limited("lvef", "lvef-severe", TIPS, (10, 28), (45, 65), {"%": 1, "percent": 1}, True),
    Limited("cd4", "cd4-low", TACE, (20, 190), (500, 900), {"/uL": 1, "cells/µL": 1, "10*9/L": 0.001}, True),
    Limited("paco2", "paco2-high", TIPS, (52, 80), (36, 44), PRESSURE, False),
    Limited("pao2", "pao2-low", TIPS, (40, 55), (70, 95), PRESSURE, True),
    Limited("ecog", "ecog-chemoembolization", TACE, (3, 4), (0, 1), {"{score}": 1, "": 1, "1": 1}, False),
]
LOINC_SPELLINGS = [
    "http://loinc.org",
    "http://loinc.org/",
    "https://LOINC.org",
    "urn:oid:2.16.840.1.113883.6.1",
    "HTTP://WWW.LOINC.ORG",
]
UNREAD_SPELLINGS = ["LOINC", "LN", "urn:iso:std:loinc", "http://loinc.example.org"]
PERSON = {"birthDate": "1970-03-01", "gender": "female"}


def codes_of(value_set: str) -> list[dict[str, str]]:
    """Every code of a value set as a coding."""
    return [{"system": rule.system, "code": rule.code} for rule in rules_of(ROWS.value_sets[value_set])[0]]


def codings(limited: Limited, *, read: bool) -> st.SearchStrategy[dict[str, Any]]:
    """Codes of a result: of LOINC in any spelling of its address, or in every way in which they are not read."""
    loinc = st.sampled_from(codes_of(KNOWLEDGE.labs[limited.lab].value_set))
    if read:
        return st.builds(
            lambda c, system: {"coding": [c | {"system": system}]}, loinc, st.sampled_from(LOINC_SPELLINGS)
        )
    forms: list[Callable[[str], str]] = [str, str.upper, str.lower, "S-{}".format, "{} (Blut)".format]
    named = st.builds(lambda name, form: form(name), st.sampled_from(NAMES[limited.lab]), st.sampled_from(forms))
    ways = [
        st.builds(lambda c: {"coding": [{"code": c["code"]}]}, loinc),
        st.builds(lambda c, system: {"coding": [c | {"system": system}]}, loinc, st.sampled_from(UNREAD_SPELLINGS)),
        st.builds(lambda name: {"text": name}, named),
        st.builds(lambda name: {"coding": [{"display": name}]}, named),
        st.builds(lambda name: {"coding": [{"system": "urn:local", "code": "4711", "display": name}]}, named),
        st.just({"coding": [{"system": "urn:local", "code": "4711"}]}),
    ]
    if limited.lab in MAYBE:
        other = st.sampled_from(codes_of(MAYBE[limited.lab]))
        ways.append(st.builds(lambda c: {"coding": [c]}, other))
        ways.append(st.builds(lambda c: {"coding": [{"system": "urn:local", "code": "X1"}, c], "text": "?"}, other))
    return st.one_of(ways)


def shown(value: float, comma: bool) -> str:
    """A number as text, with a decimal comma or point."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return text.replace(".", ",") if comma else text


@st.composite
def values(draw: st.DrawFn, limited: Limited, choices: tuple[float, ...]) -> dict[str, Any]:
    """A value as quantity, bound, range or text, in any unit."""
    value = draw(st.sampled_from(choices))
    unit, factor = draw(st.sampled_from(sorted(limited.units.items())))
    number = round(value * factor, 6)
    quantity: dict[str, Any] = {"value": number} | ({draw(st.sampled_from(["unit", "code"])): unit} if unit else {})
    bad_side = (choices is limited.bad) is limited.low_is_bad
    form = draw(st.sampled_from(["quantity", "bound", "range", "one bound", "text", "text", "named text"]))
    if form == "bound":
        return {"valueQuantity": quantity | {"comparator": "<=" if bad_side else ">="}}
    if form == "range":
        return {"valueRange": {"low": quantity, "high": quantity | {"value": number * 1.001}}}
    if form == "one bound":
        return {"valueRange": {"high" if bad_side else "low": quantity}}
    if form.endswith("text"):
        gap = draw(st.sampled_from([" ", "", "  "])) if not unit[:1].isdigit() else " "
        name = f"{draw(st.sampled_from(NAMES[limited.lab]))} " if form == "named text" else ""
        return {"valueString": f"{name}{shown(number, draw(st.booleans()))}{gap}{unit}"}
    return {"valueQuantity": quantity}


DATES = st.sampled_from(
    [
        {"effectiveDateTime": "2026-11-23"},
        {"effectiveDateTime": "2026-11-23T08:15:00+08:00"},
        {"effectiveDateTime": "2026-11-23T08:15:00.1234567Z"},
        {"effectiveDateTime": "2026-11-23T08:15"},
        {"effectivePeriod": {"start": "2026-11-22", "end": "2026-11-23"}},
        {"effectiveInstant": "2026-11-23T00:15:00Z"},
        {"issued": "2026-11-23T00:15:00Z"},
        {"effectiveDateTime": "11/23/2026"},
        {"effectiveDateTime": "23.11.2026"},
        {"effectiveDateTime": "2026-11-23 08:15"},
        {"effectiveDateTime": "2026-11-24"},
        {"effectiveDateTime": "2026"},
        {"effectiveTiming": {"event": ["2026-11-23"]}},
        {},
    ]
)


@st.composite
def results(draw: st.DrawFn, limited: Limited, choices: tuple[float, ...]) -> dict[str, Any]:
    """One result in any code, value and date, as an Observation or as a component of one."""
    code = draw(codings(limited, read=draw(st.booleans())))
    value, date = draw(values(limited, choices)), draw(DATES)
    bare = code.get("coding", [{}])[0].get("code") == "4711" and "display" not in code["coding"][0]
    if bare and "valueString" in value:
        value = {"valueQuantity": {"value": choices[0], "unit": KNOWLEDGE.labs[limited.lab].unit}}
    found = {"code": code, **value}
    if draw(st.integers(0, 4)) == 0:
        found = {"code": {"text": "Panel"}, "component": [found]}
    return {"fields": {"effectiveDateTime": None, **date, **found}}


def good_ones(limited: Limited) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Good results beside it: older ones that are read, and any that are not."""
    older = st.builds(
        lambda code, value, days: {"days": days, "fields": {"code": code, **value}},
        codings(limited, read=True),
        values(limited, limited.good),
        st.integers(3, 8),
    )
    unread = st.builds(
        lambda name, value, hours: {"hours": hours, "fields": {"code": {"text": f"{name} 2"}, **value}},
        st.sampled_from(NAMES[limited.lab]),
        values(limited, limited.good),
        st.integers(0, 200),
    )
    return st.lists(st.one_of(older, unread), max_size=3)


def answer_of(limited: Limited, labs: list[dict[str, Any]]) -> str:
    """What the limit's criterion says."""
    labs = [lab | {"fields": {k: v for k, v in lab["fields"].items() if v is not None}} for lab in labs]
    order = judge({"order": limited.order, "patient": PERSON, "labs": labs}, KNOWLEDGE, NOW)
    return said_of_criterion(order, limited.criterion).partition(" ")[0]


@pytest.mark.parametrize("limited", LIMITS, ids=lambda limited: limited.criterion)
@settings(max_examples=settings.default.max_examples // 2)  # of each of the limits
@given(data=st.data())
def test_a_result_beyond_its_limit_is_never_absent(limited: Limited, data: st.DataObject) -> None:
    """However it is coded, spelled, written and dated, beside whatever good results: present or unknown."""
    bad = data.draw(results(limited, limited.bad))
    labs = data.draw(st.permutations([bad, *data.draw(good_ones(limited))]))
    assert answer_of(limited, labs) in ("present", "unknown")


@pytest.mark.parametrize("limited", LIMITS, ids=lambda limited: limited.criterion)
@settings(max_examples=settings.default.max_examples // 2)  # of each of the limits
@given(data=st.data())
def test_a_good_result_is_never_an_alarm(limited: Limited, data: st.DataObject) -> None:
    """However good results are coded, spelled, written and dated: never present."""
    labs = [data.draw(results(limited, limited.good)), *data.draw(good_ones(limited))]
    assert answer_of(limited, labs) != "present"


@pytest.mark.parametrize("limited", LIMITS, ids=lambda limited: limited.criterion)
def test_the_plain_form_is_present_and_the_good_one_absent(limited: Limited) -> None:
    """The limits are awake: written as the tables do, a bad value is present and a good one absent."""
    code = {"coding": codes_of(KNOWLEDGE.labs[limited.lab].value_set)[:1]}
    unit = KNOWLEDGE.labs[limited.lab].unit
    said = [
        answer_of(limited, [{"fields": {"code": code, "valueQuantity": {"value": value, "unit": unit}}}])
        for value in (limited.bad[0], limited.good[0])
    ]
    assert said == ["present", "absent"]
