"""FHIR dates and times as spans in the hospital's zone."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cds_service.facts.dates import read_when

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026", "2026-01-01T00:00", "2027-01-01T00:00"),
        ("2026-02", "2026-02-01T00:00", "2026-03-01T00:00"),
        ("2026-12", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("2024-02-29", "2024-02-29T00:00", "2024-03-01T00:00"),
        (" 2026-11-23 ", "2026-11-23T00:00", "2026-11-24T00:00"),
        ("0001", "0001-01-01T00:00", "0002-01-01T00:00"),
    ],
)
def test_a_partial_date_spans_all_that_it_may_mean(text: str, start: str, end: str) -> None:
    """A year, month or day is the whole of it, to the last moment."""
    when = read_when(text, SHANGHAI)
    assert when is not None
    assert when.earliest == datetime.fromisoformat(start).replace(tzinfo=SHANGHAI)
    assert when.latest == datetime.fromisoformat(end).replace(tzinfo=SHANGHAI) - timedelta(microseconds=1)
    assert when.text == text.strip()


@pytest.mark.parametrize(
    ("text", "moment", "day"),
    [
        ("2026-11-23T22:30:00Z", "2026-11-24T06:30:00", "2026-11-24"),
        ("2026-11-23T22:30:00-05:00", "2026-11-24T11:30:00", "2026-11-24"),
        ("2026-11-24T02:00:00+08:00", "2026-11-24T02:00:00", "2026-11-24"),
        ("2026-11-24T02:00:00", "2026-11-24T02:00:00", "2026-11-24"),
        ("2026-11-24T02:00", "2026-11-24T02:00:00", "2026-11-24"),
        ("2026-11-24T02:00:00.123456789Z", "2026-11-24T10:00:00.123456", "2026-11-24"),
        ("2026-11-24T02:00:00.1+08:00", "2026-11-24T02:00:00.100000", "2026-11-24"),
        ("2026-11-23T17:00:00-00:00", "2026-11-24T01:00:00", "2026-11-24"),
    ],
)
def test_a_time_is_a_moment_in_the_hospitals_zone(text: str, moment: str, day: str) -> None:
    """Offsets are respected; a time without one is the hospital's; the day shown is the hospital's day."""
    when = read_when(text, SHANGHAI)
    assert when is not None
    assert when.earliest == when.latest == datetime.fromisoformat(moment).replace(tzinfo=SHANGHAI)
    assert when.text == day


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", " ", "yesterday", "11/23/2026", "23.11.2026", "20261123", "2026-1-1", "2026-13", "2026-00-10"),
        *("2026-11-00", "2023-02-29", "2026-11-31", "0000", "99999", "-2026", "9999-12", "２０２６-11-23"),
        *("2026-11-23T25:00:00Z", "2026-11-23T10:61:00Z", "2026-11-23T10", "2026-11-23T10:00:00+25:00"),
        *("2026-11-23 10:00:00", "2026-11-23T10:00:00 GMT", "2026-11-23T24:00:00Z", "2026-11-23\n2026"),
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_what_is_no_date(text: str | None) -> None:
    """A text that is no FHIR date, or no day of the calendar, is no date, and never an error."""
    assert read_when(text, SHANGHAI) is None


def test_a_day_of_a_clock_change() -> None:
    """On a day on which the clock is put back, the day still begins and ends at midnight."""
    berlin = ZoneInfo("Europe/Berlin")
    when = read_when("2026-10-25", berlin)
    assert when is not None
    assert (when.earliest.isoformat(), when.latest.isoformat()) == (
        "2026-10-25T00:00:00+02:00",
        "2026-10-25T23:59:59.999999+01:00",
    )


BERLIN = ZoneInfo("Europe/Berlin")


def test_the_hour_that_comes_twice() -> None:
    """When clocks go back, 02:10 in winter time is after 02:50 in summer time; without an offset it may be either."""
    summer, winter = read_when("2026-10-25T02:50:00+02:00", BERLIN), read_when("2026-10-25T02:10:00+01:00", BERLIN)
    bare = read_when("2026-10-25T02:30:00", BERLIN)
    assert summer is not None
    assert winter is not None
    assert bare is not None
    assert summer.latest < winter.earliest
    assert (winter.earliest - summer.latest, bare.latest - bare.earliest) == (timedelta(minutes=20), timedelta(hours=1))


def test_a_day_of_twenty_five_hours() -> None:
    """The day on which the clocks go back lasts an hour longer, and the one before it ends where it begins."""
    before, day = read_when("2026-10-24", BERLIN), read_when("2026-10-25", BERLIN)
    assert before is not None
    assert day is not None
    assert before.latest < day.earliest
    assert timedelta(hours=24) < day.latest - day.earliest < timedelta(hours=25)
