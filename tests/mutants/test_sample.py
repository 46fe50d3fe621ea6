"""A sample of all changes of the tables, the same in every run; `make mutants` runs all of them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.mutants.changes import ADVICE, SENTENCE, Mutant, mutants
from tests.mutants.panel import Panel
from tests.mutants.run import NOW, SAME, Trial, report, share
from tests.support.shipped import shipped_rows

pytestmark = pytest.mark.slow

NOTICED = 0.8
"""Share of the sample that the cases notice at least."""


@pytest.fixture(scope="module")
def trial() -> Trial:
    """The tables and the cases, each run when it is needed."""
    return Trial()


def found(trial: Trial, place: str, what: str) -> Mutant:
    """The change of a place."""
    return next(mutant for mutant in trial.mutants if mutant.place == place and mutant.what == what)


def test_the_cases_notice_a_sample_of_changes(trial: Trial) -> None:
    """Of every 400th change of the tables most make a case fail; sentences are left to the tests of cards."""
    numbers = [n for n, mutant in enumerate(trial.mutants) if mutant.kind not in (SENTENCE, ADVICE)][::400]
    outcomes = {number: trial.outcome(trial.mutants[number]) for number in numbers}
    assert share(outcomes) >= NOTICED, "\n".join(report(trial, outcomes))


@pytest.mark.parametrize(
    ("place", "what"),
    [
        ("threshold platelets-high-risk", "value 50 -> 49"),
        ("threshold platelets-high-risk", "comparison < -> <="),
        ("threshold platelets-high-risk", "within_days 30 -> 29"),
        ("criterion bleeding-tendency/inr-high-risk", "left out"),
        ("criterion iodine-allergy/iodinated-contrast-allergy", "severe critical -> warning"),
        ("procedure liver-biopsy", "bleeding_risk high -> low"),
        ("value set criterion-psychosis", "without http://hl7.org/fhir/sid/icd-10-cm|F20*"),
    ],
)
def test_a_dangerous_change_is_noticed(place: str, what: str, trial: Trial) -> None:
    """A limit, window, level or class that is wrong by one step, and a code that is lost, make a case fail."""
    assert trial.outcome(found(trial, place, what)) not in (None, SAME)


def test_the_short_way_notices_what_the_whole_loader_would(trial: Trial) -> None:
    """Of each table changes that the loader made from the rows: the cases that notice are those of the short way.

    Of the cases every 30th is run, and of these that the short way leaves out every 10th.
    """
    panel = Panel(trial.workshop.knowledge, NOW)
    panel.checks = panel.checks[::30]
    by_table: dict[str, list[Mutant]] = {}
    for mutant in trial.mutants:
        by_table.setdefault(mutant.table, []).append(mutant)
    del by_table["sentence"]  # no sentence is made of anything
    for table, mutants_ in by_table.items():
        made = ((m, trial.made(m)) for m in mutants_[len(mutants_) * 2 // 3 :])
        mutant, changed = next((m, changed) for m, changed in made if changed is not None)
        anew = trial.workshop.make_anew(mutant)
        touched = list(panel.touched(mutant, changed))
        others = [check for check in panel.checks if check not in touched][::10]
        looked_at = [*touched[:10], *others]
        noticed = [check.name for check in looked_at if check.notices(anew)]
        assert [check.name for check in touched[:10] if check.notices(changed)] == noticed, (table, mutant)


def test_a_number_is_changed_by_one_in_its_last_place() -> None:
    """1.8 becomes 1.7 and 1.9, 50 becomes 49 and 51."""
    rows = [
        m.row for m in mutants(shipped_rows()) if m.place == "threshold inr-high-risk" and m.what.startswith("value ")
    ]
    assert [row["value"] for row in rows if row] == [Decimal("1.7"), Decimal("1.9")]


def test_a_change_that_changes_nothing_is_not_counted(trial: Trial) -> None:
    """The share is of changes that make other tables; each that is not noticed is listed with its place."""
    assert share({0: SAME, 1: "a case", 2: None}) == 0.5
    assert "no case notices it" in list(report(trial, {0: None}))[-1]
