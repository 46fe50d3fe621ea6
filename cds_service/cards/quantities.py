"""Cards stage: values, units and limits in words. Values are shown as reported, rounded as the lab's row says."""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from cds_service.cards.dates import moment_of
from cds_service.cards.escape import harmless
from cds_service.cards.wording import Wording
from cds_service.findings.finding import Evidence
from cds_service.knowledge.lab_types import Lab, Threshold
from cds_service.knowledge.tables import Knowledge
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
_ONE_MORE_DIGIT = 4
_NO_DECIMALS_FROM = 100


def shown_number(value: Decimal) -> str:
    """A number without exponent and without zeros that say nothing (`42`, `1.7`)."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def rounded(value: Decimal, lab: Lab | None, limit: Decimal | None, *, decimals: int | None = None) -> str:
    """A number with the decimals of its lab; more of them where rounding would cross or reach the limit.

    Args:
        value: as reported.
        lab: None rounds nothing.
        limit: in the unit of the value.
        decimals: in the unit of the value, from `decimals_in`; those of the lab's own unit otherwise.
    """
    if lab is None or lab.decimals is None or not value.is_finite():
        return shown_number(value)
    decimals = 0 if abs(value) >= _NO_DECIMALS_FROM else lab.decimals if decimals is None else decimals
    for digits in range(decimals, decimals + _ONE_MORE_DIGIT):
        shown = value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
        if limit is None or (shown < limit, shown > limit) == (value < limit, value > limit):
            return format(shown, "f")
    return shown_number(value)


def decimals_in(lab: Lab, unit: str | None, knowledge: Knowledge) -> int | None:
    """How many decimals a result of a lab has in a unit: as precise as in the lab's own (1.50 mg/dL, 133 µmol/L)."""
    factor = lab.factor_of(unit, knowledge.units)
    if lab.decimals is None or factor is None:
        return lab.decimals
    shift = math.log10(factor)
    return max(0, lab.decimals + (math.ceil(shift) if shift > 0 else math.floor(shift)))


def limit_beside(limit: Threshold, value: Decimal | str | None, unit: str | None, knowledge: Knowledge) -> str | None:
    """The number of a limit in the unit of a value, rounded as the value is; None where the limit is no number.

    One digit more where the two would no longer stand to each other as they do.
    """
    number = limit_in(limit, unit, knowledge)
    if number is None or number == limit.value:
        return None if number is None else shown_number(number)
    lab = knowledge.labs[limit.lab]
    decimals = decimals_in(lab, unit, knowledge) or 0
    told = Decimal(rounded(value, lab, number, decimals=decimals)) if isinstance(value, Decimal) else None
    if told is not None and told.is_finite():
        decimals = max(decimals, -int(told.as_tuple().exponent))
    for digits in range(decimals, decimals + _ONE_MORE_DIGIT):
        shown = number.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
        if told is None or (told < shown, told > shown) == (told < number, told > number):
            return format(shown, "f")
    return shown_number(number)


def limit_in(limit: Threshold | None, unit: str | None, knowledge: Knowledge) -> Decimal | None:
    """The number of a limit in a unit in which a value is reported; None where there is none."""
    if limit is None or limit.value is None:
        return None
    factor = knowledge.labs[limit.lab].factor_of(unit, knowledge.units)
    if factor is None or factor == 1:
        return limit.value
    return _in_unit(limit.value, factor)


def _in_unit(value: Decimal, factor: Fraction) -> Decimal:
    """What a value in the lab's own unit is in the unit that has this factor."""
    return (Decimal(factor.denominator) * value / Decimal(factor.numerator)).normalize()


def shown_value(value: Decimal | str, wording: Wording) -> str:
    """A reported value without its unit; a comparator is said in words, as `<` may be read as markup (`below 20`)."""
    return shown_quantity(value, None, wording)


def shown_unit(unit: str | None, wording: Wording) -> str:
    """A unit as a person writes it; empty for a number without dimension, as reported where it is not known."""
    return harmless(wording.label("unit", unit)) if unit else ""


def with_unit(number: str, unit: str | None, wording: Wording) -> str:
    """A number in words with its unit, if it has one."""
    shown = shown_unit(unit, wording)
    if shown.startswith("/"):
        return f"{number}{shown}"
    return wording.say("value.with-unit", number=number, unit=shown) if shown else number


def shown_quantity(value: Decimal | str, unit: str | None, wording: Wording) -> str:
    """A value as reported with its unit, if it has one; a comparator is said in words."""
    if isinstance(value, Decimal):
        return with_unit(wording.number(harmless(shown_number(value))), unit, wording)
    found = _COMPARATOR.match(value.strip())
    if not found:
        return with_unit(harmless(value), unit, wording)
    number = wording.number(harmless(found.group(2)))
    return wording.say(_WORDS[found.group(1)], number=with_unit(number, unit, wording))


def shown_limit(
    limit: Threshold, wording: Wording, beside: Evidence | None = None, knowledge: Knowledge | None = None
) -> str | None:
    """From where on a limit speaks (`below 50 × 10⁹/L`); None for a limit that is no number.

    Args:
        limit: of a lab.
        wording: of the card.
        beside: a result, in whose unit it is told; None tells it in its own.
        knowledge: the tables; needed with `beside`.
    """
    unit: str | None = limit.unit
    if (
        beside is not None
        and knowledge is not None
        and knowledge.labs[limit.lab].factor_of(beside.unit, knowledge.units)
    ):
        unit = beside.unit
    if limit.comparison == "rise":
        return _shown_rise(limit, unit, wording, knowledge)
    if limit.value is None or limit.comparison not in _WORDS:
        return None
    number = shown_number(limit.value)
    if beside is not None and knowledge is not None:
        number = limit_beside(limit, beside.value, unit, knowledge) or number
    return shown_quantity(f"{limit.comparison}{number}", unit, wording)


def _shown_rise(limit: Threshold, unit: str | None, wording: Wording, knowledge: Knowledge | None) -> str:
    rise = limit.rise or Decimal(0)
    factor = knowledge.labs[limit.lab].factor_of(unit, knowledge.units) if knowledge else None
    if knowledge is not None and factor is not None and factor != 1:
        decimals = (decimals_in(knowledge.labs[limit.lab], unit, knowledge) or 0) + 1
        rise = _in_unit(rise, factor).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return wording.say(
        "limit.rise",
        rise=shown_quantity(rise, unit, wording),
        hours=limit.rise_within_hours,
        ratio=wording.number(shown_number(limit.ratio or Decimal(0))),
        days=limit.ratio_within_days,
    )


def shown_reason(reason: Reason | None, wording: Wording, *, data: str | None = None) -> str:
    """A reason in words, with values from the record made harmless."""
    if reason is None:
        return wording.reason(None)
    told = wording.reason(Reason(reason.key, {k: _shown(k, v, wording) for k, v in reason.values.items()}), data=data)
    return told.replace(" ,", ",")  # a value without a unit


def _shown(name: str, value: str | int, wording: Wording) -> str | int:
    if isinstance(value, int):
        return value
    if name == "date":
        return moment_of(value, None, wording).brief
    return shown_unit(value, wording) if name == "unit" else shown_value(value, wording)
