"""What a text says of allergies: groups, denials, reactions, and that nobody knows."""

from __future__ import annotations

from time import thread_time

import pytest

from cds_service.knowledge.allergy_types import Statement
from cds_service.knowledge.tables import Knowledge

CONTRAST, UNCLEAR, IODINE = "iodinated-contrast", "contrast-class-unclear", "iodine-unspecified"


def groups(text: str, knowledge: Knowledge) -> list[set[str]]:
    """The groups of each item of a text."""
    return [set(statement.groups) for statement in knowledge.allergy_texts.read(text)]


def one(text: str, knowledge: Knowledge) -> Statement:
    """The only item of a text."""
    (statement,) = knowledge.allergy_texts.read(text)
    return statement


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hair dye, IV contrast", [set(), {UNCLEAR}]),
        ("FD&C dyes", [set()]),
        ("CT and MRI contrast", [{CONTRAST}, {"gadolinium"}]),
        ("MRI, CT contrast", [{"gadolinium"}, {CONTRAST}]),
        ("SHELLFISH / IV DYE hives", [{"seafood"}, {UNCLEAR}]),
        ("contrast (MRI)", [{"gadolinium"}]),
        ("Dotarem and [contrast]", [{"gadolinium"}, {UNCLEAR}]),
        ("contrast allergy, do MRI", [{UNCLEAR}, {"gadolinium"}]),
        ("contrast allergy do MRI", [{UNCLEAR}]),
        ("iodine contrast", [{CONTRAST}]),
        ("contrast (iodine)", [{CONTRAST}]),
        ("iodine (Betadine)", [{"topical-iodine"}]),
        ("iodine, Betadine", [{IODINE}, {"topical-iodine"}]),
        ("Dotarem contrast", [{"gadolinium"}]),
        ("Lumason contrast", [set()]),
        ("Iodinated (131-I) albumin", [{"not-relevant"}]),
    ],
)
def test_each_item_has_its_own_groups(text: str, expected: list[set[str]], knowledge: Knowledge) -> None:
    """No phrase silences another; words that belong together are read together."""
    assert groups(text, knowledge) == expected


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("no known allergy to contrast", False),
        ("no allergies, contrast", True),
        ("no allergies contrast", True),
        ("no contrast", True),
        ("no contrast allergy", False),
        ("no contrast due to allergy", True),
        ("no allergy to penicillin, iodine or contrast", False),
        ("no allergy to iodine and contrast", False),
        ("no food allergy and contrast allergy", True),
        ("no food, drug, or contrast allergy", False),
        ("denies latex allergy, contrast: hives", True),
        ("denies allergy to contrast (hives)", True),
        ("contrast allergy: none", False),
        ("contrast - none", True),
        ("contrast allergy denied", False),
        ("tolerated contrast in 2024", False),
        ("contrast given and tolerated", False),
        ("contrast allergy, now tolerated", True),
        ("tolerated contrast after steroids", True),
        ("tolerates contrast only with premedication", True),
        ("does not tolerate contrast", True),
        ("allergic to contrast and NKDA", True),
        ("NKDA except contrast", True),
        ("family history of contrast allergy", False),
        ("mother reports contrast allergy", True),
    ],
)
def test_what_a_denial_covers(text: str, named: bool, knowledge: Knowledge) -> None:
    """A denial covers what it names and the list that goes on with it; any condition or exception ends it."""
    assert any(found & {CONTRAST, UNCLEAR, IODINE} for found in groups(text, knowledge)) is named


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("hives", {"mild"}),
        ("nausea; flushing", {"physiologic"}),
        ("no anaphylaxis, hives", {"mild"}),
        ("without hypotension", set()),
        ("anaphylaktischer Schock", {"severe"}),
        ("choc anaphylactique", {"severe"}),
        ("アナフィラキシー", {"severe"}),
        ("過敏性休克", {"severe"}),
        ("felt warm", {"physiologic"}),
        ("zzzing", {None}),
    ],
)
def test_reactions_are_weighed(text: str, weights: set[str | None], knowledge: Knowledge) -> None:
    """Reactions are read in every language, those that did not happen are passed over, unknown ones are told apart."""
    assert {w for statement in knowledge.allergy_texts.read(text) for w in statement.weights} == weights


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("NKDA", {"none_known"}),
        ("No known drug allergies", {"denied", "none_known"}),
        ("NKDA per Dr. Smith", {"none_known"}),
        ("No known latex allergy", {"denied"}),
        ("Not on file", {"not_known"}),
        ("siehe Akte", {"not_known"}),
        ("unknown", {"unknown"}),
        ("Penicillin - unknown reaction", {"something_else", "begins_so"}),
        ("Foobaril", {"unread"}),
        ("Foobaril (rash)", {"unread"}),
        ("Penicillin (Foobaril)", {"something_else", "begins_so"}),
        ("treated with Benadryl", {"something_else"}),
        ("drug allergy", set()),
    ],
)
def test_what_else_a_text_says(text: str, fields: set[str], knowledge: Knowledge) -> None:
    """That there is none, that nobody knows, that it is something else, or that a word is not known."""
    names = ("something_else", "begins_so", "denied", "none_known", "not_known", "unknown", "unread")
    statement = one(text, knowledge)
    assert {name for name in names if getattr(statement, name)} == fields


def test_marks_alone_say_nothing(knowledge: Knowledge) -> None:
    """A text without a word holds no statement, not even that there is nothing."""
    assert [knowledge.allergy_texts.read(text) for text in ("?", "-", " . ", "")] == [()] * 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece", ["penicillin, ", "no penicillin, ", "NKDA ", "per ", "contrast ", "a", "造影剤", "no ", "rash and "]
)
def test_reading_costs_as_much_as_the_text_is_long(piece: str, knowledge: Knowledge) -> None:
    """A very long text takes processor time in proportion to its length, whatever it repeats."""
    short, long = (_seconds(piece * times, knowledge) for times in (1_000, 8_000))
    assert long < 40 * short + 0.5


def _seconds(text: str, knowledge: Knowledge) -> float:
    start = thread_time()
    knowledge.allergy_texts.read(text)
    return thread_time() - start
