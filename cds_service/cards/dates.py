"""Cards stage: when something was, in words: `20 Nov, 4 days ago`, `3 Oct`, `Mar 2021`; as vague as recorded."""

from __future__ import annotations

import re
from datetime import date

import msgspec

from cds_service.cards.escape import harmless
from cds_service.cards.wording import Wording

DAYS_TOLD = 13
"""Up to so many days it is said how long ago it was."""
_WEEK = 7
_ISO = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d).*)?)?")


class Moment(msgspec.Struct, frozen=True):
    """When something was: `full` with how long ago, `brief` the date alone, `interval` in weeks; "" if unknown."""

    full: str = ""
    brief: str = ""
    interval: str = ""


def moment_of(text: str | None, today: date | None, wording: Wording) -> Moment:
    """The words for a FHIR date; one that can't be read is shown as it is recorded."""
    found = _ISO.fullmatch(text.strip()) if text else None
    try:
        year, month, day = (int(part) if part else 0 for part in found.groups()) if found else (0, 0, 0)
        if not year:
            return Moment(harmless(text or ""), harmless(text or ""))
        if not month:
            return Moment(str(year), str(year))
        if not day:
            named = wording.day(date(year, month, 1), "month")
            return Moment(named, named)
        return _of_day(date(year, month, day), today, wording)
    except ValueError:
        return Moment(harmless(text or ""), harmless(text or ""))


def planned_day(day: date, today: date | None, wording: Wording) -> str:
    """A day of the near future: `4 Dec`, with its year where that is another."""
    return wording.day(day, "day" if today is None or today.year == day.year else "day-of-year")


def day_of_week(day: date, today: date | None, wording: Wording) -> str:
    """A day on which somebody does something: `Fri 4 Dec`."""
    return wording.day(day, "weekday" if today is None or today.year == day.year else "weekday-of-year")


def _of_day(day: date, today: date | None, wording: Wording) -> Moment:
    if today is None:
        named = wording.day(day, "day-of-year")
        return Moment(named, named)
    ago = (today - day).days
    if ago < 0:
        named = planned_day(day, today, wording)
        return Moment(named, named)
    named = wording.day(day, "month" if ago > DAYS_TOLD and day.year != today.year else "day")
    weeks = wording.count("when.weeks-ago", ago // _WEEK) if ago > DAYS_TOLD else ""
    return Moment(_ago(named, ago, wording), named, weeks)


def _ago(named: str, ago: int, wording: Wording) -> str:
    if ago > DAYS_TOLD:
        return named
    if ago <= 1:
        return wording.say("when.yesterday" if ago else "when.today", date=named)
    return wording.count("when.days-ago", ago, date=named)
