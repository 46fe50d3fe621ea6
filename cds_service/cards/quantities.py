"""Cards stage: values, units, limits and reasons as a person reads them, safe to put on a card."""

from __future__ import annotations

import re
from decimal import Decimal

from cds_service.cards.escape import harmless
from cds_service.cards.wording import Wording
from cds_service.knowledge.tables import Threshold
from cds_service.reasons import Reason

_COMPARATOR = re.compile(r"^(<=|>=|<|>|≤|≥)\s*(.+)$")
_WORDS = {
    "<": "value.below",
    "<=": "value.at-most",
    "≤": "value.at-most",
    ">": "value.above",
    ">=": "value.at-least",
    "≥": "value.at-least",
}


def shown_number(value: Decimal) -> str:
    """A number without exponent and without zeros that say nothing (`42`, `1.7`)."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def shown_value(value: Decimal | str, wording: Wording) -> str:
    """A reported value; a comparator is said in words, as `<` may be read as markup (`below 20`)."""
    if isinstance(value, Decimal):
        return harmless(shown_number(value))
    found = _COMPARATOR.match(value.strip())
    if not found:
        return harmless(value)
    return wording.say(_WORDS[found.group(1)], number=harmless(found.group(2)))


def shown_unit(unit: str | None, wording: Wording) -> str:
    """A unit as a person writes it; empty for a number without dimension, as reported where it is not known."""
    return harmless(wording.label("unit", unit)) if unit else ""


def shown_quantity(value: Decimal | str, unit: str | None, wording: Wording) -> str:
    """A value with its unit, if it has one."""
    number, shown = shown_value(value, wording), shown_unit(unit, wording)
    return wording.say("value.with-unit", number=number, unit=shown) if shown else number


def shown_limit(limit: Threshold, wording: Wording) -> str | None:
    """From where on a limit speaks (`below 50 × 10⁹/L`); None for a limit that is no number."""
    if limit.comparison == "rise":
        return _shown_rise(limit, wording)
    if limit.value is None or limit.comparison not in _WORDS:
        return None
    return shown_quantity(f"{limit.comparison}{shown_number(limit.value)}", limit.unit, wording)


def _shown_rise(limit: Threshold, wording: Wording) -> str:
    return wording.say(
        "limit.rise",
        rise=shown_quantity(limit.rise or Decimal(0), limit.unit, wording),
        hours=limit.rise_within_hours,
        ratio=shown_number(limit.ratio or Decimal(0)),
        days=limit.ratio_within_days,
    )


def shown_reason(reason: Reason | None, wording: Wording, *, data: str | None = None) -> str:
    """A reason in words, with values from the record made harmless."""
    if reason is None:
        return wording.reason(None)
    return wording.reason(Reason(reason.key, {k: _shown(k, v, wording) for k, v in reason.values.items()}), data=data)


def _shown(name: str, value: str | int, wording: Wording) -> str | int:
    if isinstance(value, int):
        return value
    return shown_unit(value, wording) if name == "unit" else shown_value(value, wording)
