"""Cards stage: the whole decision for machines, as the `extension` of the response carries it.

Text is as recorded (JSON keeps it safe); a member without a value is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from cds_service.cards.hold_entry import hold_entry
from cds_service.cards.wording import Wording
from cds_service.certainty import Certainty
from cds_service.clinical_data.retrieved import Unavailable
from cds_service.findings.finding import (
    Computed,
    ContraindicationFinding,
    CriterionFinding,
    Evidence,
    Findings,
    IndicationFinding,
    OrderFinding,
    Told,
)
from cds_service.indicator import Indicator
from cds_service.knowledge.tables import Knowledge

_EMPTY = (str, list, dict)


def build_decision(findings: Findings, knowledge: Knowledge, in_shadow: Sequence[str] = ()) -> dict[str, Any]:
    """The decision extension: version, rows that say nothing, one entry an order in `procedures`, and `unavailable`.

    `in_shadow` are the ids of rows that apply and of which the findings say nothing, because a site only tries them.
    `retiredRows` are the rows and questions that the site has switched off, so that nobody takes their silence for
    an answer.
    Criteria listed are those present or unknown, and absent ones that rest on evidence. A value is a JSON number, or
    a text where the record gives a comparator or an answer (`"<20"`).
    """
    wording = Wording(knowledge.wording)
    return _filled(
        {
            "knowledgeVersion": knowledge.version,
            "shadowRows": list(in_shadow),
            "retiredRows": list(knowledge.switched_off),
            "procedures": [entry for order in findings.orders if (entry := _order(order, wording))],
            "unavailable": [_unavailable(gap, wording) for gap in findings.unavailable],
        }
    )


def _filled(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that have a value; zero is one."""
    return {n: value for n, value in members.items() if value or not (value is None or isinstance(value, _EMPTY))}


def _order(order: OrderFinding, wording: Wording) -> dict[str, Any]:
    return _filled(
        {
            "order": order.order.reference if order.order else None,
            "procedure": order.procedure.id if order.procedure else None,
            "looksInterventional": order.looks_interventional or None,
            "codeAndTextDiffer": order.code_and_text_differ or None,
            "candidates": [p.id for p in order.candidates] if order.code_and_text_differ else [],
            "urgency": order.urgency.name.lower() if order.procedure and order.order else None,
            "indications": [_indication(finding, wording) for finding in order.indications],
            "contraindications": [_row(finding, wording) for finding in order.contraindications],
        }
    )


def _indication(finding: IndicationFinding, wording: Wording) -> dict[str, Any]:
    return _filled(
        {
            "id": finding.indication.id,
            "certainty": str(finding.certainty),
            "reason": wording.reason(finding.reason) if finding.reason else None,
            "evidence": _evidence(finding.evidence, wording),
        }
    )


def _row(finding: ContraindicationFinding, wording: Wording) -> dict[str, Any]:
    listed = [found for found in finding.criteria if found.certainty is not Certainty.ABSENT or found.evidence]
    row: dict[str, Any] = {"id": finding.contraindication.id, "certainty": str(finding.certainty)}
    if indicator := _indicator(finding.certainty, finding.indicator):
        row["indicator"] = indicator
    row["told"] = _told(finding.told)
    if state := _list_state(finding):
        row["list"] = state
    if listed:
        row["criteria"] = [_criterion(found, wording) for found in listed]
    return row


def _told(told: Told) -> dict[str, str]:
    """Where a person sees the answer, and the key of why there."""
    return {"as": str(told.shown), "why": told.why}


def _list_state(finding: ContraindicationFinding) -> str | None:
    """What an absent row rests on: an empty list is told apart from one that says that none is known."""
    states = [found.list_state for found in finding.criteria if found.list_state]
    return states[0] if states and finding.certainty is Certainty.ABSENT else None


def _criterion(finding: CriterionFinding, wording: Wording) -> dict[str, Any]:
    return _filled(
        {
            "id": finding.criterion.id,
            "certainty": str(finding.certainty),
            "indicator": _indicator(finding.certainty, finding.indicator),
            "told": _told(finding.told),
            "reason": wording.reason(finding.reason) if finding.reason else None,
            "evidence": _evidence(finding.evidence, wording),
            "evidenceLeftOut": finding.evidence_left_out or None,
            "holds": [_filled(hold_entry(advice)) for advice in finding.holds],
        }
    )


def _indicator(certainty: Certainty, indicator: Indicator | None) -> str | None:
    return None if certainty is Certainty.ABSENT or indicator is None else indicator.word


def _evidence(evidence: tuple[Evidence, ...], wording: Wording) -> list[dict[str, Any]]:
    return [filled for item in evidence if (filled := _item(item, wording))]


def _item(item: Evidence, wording: Wording) -> dict[str, Any]:
    coding = item.coding
    return _filled(
        {
            "reference": item.reference,
            "text": item.text,
            "coding": _filled({"system": coding.system, "code": coding.code, "display": coding.display})
            if coding
            else None,
            "value": _number(item.value) if isinstance(item.value, Decimal) else item.value,
            "unit": item.unit,
            "date": item.date,
            "note": "; ".join(wording.reason(note) for note in item.notes),
            "computed": _computed(item.computed, wording) if item.computed else None,
            "earlier": _item(item.earlier, wording) if item.earlier else None,
        }
    )


def _computed(how: Computed, wording: Wording) -> dict[str, Any]:
    """Formula and source of a computed value, its class, what it was computed from, and which parts are not known."""
    return _filled(
        {
            "formula": how.derivation.text,
            "source": how.derivation.source,
            "grade": how.grade,
            "orWorse": how.or_worse or None,
            "inputs": [{"name": name, **_item(source, wording)} for name, source in how.inputs],
            "notKnown": [wording.part(name) for name in how.unknown],
        }
    )


def _number(value: Decimal) -> int | float | str:
    """A JSON number: whole where the value is whole and fits, else a double; text where no double can hold it."""
    if abs(value) < 2**53 and value == value.to_integral_value():
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else str(value)


def _unavailable(gap: Unavailable, wording: Wording) -> dict[str, Any]:
    reason = wording.reason(gap.reason, data=gap.data)
    return _filled({"data": gap.data, "reason": reason, "reference": gap.reference, "text": gap.text})
