"""Ordinary orders of ordinary patients: how many of them are disturbed, and whether any is wrongly."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cds_service.cli.everyday import Tally, play, play_folder, report
from cds_service.cli.everyday_orders import (
    MUST_SPEAK,
    ORDINARY,
    EverydayOrder,
    case_row,
    read_everyday_orders,
    read_targets,
)
from cds_service.errors import TableError
from cds_service.indicator import Indicator
from cds_service.knowledge.tables import Knowledge

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "everyday"
BIOPSY = 'id = "biopsy"\norder = "US GUIDED RENAL BIOPSY"\nage = 50\nsex = "male"\nwhy = "A biopsy."\n'
PLATELETS, INR = (
    '{ code = "loinc|777-3", value = 210, unit = "10*9/L" }',
    '{ code = "loinc|6301-6", value = 1, unit = "1" }',
)
LABS = f"labs = [{PLATELETS}, {INR}]\n"
LOW = LABS.replace("210", "12")
TARGETS = "any_card = 0.35\nwarning = 0.05\n"


@pytest.fixture(scope="module")
def tally(knowledge: Knowledge, now: datetime) -> Tally:
    """The orders of the repository, played once."""
    return play_folder(FOLDER, knowledge, now)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of orders with targets, still without an order."""
    (tmp_path / "targets.toml").write_text(TARGETS)
    return tmp_path


def test_no_ordinary_order_is_disturbed_wrongly_and_none_that_must_speak_is_silent(tally: Tally) -> None:
    """No card is louder than a clinician accepts, and none is missing, but for the orders that `targets.toml` names."""
    assert [one.order.id for one in tally.unexpected] == [], "\n".join(report(tally))


def test_few_ordinary_orders_bring_a_card(tally: Tally) -> None:
    """The shares of ordinary orders with any card and with a warning are within the targets."""
    assert tally.any_card <= tally.targets.any_card
    assert tally.warning <= tally.targets.warning


