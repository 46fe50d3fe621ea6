"""How sure a rate is that was counted: intervals of 95 %, and agreement beyond chance.

Source: Wilson 1927, JASA 22:209, the score interval for a proportion; Cohen 1960, Educ Psychol Meas 20:37, kappa, with
its large-sample standard error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` of `total`, with the ends of its interval; all as parts of 1. None for a rate of nothing."""

    count: int
    total: int
    value: float | None
    low: float | None
    high: float | None


def rate_of(count: int, total: int) -> Rate:
    """A proportion with its Wilson interval."""
    if not total:
        return Rate(count, total, None, None, None)
    share, spread = count / total, _Z * _Z / total
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * sqrt(share * (1 - share) / total + spread / total / 4) / (1 + spread)
    # The rate is never outside its interval, which rounding would have it at 0 and 1.
    return Rate(count, total, share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)))


@dataclass(frozen=True, slots=True)
class Agreement:
    """Kappa of two reviewers with its interval; None where they can't be told from chance (all answers alike)."""

    items: int
    kappa: float | None
    low: float | None
    high: float | None


def agreement_of(pairs: Sequence[tuple[str, str]]) -> Agreement:
    """How far two reviewers agree, of the items that both answered."""
    items = len(pairs)
    if not items:
        return Agreement(0, None, None, None)
    observed = sum(one == other for one, other in pairs) / items
    answers = {answer for pair in pairs for answer in pair}
    chance = sum(
        sum(one == answer for one, _ in pairs) * sum(other == answer for _, other in pairs) for answer in answers
    ) / (items * items)
    if chance == 1:
        return Agreement(items, None, None, None)
    kappa = (observed - chance) / (1 - chance)
    half = _Z * sqrt(observed * (1 - observed) / items) / (1 - chance)
    return Agreement(items, kappa, max(-1.0, kappa - half), min(1.0, kappa + half))
