"""Tables that are in use at the same time share what is made of the same rows, and nothing else."""

from __future__ import annotations

import gc
from decimal import Decimal
from typing import Any

import pytest

from cds_service.knowledge.shared_parts import shared


class Part:
    """Something that takes long to make."""

    made = 0

    def __init__(self, rows: Any, other: Part | None = None, *, limit: Decimal = Decimal(1)) -> None:
        Part.made += 1


def test_what_is_made_of_the_same_is_made_once() -> None:
    """Rows of equal contents give one object, whoever holds them, and so do other shared parts."""
    part = shared(Part, {"words": ["stent"]})
    assert shared(Part, {"words": ["stent"]}) is part
    assert shared(Part, {}, part) is shared(Part, {}, part)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (({"words": ["stent"]},), ({"words": ["stents"]},)),
        (({"a": 1, "b": 2},), ({"b": 2, "a": 1},)),
        (({"limit": Decimal("1.5")},), ({"limit": Decimal("1.50")},)),
        ((frozenset("a"),), (frozenset("b"),)),
        (({}, shared(Part, {"of": 1})), ({}, shared(Part, {"of": 2}))),
    ],
    ids=["a word", "the order", "a number as written", "a set", "another part"],
)
def test_what_is_made_of_something_else_is_another(first: tuple[Any, ...], second: tuple[Any, ...]) -> None:
    """One letter more, or another order of the rows, of which the first may count, and the part is made anew."""
    one = shared(Part, *first)
    assert shared(Part, *second) is not one


def test_nothing_is_kept_that_no_tables_hold() -> None:
    """A part lives as long as the tables that it is of."""
    part = shared(Part, ["kept"])
    before = Part.made
    del part
    gc.collect()
    shared(Part, ["kept"])
    assert Part.made == before + 1


def test_what_cannot_be_compared_is_refused() -> None:
    """A part of something unknown could be taken for another, so its maker must say what it is made of."""
    with pytest.raises(TypeError):
        shared(Part, object())
