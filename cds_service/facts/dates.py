"""FHIR date, dateTime and instant -> the span of time that they may mean.

FHIR R4 allows `2024`, `2024-05`, `2024-05-03` and full times with an offset; a time without offset is taken in the
hospital's zone. `datetime.fromisoformat` refuses the partial ones, and naive and aware times don't compare.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from cds_service.facts.patient_facts import When

_TIME = r"T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?"
_DATE = re.compile(rf"(\d{{4}})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01])({_TIME})?)?)?$", re.ASCII)
_FRACTION = re.compile(r"(\.\d{1,6})\d*")
_TICK = timedelta(microseconds=1)
_DAY = timedelta(days=1) - _TICK
_NO_OFFSET = timedelta(0)
_offset = lru_cache(maxsize=256)(timezone)


def read_when(text: str | None, zone: tzinfo) -> When | None:
    """The span of a FHIR date in the hospital's zone, or None for none or one that is no date."""
    match = _DATE.match(text.strip()) if text else None
    if match is None:
        return None
    year, month, day, time = match.groups()
    try:
        if time:
            return _moment(datetime.fromisoformat(_six_digits(match[0])), zone)
        return _span(int(year), int(month) if month else None, int(day) if day else None, zone, match.group(0))
    except (ValueError, OverflowError):
        return None


class Dates:
    """Reads the dates of one call; what one visit brought shares its time, so each text is read once."""

    def __init__(self, zone: tzinfo) -> None:
        """`zone`: the hospital's."""
        self.zone = zone
        self._read: dict[str | None, When | None] = {None: None}

    def read(self, text: str | None) -> When | None:
        """As `read_when`."""
        if text not in self._read:
            self._read[text] = read_when(text, self.zone)
        return self._read[text]


def _six_digits(time: str) -> str:
    """At most six digits of a second's fraction: longer ones are legal in FHIR and refused by Python."""
    return _FRACTION.sub(r"\1", time) if "." in time else time


def _moment(moment: datetime, zone: tzinfo) -> When:
    """One time; a time without offset in the hour that a clock shows twice may be either."""
    if moment.tzinfo is not None:
        # What is quick here counts: most results of a record have a time of their own.
        at = moment.astimezone(_offset(moment.astimezone(zone).utcoffset() or _NO_OFFSET))
        return When(at, at, at.date().isoformat())
    ends = sorted(_fixed(moment.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
    return When(ends[0], ends[1], moment.date().isoformat())


def _fixed(moment: datetime) -> datetime:
    """The same time under its offset in place of its zone, so that two of them compare as moments."""
    return moment.replace(tzinfo=_offset(moment.utcoffset() or _NO_OFFSET), fold=0)


def _span(year: int, month: int | None, day: int | None, zone: tzinfo, text: str) -> When:
    start = datetime(year, month or 1, day or 1, tzinfo=zone)
    if day:
        return When(_fixed(start), _fixed(start + _DAY), text)
    if month:
        end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone)
    else:
        end = datetime(year + 1, 1, 1, tzinfo=zone)
    return When(_fixed(start), _fixed(end - _TICK), text)
