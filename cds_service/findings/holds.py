"""Which row of `holds.toml` speaks for an agent, and the day of the last dose.

The first guideline with an active row that fits speaks; others that fit and say another number are named. Where a
guideline before it has only a draft that fits, its copies disagree: nobody is told a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, timedelta, tzinfo
from decimal import ROUND_CEILING, Decimal

import msgspec

from cds_service.facts.patient_facts import When
from cds_service.knowledge.medication_types import HoldAction, HoldRow

_UNSOURCED = "not sourced"
_NUMBERED = (HoldAction.HOLD, HoldAction.TEST_DECIDES, HoldAction.DEFER)
_HOURS_A_DAY = 24


class ChosenHold(msgspec.Struct, frozen=True):
    """The row that speaks, and those with another number; `disagree`: the leading guideline has only a draft here."""

    row: HoldRow | None
    others: tuple[HoldRow, ...] = ()
    disagree: bool = False
    by_clearance: bool = False
    """The choice depends on the kidney's function."""


def choose(rows: Sequence[HoldRow], bleeding_risk: str, clearance: Decimal | None) -> ChosenHold:
    """The row for a bleeding risk (`low` or `high`) and a clearance in mL/min, None for one that is not known.

    Args:
        rows: of one agent, the leading guideline's first.
        bleeding_risk: of the procedure.
        clearance: without one, the rows for normal kidneys speak.
    """
    of_risk = [row for row in rows if row.bleeding_risk in (None, bleeding_risk)]
    fitting = [row for row in of_risk if row.band.holds(clearance)]
    active = [row for row in fitting if row.active]
    if not active:
        return ChosenHold(None)
    leading = active[0]
    same = [row for row in active if row.guideline == leading.guideline]
    row = max(
        same, key=lambda row: (_length(row), row.unit == "h")
    )  # of two doses the longer hold; a dose may be half a day
    before = fitting[: fitting.index(leading)]
    disagree = any(draft.guideline not in (leading.guideline, _UNSOURCED) for draft in before)
    others = tuple(other for other in active if other.guideline != row.guideline and _differs(other, row))
    depends = any(r.band.depends for r in of_risk if r.active and r.guideline == row.guideline)
    return ChosenHold(row, others, disagree, depends)


def _length(row: HoldRow) -> Decimal:
    """Hours, about: to compare rows of one guideline."""
    return (row.most or row.least or Decimal(0)) * (1 if row.unit == "h" else _HOURS_A_DAY)


def _differs(one: HoldRow, other: HoldRow) -> bool:
    return _number(one) != _number(other)


def _number(row: HoldRow) -> tuple[HoldAction, Decimal | None, Decimal | None, str | None]:
    return row.action, row.least, row.most or row.least, row.unit


def last_dose(
    row: HoldRow, planned: When | None, doses_a_day: Decimal | None, zone: tzinfo | None = None
) -> date | None:
    """The day of the last dose, by the longest hold of the row; None where the day of the procedure is not known.

    `6 doses` of two a day are three full days, `d` are full days: none on the day of the procedure either. Hours count
    from the time of the procedure, from the beginning of its day where only the day is known.

    Args:
        row: that speaks.
        planned: time of the procedure.
        doses_a_day: how often it is taken; a row that counts the doses of a schedule of its own does not look at it.
        zone: the hospital's, as its clock may change in these hours; without one the day is of the offset of `planned`.
    """
    amount = row.most or row.least
    if planned is None or amount is None or row.action not in _NUMBERED or not _is_one_day(planned):
        return None
    day = planned.earliest.date()
    if row.unit == "h":
        return _hours_before(planned, amount, zone)
    days = amount if row.unit == "d" else amount / _a_day(row, doses_a_day)
    return day - timedelta(days=int(days) + 1)


def full_days(row: HoldRow, doses_a_day: Decimal | None) -> Decimal | None:
    """The longest hold of a row of doses, in days without it; None for a row of days or hours."""
    amount = row.most or row.least
    return amount / _a_day(row, doses_a_day) if amount is not None and row.unit == "doses" else None


def _a_day(row: HoldRow, doses_a_day: Decimal | None) -> Decimal:
    return row.doses_a_day or doses_a_day or Decimal(1)


def _is_one_day(planned: When) -> bool:
    return planned.earliest.date() == planned.latest.date()


def _hours_before(planned: When, hours: Decimal, zone: tzinfo | None) -> date:
    if planned.earliest == planned.latest:
        last = planned.earliest.astimezone(UTC) - timedelta(hours=float(hours))
        return last.astimezone(zone or planned.earliest.tzinfo).date()
    whole = (hours / _HOURS_A_DAY).to_integral_value(ROUND_CEILING) if hours >= _HOURS_A_DAY else Decimal(0)
    return planned.earliest.date() - timedelta(days=int(whole))
