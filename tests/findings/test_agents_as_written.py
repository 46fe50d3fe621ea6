"""Antithrombotics as records write them, and the day of the last dose by a count of its own.

`agents_as_written.csv`: a code and the names of each agent (generic, brands, other languages), beside the tables.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.cases import coding, request_of
from cds_service.facts.dates import read_when
from cds_service.findings.holds import last_dose
from cds_service.knowledge.tables import Knowledge
from tests.findings.test_antithrombotics import ROW, a_row, agents_of
from tests.support.judging import judge_request

HEPARINS = {"ufh-sc", "ufh-iv"}
"""One name; the route tells which, and without one it is the longer hold."""
SHORTEST = 8
"""Letters of the shortest name in which these tests make a slip of the pen."""


def listed() -> list[dict[str, str]]:
    """One line an agent."""
    with (Path(__file__).parent / "agents_as_written.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def spellings(row: dict[str, str]) -> Iterator[dict[str, Any]]:
    """The medication as four kinds of records have it: by its code, generic, brand and strength, in a hurry."""
    if row["code"]:
        yield {"coding": [coding(row["code"])]}
    for name in row["names"].split("|"):
        for text in (
            name,
            f"{name.title()} 5 mg tabs",
            f"{name.upper()} 20MG TABLET PO DAILY",
            f"{name} 2,5 mg Filmtabl.",
        ):
            yield {"text": text}
        for text in (
            f"{name} comp. 5 mg c/12h",
            name if name[-1].isdigit() else f"{name}5mg",
            f"1x{name} tgl.",
            f"{name}\u00ae\u00a020 mg FTA 1-0-0",
            f"5 MG {name} Oral Tablet [{name.title()}]",
            f"HOLD {name}: last dose yesterday",
            f"{name} (discontinued)",
        ):
            yield {"text": text}
        yield {"coding": [{"system": "http://hl7.org/fhir/sid/ndc", "code": "1", "display": f"{name} 5 mg"}]}


def slips(name: str) -> Iterator[str]:
    """A letter left out, written twice, and changed for its neighbor."""
    place = len(name) // 2
    yield name[:place] + name[place + 1 :]
    yield name[:place] + name[place] + name[place:]
    yield name[:place] + name[place + 1] + name[place] + name[place + 2 :]


def expected(row: dict[str, str]) -> set[str]:
    """The agents of which one has to be found."""
    return HEPARINS if row["agent"] in HEPARINS else {row["agent"]}


def test_each_agent_is_recognized_however_it_is_written(knowledge: Knowledge) -> None:
    """By code, generic name, brand with a strength, capitals, in German and Spanish, as the display of another code."""
    rows = listed()
    assert len(rows) >= 70
    missed = [m for row in rows for m in spellings(row) if not agents_of(knowledge, m) & expected(row)]
    assert missed == []


def test_a_slip_of_the_pen_hides_no_agent(knowledge: Knowledge) -> None:
    """A longer name with one wrong letter names its agent still, in 99 of 100."""
    written = [
        (text, row)
        for row in listed()
        for name in row["names"].split("|")
        if len(name) >= SHORTEST and name.isalpha()
        for text in slips(name)
    ]
    missed = [text for text, row in written if not agents_of(knowledge, {"text": f"{text} 5 mg"}) & expected(row)]
    assert len(missed) <= len(written) / 100, missed


@pytest.mark.parametrize(
    ("text", "agent"),
    [
        ("Clopidogrelhydrogensulfat 75 mg", "clopidogrel"),
        ("Prasugrelhydrochlorid", "prasugrel"),
        ("Edoxabantosilat 60 mg", "edoxaban"),
        ("Dabigatranetexilatmesilat", "dabigatran"),
        ("Marcumartherapie", "phenprocoumon"),
        ("Heparinperfusor 500 IE/h", "ufh-iv"),
        ("Heparin-Calcium s.c.", "ufh-sc"),
        ("ASS100", "aspirin-low"),
        ("ASS ratiopharm 100 mg TAH", "aspirin-low"),
        ("ASS/Dipyridamol 25/200", "aspirin-dipyridamole"),
    ],
)
def test_a_name_in_one_word_with_its_salt_or_form(text: str, agent: str, knowledge: Knowledge) -> None:
    """German writes the salt, the form or the strength in one word with the name."""
    assert agents_of(knowledge, {"text": text}) == {agent}


ENDINGS = (
    "natrium kalium calcium hydrochlorid hydrogensulfat sulfat besilat tosilat tosylat mesilat mesylat maleat "
    "monohydrat therapie behandlung perfusor infusion injektion spritze spritzen tabletten kapseln"
)


def test_each_salt_and_form_may_be_of_one_word_with_a_name(knowledge: Knowledge) -> None:
    """Every ending of the table, and no other one: a part of a word is no name."""
    texts = [f"Apixaban{ending}" for ending in ENDINGS.split()]
    assert [text for text in texts if agents_of(knowledge, {"text": text}) != {"apixaban"}] == []
    assert agents_of(knowledge, {"text": "Apixabanspiegelbestimmung"}) == set()


@pytest.mark.parametrize("text", ["Heparinsalbe", "Heparingel", "Heparin-Calcium Salbe", "Voltarengel"])
def test_an_ointment_in_one_word_is_none(text: str, knowledge: Knowledge) -> None:
    """What is rubbed in is not taken into the body."""
    assert agents_of(knowledge, {"text": text}) == set()


@pytest.mark.parametrize(
    "name", ["Orfadin 10 mg", "Moradol nasal", "hemlock", "Hepar SL", "Aspirator", "Plaquenil", "Effexor"]
)
def test_another_medicine_of_nearly_the_same_name_is_none(name: str, knowledge: Knowledge) -> None:
    """Nitisinone, butorphanol and others are a letter away from an antithrombotic, and none."""
    assert agents_of(knowledge, {"text": name}) == set()


ZONES = [ZoneInfo(name) for name in ("Asia/Shanghai", "Europe/Berlin", "America/Los_Angeles", "UTC", "Asia/Kolkata")]


def free_days(doses: int, a_day: int) -> int:
    """Full days without a dose, counted dose by dose: those that are left out stand one after the other."""
    taken, day = doses, 0
    while taken >= a_day:
        taken, day = taken - a_day, day + 1
    return day


@given(
    st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    st.integers(0, 23),
    st.sampled_from(ZONES),
    st.sampled_from(ZONES),
    st.integers(1, 10),
    st.sampled_from(["d", "doses"]),
    st.sampled_from([1, 2]),
)
def test_the_last_dose_by_a_count_of_its_own(
    day: date, hour: int, sent_in: ZoneInfo, hospital: ZoneInfo, amount: int, unit: str, a_day: int
) -> None:
    """In each zone, for a time and a day alone: so many full days lie between the last dose and the procedure."""
    moment = datetime(day.year, day.month, day.day, hour, 30, tzinfo=sent_in)
    local = moment.astimezone(hospital).date()
    full_days = amount if unit == "d" else free_days(amount, a_day)
    row = a_row(str(amount), unit)
    timed = last_dose(row, read_when(moment.isoformat(), hospital), Decimal(a_day))
    dated = last_dose(row, read_when(day.isoformat(), hospital), Decimal(a_day))
    assert timed == local - timedelta(days=full_days + 1)
    assert dated == day - timedelta(days=full_days + 1)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),
    st.sampled_from(ZONES),
    st.sampled_from([4, 6, 12, 24, 36, 48, 96]),
)
def test_hours_before_a_time_are_hours_on_the_clock_of_that_day(
    moment: datetime, hospital: ZoneInfo, hours: int
) -> None:
    """Hours are counted back from the time of the procedure, whatever the clock is changed to in between."""
    start = moment.replace(second=0, microsecond=0, tzinfo=hospital)
    found = last_dose(a_row(str(hours), "h"), read_when(start.isoformat(), hospital), None)
    elapsed = (start.astimezone(ZoneInfo("UTC")) - timedelta(hours=hours)).astimezone(hospital).date()
    on_the_clock = (moment - timedelta(hours=hours)).date()
    assert found in {elapsed, on_the_clock}


@pytest.mark.parametrize(
    ("occurrence", "last"),
    [
        ({"occurrenceDateTime": "2026-12-04"}, "2026-12-01"),
        ({"occurrenceDateTime": "2026-12-03T20:00:00-08:00"}, "2026-12-01"),
        ({"occurrenceDateTime": "2026-12-04T00:30:00+08:00"}, "2026-12-01"),
        ({"occurrenceDateTime": "2026-12-03T16:30:00Z"}, "2026-12-01"),
        (
            {"occurrencePeriod": {"start": "2026-12-04T09:00:00+08:00", "end": "2026-12-04T11:00:00+08:00"}},
            "2026-12-01",
        ),
    ],
)
def test_the_day_is_the_hospitals(occurrence: dict[str, Any], last: str, knowledge: Knowledge) -> None:
    """Four doses of apixaban before 4 December in Shanghai: the last one on the first, however the day is written."""
    at = datetime(2026, 11, 24, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
    request = request_of({"order": "tips", "medications": [{"code": "rxnorm|1364430", "text": "apixaban 5 mg"}]}, at)
    for order in request["context"]["draftOrders"]["entry"]:
        order["resource"] |= occurrence
    judged = judge_request(request, knowledge, at).orders[0]
    (finding,) = [c for row in judged.contraindications if row.contraindication.id == ROW for c in row.criteria]
    assert [advice.last_dose for advice in finding.holds] == [date.fromisoformat(last)]
