"""What a result must be so that the tables can hold it against a limit, as FHIRPath: its unit, its range, its answer.

A rule applies to results with a LOINC code of the lab; factors and widest ranges are those of `labs.toml`. The service
reads units by a grammar and a rule can only list them. It lists the common spellings (`published` in `units.toml`),
each with the factor that the service reads in it: what meets the rule is judged, what breaks it may be a rarer
spelling.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from cds_service.knowledge.lab_types import Lab
from cds_service.knowledge.lab_units import Spellings, common_spellings
from cds_service.knowledge.units import Units
from cds_service.knowledge.value_sets import LOINC, rules_of

_NUMBERS = "(value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high)"
_TEXTS = "value.ofType(string).where($this.matches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9].*$'))"
"""Values sent as text that begin with a number; any other text breaks a rule of its own."""
_WITHOUT_NUMBER = (
    r"$this.replaceMatches('^\\s*(<=|>=|<|>|≤|≥)?\\s*[0-9]+([.,][0-9]+)*(\\s*[-–]\\s*[0-9]+([.,][0-9]+)*)?\\s*', '')"
)
_EIGHT_DIGITS = Context(prec=8)


@dataclass(frozen=True, slots=True)
class Invariant:
    """One constraint; `human` says what holds where it is met. All of them are errors."""

    key: str
    human: str
    expression: str


def lab_invariants(lab: Lab, value_set: Mapping[str, Any], units: Units) -> Sequence[Invariant]:
    """The constraints of one lab that is reported by its own codes.

    Args:
        lab: the lab; a coded one is answered by a code.
        value_set: its ValueSet.
        units: what reads the spellings.
    """
    codes = [rule.code for rule in rules_of(value_set)[0] if rule.system == LOINC]
    of_lab = f"code.coding.exists(system = '{LOINC}' and {one_of('code', codes)})"
    spellings = common_spellings(lab, units)
    rules = [_answer(lab)] if lab.coded else [_unit(lab, spellings), _range(lab, spellings)]
    return [Invariant(rule.key, rule.human, f"iif({of_lab}, {rule.expression}, true)") for rule in rules]


def one_of(element: str, texts: Iterable[str]) -> str:
    """FHIRPath: an element is one of the texts; false where there is none."""
    return f"{element}.exists({_listed('$this', texts)})"


def _listed(text: str, texts: Iterable[str]) -> str:
    """FHIRPath: a text is one of those listed."""
    return f"'{as_list(texts)}'.contains('~' & {text} & '~')"


def as_list(texts: Iterable[str]) -> str:
    """The content of a FHIRPath string that lists texts, with a mark around each.

    One string, because a union of strings takes engines ten times as long.
    """
    return f"~{'~'.join(texts)}~".replace("\\", "\\\\").replace("'", "\\'")


def _answer(lab: Lab) -> Invariant:
    coded = "value.ofType(CodeableConcept).all(coding.exists(system.exists() and code.exists()))"
    expression = f"((value.empty() or value is CodeableConcept) and {coded})"
    return Invariant(f"ir-answer-{lab.id}", f"{lab.label}: the answer is a code.", expression)


def _unit(lab: Lab, spellings: Spellings) -> Invariant:
    """Code and printed unit: at least one is listed, and they don't contradict each other. No other kind of value."""
    spelled = [one_of("(code | unit)", texts) for texts in spellings.values()]
    known = spelled[0] if len(spelled) == 1 else f"({' + '.join(f'iif({one}, 1, 0)' for one in spelled)}) = 1"
    without = "(code | unit).empty() or " if lab.unit_optional else ""
    bare = [""] if lab.unit_optional or lab.text_unit else []
    rules = [
        f"{_NUMBERS}.all({without}{known})",
        f"{_TEXTS}.all({_listed(_WITHOUT_NUMBER, [*bare, *(one for texts in spellings.values() for one in texts)])})",
        "value.ofType(CodeableConcept).empty()",
        *([] if lab.unit_optional else ["value.ofType(integer).empty()"]),
    ]
    says = "without a unit, or with one" if lab.unit_optional else "with a unit"
    human = f"{lab.label}: a number {says} that the table converts."
    return Invariant(f"ir-unit-{lab.id}", human, " and ".join(rules))


def _range(lab: Lab, spellings: Spellings) -> Invariant:
    """A number that can be true: inside the lab's widest range, in whichever unit it is reported."""
    ranges = []
    for (factor, at_most), texts in spellings.items():
        highest = [end for end in (lab.highest and lab.highest / factor, at_most) if end is not None]
        bounds = [f"value >= {_shown(lab.lowest / factor)}"] if lab.lowest is not None else []
        bounds += [f"value <= {_shown(min(highest))}"] if highest else []
        listed = one_of("(code | unit)", texts)
        in_unit = f"({listed} or (code | unit).empty())" if lab.unit_optional and factor == 1 else listed
        ranges += [f"({in_unit} and value.exists() implies {' and '.join(bounds)})"] if bounds else []
    return Invariant(
        f"ir-range-{lab.id}",
        f"{lab.label}: a number that can be true in its unit.",
        f"{_NUMBERS}.all({' and '.join(ranges) or 'true'})",
    )


def _shown(number: Decimal) -> str:
    """A number as FHIRPath writes it: no exponent, eight digits at most."""
    text = format(_EIGHT_DIGITS.plus(number).normalize(), "f")
    return text or "0"