@pytest.mark.parametrize("declared", [frozenset({"medications"}), frozenset()], ids=["declared", "not declared"])
@pytest.mark.slow
def test_few_bring_a_card_where_no_medications_are_sent(
    declared: frozenset[str], knowledge: Knowledge, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same orders where no medication list is sent; where the site says so, hardly more cards than elsewhere."""

    def without_medications(order: EverydayOrder, now: datetime) -> dict[str, Any]:
        row = case_row(order, now)
        sent = {name: value for name, value in row.items() if name != "medications"}
        return sent | {"not_sent": [*row.get("not_sent", ()), "medications"]}

    monkeypatch.setattr("cds_service.cli.everyday.case_row", without_medications)
    played = play_folder(FOLDER, replace(knowledge, not_connected=declared), now)
    assert played.any_card <= (0.1 if declared else played.targets.any_card)
    assert played.warning <= 0.02


def test_what_is_right_is_no_longer_called_wrong(tally: Tally) -> None:
    """An order that the targets call wrong is wrong; once it is right, its line is taken out."""
    assert tally.outdated == []


def test_the_orders_are_those_of_a_department(tally: Tally) -> None:
    """At least 120 ordinary orders are recognized and 40 must speak; each says why in a sentence."""
    assert len(tally.ordinary) >= 120
    assert sum(one.order.kind == MUST_SPEAK for one in tally.played) >= 40
    assert [one.order.id for one in tally.played if not one.order.row["why"].endswith((".", "?"))] == []


def test_the_readme_says_how_many_orders_bring_a_card(tally: Tally) -> None:
    """The line of the README gives the shares of today."""
    line = f"On {len(tally.ordinary)} ordinary orders: {tally.any_card:.0%} bring a card, {tally.warning:.0%} a warning"
    assert line in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("kind", "rest", "false", "missed"),
    [
        (ORDINARY, 'at_most = "none"\n', True, False),
        (ORDINARY, 'at_most = "info"\n', True, False),
        (ORDINARY, 'at_most = "warning"\n', False, False),
        (MUST_SPEAK, 'at_least = "info"\nnames = ["platelets|Thrombozyten", "12"]\n', False, False),
        (MUST_SPEAK, 'at_least = "warning"\nat_most = "info"\nnames = ["12"]\n', True, False),
        (MUST_SPEAK, 'at_least = "critical"\nnames = ["12"]\n', False, True),
        (MUST_SPEAK, 'at_least = "info"\nnames = ["lactate"]\n', False, True),
    ],
)
def test_a_card_that_is_too_loud_too_quiet_or_about_something_else_is_found(
    kind: str, rest: str, false: bool, missed: bool, folder: Path, knowledge: Knowledge, now: datetime
) -> None:
    """Platelets of 12 before a biopsy bring a warning: false where less is accepted, missed where another is due."""
    (folder / "orders.toml").write_text(f"[[{kind}]]\n{BIOPSY}{LOW}{rest}")
    one = play(read_everyday_orders(folder)[0], knowledge, now)
    assert (one.loudest, one.false, one.missed) == (Indicator.WARNING, false, missed)


def test_the_shares_are_of_ordinary_orders_that_are_recognized(
    folder: Path, knowledge: Knowledge, now: datetime
) -> None:
    """An order that must speak, and one that is no procedure of the tables, don't count in the shares."""
    loud, quiet = (
        f'{BIOPSY}{LOW}at_most = "warning"\n',
        BIOPSY.replace('"biopsy"', '"quiet"') + LABS + 'at_most = "none"\n',
    )
    other = quiet.replace('"quiet"', '"other"').replace("US GUIDED RENAL BIOPSY", "CBC")
    must = f'{BIOPSY}{LOW}at_least = "warning"\nnames = ["12"]\n'.replace('"biopsy"', '"must"')
    rows = [f"[[order]]\n{row}" for row in (loud, quiet, other)] + [f"[[must_speak]]\n{must}"]
    (folder / "orders.toml").write_text("\n".join(rows))
    tally = play_folder(folder, knowledge, now)
    assert (len(tally.ordinary), tally.any_card, tally.warning, tally.holds) == (2, 0.5, 0.5, False)


def test_the_call_carries_what_the_row_says(folder: Path, now: datetime) -> None:
    """Priority, date, reasons, age, sex and drugs of a row reach the call."""
    rest = 'priority = "stat"\nin_days = 3\nreasons = ["icd-10-cm|C50.911"]\nat_most = "none"\n'
    drugs = 'medications = [{ text = "Aspirin 81 mg", days = 9 }]\n'
    (folder / "orders.toml").write_text(f"[[order]]\n{BIOPSY}{rest}{drugs}")
    row = case_row(read_everyday_orders(folder)[0], now)
    fields = row["orders"][0]["fields"]
    assert (fields["priority"], fields["occurrenceDateTime"]) == ("stat", "2026-11-27")
    assert fields["reasonCode"][0]["coding"][0]["code"] == "C50.911"
    assert row["patient"] == {"gender": "male", "age": 50}
    assert row["medications"] == [{"text": "Aspirin 81 mg", "days": 9}]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"[[order]]\n{BIOPSY}", "at_most"),
        (f'[[order]]\n{BIOPSY}at_most = "loud"\n', "at_most"),
        (f'[[order]]\n{BIOPSY}at_most = "none"\nweight = 3\n', "weight"),
        (f'[[order]]\n{BIOPSY}at_most = "none"\n' * 2, "twice"),
        ("[[order]\n", "TOML"),
        ("", "no orders"),
    ],
)
def test_a_mistake_in_the_orders_is_named(text: str, problem: str, folder: Path) -> None:
    """A field that is missing, unknown or wrong, an id used twice and a folder without orders are named."""
    (folder / "orders.toml").write_text(text)
    with pytest.raises(TableError) as error:
        read_everyday_orders(folder)
    assert problem in error.value.problems[0]


@pytest.mark.parametrize("text", [None, "any_card = ", "any_card = 0.3", 'any_card = "few"\nwarning = 0'])
def test_targets_that_cannot_be_read_are_named(text: str | None, tmp_path: Path) -> None:
    """Without shares to hold there is no result."""
    if text is not None:
        (tmp_path / "targets.toml").write_text(text)
    with pytest.raises(TableError, match=r"any_card|TOML"):
        read_targets(tmp_path)


def test_the_command_prints_the_shares_and_what_is_wrong(run, folder: Path) -> None:
    """The command names a false order with its card and the row that spoke, and exits with 1."""
    (folder / "orders.toml").write_text(f'[[order]]\n{BIOPSY}{LOW}at_most = "none"\n')
    ran = run("everyday", folder)
    assert ran.code == 1
    assert "biopsy: warning, at most no card" in ran.out
    assert "platelets-high-risk" in ran.out
    (folder / "orders.toml").write_text(f'[[order]]\n{BIOPSY}{LABS}at_most = "none"\n')
    assert run("everyday", folder).code == 0
    (folder / "orders.toml").write_text("")
    assert "no orders here" in run("everyday", folder).err
