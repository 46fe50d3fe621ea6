"""What computed results are made of: what a formula reads of a call, and a result with its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from cds_service.facts.patient_facts import Interval, PatientFacts, When
from cds_service.findings.chart import Chart
from cds_service.findings.finding import Computed, Evidence
from cds_service.findings.lab_results import Blocked, LabResult
from cds_service.findings.medication_list import MedicationList
from cds_service.knowledge.derivation import Derivation
from cds_service.knowledge.lab_types import Lab
from cds_service.knowledge.tables import Knowledge
from cds_service.reasons import Reason

Entry = LabResult | Blocked
_DAYS_A_YEAR = 365.2425
_SHOWN = Decimal("0.01")
# A birthday spans a day, so even exact data give an interval; one as narrow as this is shown as one number.
_NARROW = Decimal("0.1")


class Record(msgspec.Struct, frozen=True):
    """What a formula reads beside results."""

    facts: PatientFacts
    knowledge: Knowledge
    chart: Chart
    medications: MedicationList


def computed(
    lab: Lab,
    derivation: Derivation,
    interval: Interval,
    sources: Sequence[tuple[str, LabResult]],
    also: Sequence[tuple[str, Evidence]] = (),
) -> LabResult:
    """A computed result, as old as the oldest that it is computed from.

    Args:
        lab: what was computed.
        derivation: how.
        interval: its value.
        sources: the results that went into it, each with the id of its lab.
        also: what else went into it, by the name of the part.
    """
    oldest = min((result for _, result in sources), key=lambda result: result.when.earliest)
    # What an input was before is told of itself, not of what is computed from it.
    inputs = tuple((name, _without_earlier(result.evidence)) for name, result in sources)
    notes = (Reason("computed", {"formula": lab.id}),)
    grade, worst = (grade_of(lab, end) for end in (interval.low, interval.high))
    evidence = Evidence(
        oldest.evidence.reference,
        lab.label,
        oldest.evidence.coding,
        _shown(interval),
        lab.unit,
        oldest.evidence.date,
        notes,
        Computed(derivation, (*inputs, *also), (), grade, grade != worst),
    )
    return LabResult(interval, oldest.when, evidence)


def _without_earlier(evidence: Evidence) -> Evidence:
    return replace(evidence, earlier=None) if evidence.earlier else evidence


def with_unknown(
    result: LabResult, ambiguous: Sequence[str], missing: Sequence[str] = (), unread: Reason | None = None
) -> LabResult:
    """A result that is only a range, and why.

    Args:
        result: the result.
        ambiguous: parts of which a result is there that may count as another.
        missing: parts that are not on record.
        unread: why a part that is there could not be read.
    """
    names = tuple(dict.fromkeys((*missing, *ambiguous)))
    if not names or result.evidence.computed is None:
        return result
    note = Reason("range-only" if ambiguous else "lower-bound", {"parts": ",".join(names)})
    how = replace(result.evidence.computed, unknown=names)
    evidence = replace(result.evidence, computed=how, notes=(*result.evidence.notes, note))
    return replace(result, evidence=evidence, open=unread or note)


def deciding(results: Sequence[LabResult]) -> list[LabResult]:
    """Of many results the ones that a range rests on: with the lowest and the highest end, and the oldest."""
    ends = (
        min(results, key=lambda r: Decimal("-Infinity") if r.interval.low is None else r.interval.low),
        max(results, key=lambda r: Decimal("Infinity") if r.interval.high is None else r.interval.high),
        min(results, key=lambda r: r.when.earliest),
    )
    return list({id(result): result for result in ends}.values())


def hull(results: Sequence[LabResult]) -> Interval:
    """The narrowest interval that holds every one of them."""
    lows = [result.interval.low for result in results]
    highs = [result.interval.high for result in results]
    low = None if None in lows else min(value for value in lows if value is not None)
    high = None if None in highs else max(value for value in highs if value is not None)
    return Interval(low, high)


def ages(born: When | None, day: datetime) -> tuple[float, float] | None:
    """Youngest and oldest age in years that the birth date allows on a day."""
    if born is None or born.earliest > day:
        return None
    youngest, oldest = ((day - end).days / _DAYS_A_YEAR for end in (born.latest, born.earliest))
    return youngest, oldest


def grade_of(lab: Lab, value: Decimal | None) -> str | None:
    """The class of a value; None where the lab has no classes or the value no end."""
    if value is None:
        return None
    return next((one.name for one in lab.grades if one.at_most is None or value <= one.at_most), None)


def _shown(interval: Interval) -> Decimal | str:
    low, high = (None if end is None else end.quantize(_SHOWN) for end in (interval.low, interval.high))
    if low is None:
        return "?" if high is None else f"<={_text(high)}"
    if high is None:
        return f">={_text(low)}"
    return low if high - low <= _NARROW else f"{_text(low)}-{_text(high)}"


def _text(end: Decimal) -> str:
    """Without zeros at the end: `14`, not `14.00`."""
    return f"{end.normalize():f}"
