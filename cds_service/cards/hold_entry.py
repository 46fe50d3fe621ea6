"""Cards stage: what is done with one antithrombotic, as the decision holds it for machines."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from cds_service.findings.finding import HoldAdvice
from cds_service.knowledge.medication_types import HoldRow


def hold_entry(advice: HoldAdvice) -> dict[str, Any]:
    """The members of `holds`, None and empty ones among them: docs/decision.md names each."""
    row, renal = advice.row, advice.renal
    return {
        "agent": advice.agent,
        "label": advice.label,
        "action": advice.action.value,
        "indicator": advice.indicator.word,
        **(_amount(row) if row else {}),
        "lastDose": advice.last_dose.isoformat() if advice.last_dose else None,
        "recordedDose": advice.recorded_dose.isoformat() if advice.recorded_dose else None,
        "test": row.test if row else None,
        "testLimit": row.test_limit if row else None,
        "restart": row.restart if row else None,
        "guideline": row.guideline if row else None,
        "source": row.source if row else None,
        "grade": row.grade if row else None,
        "renal": {
            "by": renal.by,
            **({"value": float(renal.value), "date": renal.date} if renal.date else {}),
        }
        if renal
        else None,
        "renalMissing": advice.renal_missing or None,
        "doseMissing": advice.dose_missing or None,
        "others": [
            {"guideline": other.guideline, "action": other.action.value, **_amount(other)} for other in advice.others
        ],
        "ask": list(advice.ask),
        "quiet": advice.quiet or None,
    }


def _amount(row: HoldRow) -> dict[str, Any]:
    members = {"least": _number(row.least), "most": _number(row.most), "unit": row.unit}
    return {name: value for name, value in members.items() if value is not None}


def _number(value: Decimal | None) -> int | float | None:
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)
