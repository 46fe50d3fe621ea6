"""Three answers, and how they combine."""

from __future__ import annotations

from itertools import product

import pytest

from cds_service.certainty import Certainty, all_of, any_of, negated, none_of

YES, NO, MAYBE = Certainty.PRESENT, Certainty.ABSENT, Certainty.UNKNOWN


@pytest.mark.parametrize(
    ("answers", "every", "some", "none"),
    [
        ((), YES, NO, YES),
        ((YES,), YES, YES, NO),
        ((NO,), NO, NO, YES),
        ((MAYBE,), MAYBE, MAYBE, MAYBE),
        ((YES, NO), NO, YES, NO),
        ((YES, MAYBE), MAYBE, YES, NO),
        ((NO, MAYBE), NO, MAYBE, MAYBE),
        ((YES, NO, MAYBE), NO, YES, NO),
    ],
)
def test_combined_answers(answers: tuple[Certainty, ...], every: Certainty, some: Certainty, none: Certainty) -> None:
    """All, any and none of several answers; what is unknown stays unknown unless another answer decides."""
    assert (all_of(answers), any_of(answers), none_of(answers)) == (every, some, none)


def test_what_is_unknown_never_becomes_absent_or_present_by_itself() -> None:
    """Whatever an unknown answer turns out to be, the combined answer was either that or unknown."""
    for answers in product(Certainty, repeat=3):
        settled = product(*([YES, NO] if answer is MAYBE else [answer] for answer in answers))
        outcomes = [(all_of(one), any_of(one), none_of(one)) for one in settled]
        for said, possible in zip(
            (all_of(answers), any_of(answers), none_of(answers)), zip(*outcomes, strict=True), strict=True
        ):
            assert said is MAYBE or set(possible) == {said}


def test_the_opposite() -> None:
    """Not present is absent, not unknown is unknown."""
    assert [negated(answer) for answer in (YES, NO, MAYBE)] == [NO, YES, MAYBE]
