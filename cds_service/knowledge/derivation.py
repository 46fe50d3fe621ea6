"""How an analyte is computed from others, as frozen types: `[lab.derivation]` of `labs.toml`. Only types live here.

The formulas of each `kind` are in `findings/derived_labs.py` and `findings/scores.py`; every number is in the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

_TEXTS: Mapping[str, str] = {
    "fraction-of": "{0} x {1} / {divisor}",
    "ckd-epi-2021": "{scale} x min({0}/k, 1)^a x max({0}/k, 1)^{above} x {age_base}^age, x {female} for women; "
    "k {kappa_female} and a {alpha_female} for women, k {kappa_male} and a {alpha_male} for men",
    "cockcroft-gault": "({age_base} - age) x {1} / ({divisor} x {0}), x {female} for women",
}


class Otherwise(msgspec.Struct, frozen=True):
    """What an input may count as instead of its result, for some patients: then the score is a range.

    `name` says what would have to be known, a key of `part.*` in the wording. `when` is an id of `conditions.toml`;
    `drug_classes` are classes of `medications.toml` of which one is on the list.
    """

    value: Decimal
    name: str
    when: str | None = None
    drug_classes: frozenset[str] = frozenset()


class Step(msgspec.Struct, frozen=True):
    """One more point where the result meets it; `comparison` as of a threshold."""

    comparison: str
    value: Decimal

    @property
    def text(self) -> str:
        """`>= 2`."""
        return f"{self.comparison} {self.value}"


class Input(msgspec.Struct, frozen=True):
    """How one lab goes into a score, in this order: in `unit`, held to `lowest` and `highest`, subtracted from
    `subtract_from`, its logarithm (`ln` or `log10`). A score of points counts the `steps` that it meets instead.
    """

    lab: str
    unit: str | None = None
    lowest: Decimal | None = None
    highest: Decimal | None = None
    subtract_from: Decimal | None = None
    logarithm: str | None = None
    steps: tuple[Step, ...] = ()
    otherwise: Otherwise | None = None

    @property
    def text(self) -> str:
        """The input inside a formula: `ln(bilirubin)`, `(137 - sodium)`."""
        inner = f"{self.lab} in {self.unit}" if self.unit else self.lab
        inner = inner if self.subtract_from is None else f"({self.subtract_from} - {inner})"
        return f"{self.logarithm}({inner})" if self.logarithm else inner

    @property
    def held_text(self) -> str:
        """What it is held to: `bilirubin at least 1`; empty for nothing."""
        ends = [f"at least {self.lowest}"] if self.lowest is not None else []
        ends += [f"at most {self.highest}"] if self.highest is not None else []
        return f"{self.lab} {' and '.join(ends)}" if ends else ""


class Term(msgspec.Struct, frozen=True):
    """`weight` times its inputs; only for patients of `sex`, and only where the lab `above` is above `above_value`."""

    weight: Decimal
    of: tuple[str, ...] = ()
    sex: str | None = None
    above: str | None = None
    above_value: Decimal | None = None


class RecordedPart(msgspec.Struct, frozen=True):
    """A part of a score that no result gives: a condition that is recorded counts at least so many points.

    Of several parts of one name the one with most points counts. What is not recorded may be there all the same, so it
    may count any. `name` is a key of `part.*` in the wording.
    """

    name: str
    value_set: str
    points: Decimal
    within_days: int | None = None


class Derivation(msgspec.Struct, frozen=True):
    """How a lab may be computed from others; `kind` names the formula."""

    kind: str
    inputs: tuple[str, ...]
    parameters: Mapping[str, Decimal]
    source: str
    values: tuple[Input, ...] = ()
    terms: tuple[Term, ...] = ()
    recorded: tuple[RecordedPart, ...] = ()

    @property
    def text(self) -> str:
        """The formula, with the numbers that it is computed with and the ids of its labs."""
        if self.kind == "sum-of-terms":
            return "; ".join([_sum(self.terms, {v.lab: v.text for v in self.values}), *self._held()])
        if self.kind == "points":
            return "; ".join([*(_points(v, self.parameters["least"]) for v in self.values), *self._recorded()])
        numbers = {name: str(value) for name, value in self.parameters.items()}
        return _TEXTS[self.kind].format(*self.inputs, **numbers)

    def _held(self) -> list[str]:
        held = [value.held_text for value in self.values if value.held_text]
        limits = [f"{word} {self.parameters[end]}" for end, word in _ENDS if end in self.parameters]
        return [*held, *([f"the score {' and '.join(limits)}"] if limits else [])]

    def _recorded(self) -> list[str]:
        least, most = self.parameters["least"], self.parameters["most"]
        found = [f"{part.name} recorded as {part.value_set}: {part.points} or more" for part in self.recorded]
        return [*found, f"what is not known: {least} to {most}"]


_ENDS = (("lowest", "at least"), ("highest", "at most"))


def _sum(terms: Sequence[Term], texts: Mapping[str, str]) -> str:
    return " + ".join(_term(term, texts) for term in terms).replace("+ -", "- ")


def _term(term: Term, texts: Mapping[str, str]) -> str:
    product = " x ".join([str(term.weight), *(texts[name] for name in term.of)])
    conditions = [f"if {term.sex}"] if term.sex else []
    conditions += [f"if {term.above} > {term.above_value}"] if term.above else []
    return f"{product} ({', '.join(conditions)})" if conditions else product


def _points(value: Input, least: Decimal) -> str:
    counted = [f"{step.text}: {least + number}" for number, step in enumerate(value.steps, 1)]
    return f"{value.lab} {', '.join(counted)}, else {least} points"


class Grade(msgspec.Struct, frozen=True):
    """A class of a score (`B`), for values up to `at_most`; None: above the others."""

    name: str
    at_most: Decimal | None
