"""A sample for review: blinded, stratified, and scored."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from cds_service.cli.main import main
from cds_service.errors import SetupError
from cds_service.population.results import read_rows
from cds_service.population.rows import Row, ToldCard
from cds_service.population.sample import COLUMNS, SILENT, Key, write_sample
from cds_service.population.score import score_sheet
from tests.population.exports import run_of
from tests.population.test_run import generated


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a made-up export."""
    folder = tmp_path_factory.mktemp("review")
    run_of(generated(folder / "export", 150), folder / "run", workers=2)
    return folder / "run"


def drawn(run: Path, size: int = 40, seed: str = "1") -> tuple[list[dict[str, str]], Key]:
    """The items of a sample and their key."""
    sheet, _, key = write_sample(run, size, seed)
    with sheet.open() as file:
        return list(csv.DictReader(file)), msgspec.json.decode(key.read_bytes(), type=Key)


def spoken(row: Row) -> Iterator[tuple[str, ToldCard]]:
    """The rows that the cards of an order speak of, what could not be checked left out."""
    for card in row.shown:
        yield from ((name, card) for name in row.matters(card) if not name.startswith("not checked"))


def test_a_sample_holds_every_row_and_level_and_orders_without_a_card(run):
    """Rare rows are in the sample as well as frequent ones, and so are orders about which nothing was said."""
    items, key = drawn(run)
    told = [row for row in read_rows(run) if row.procedure]
    cards = {f"{name}|{card.indicator}" for row in told for name, card in spoken(row)}
    silent = any(not list(spoken(row)) for row in told)
    assert len(items) == 40
    assert set(key.strata.values()) == cards | ({SILENT} if silent else set())
    assert silent


def test_weights_stand_for_the_orders_of_the_run(run):
    """The weights of a stratum add up to all its cards in the run, so that rates of the whole can be told."""
    _, key = drawn(run)
    totals: Counter[str] = Counter()
    for item, stratum in key.strata.items():
        totals[stratum] += key.weights[item]  # type: ignore[assignment]
    cards = Counter(f"{name}|{card.indicator}" for row in read_rows(run) for name, card in spoken(row))
    assert all(totals[stratum] == pytest.approx(cards[stratum]) for stratum in totals if stratum != SILENT)


def test_the_sheet_does_not_say_what_the_service_said(run):
    """Reviewers see order, time, procedure and the row asked about: no level, no stratum, no patient."""
    items, _ = drawn(run)
    assert tuple(items[0]) == COLUMNS
    text = (run / "sample.csv").read_text() + (run / "sample.html").read_text()
    assert not any(word in text for word in ("critical", "warning", SILENT, *{r.patient for r in read_rows(run)}))


def test_the_same_seed_draws_the_same_sample(run):
    """A sample can be drawn again, and another seed draws another one."""
    assert drawn(run) == drawn(run)
    assert drawn(run)[0] != drawn(run, seed="2")[0]


def filled(run: Path, path: Path, answers: Callable[[str, str], tuple[str, str, str]]) -> Path:
    """The sheet with answers by item and stratum."""
    items, key = drawn(run)
    with path.open("w") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for item in items:
            one, other, third = answers(item["item"], key.strata[item["item"]])
            writer.writerow(item | {"reviewer_1": one, "reviewer_2": other, "adjudicator": third})
    path.with_name("sample.key.json").write_bytes((run / "sample.key.json").read_bytes())
    return path


def test_every_card_right_and_none_missing(run, tmp_path):
    """Where reviewers want every card and no other, all cards are right and none is missed."""
    sheet = filled(
        run, tmp_path / "s.csv", lambda item, stratum: ("no", "no", "") if stratum == SILENT else ("YES", "y", "")
    )
    score = score_sheet(sheet)
    assert (score.right_overall.value, score.right_weighted, score.missed.value) == (1, 1, 0)
    assert (score.agreement.kappa, score.open_items) == (1, 0)


def test_the_adjudicator_decides_where_reviewers_differ(run, tmp_path):
    """Two answers that differ are open until the adjudicator answers, and then count as he says."""
    split = filled(run, tmp_path / "s.csv", lambda item, stratum: ("yes", "no", ""))
    decided = filled(run, tmp_path / "d.csv", lambda item, stratum: ("yes", "no", "yes"))
    assert score_sheet(split).open_items == 40
    assert score_sheet(decided).right_overall.value == 1
    assert score_sheet(decided).missed.value == 1


def test_an_answer_that_is_none_is_refused_with_its_line(run, tmp_path):
    """A typing mistake does not become a no."""
    sheet = filled(run, tmp_path / "s.csv", lambda item, stratum: ("maybe", "", ""))
    with pytest.raises(SetupError, match='line 2: reviewer_1 is "maybe"; write yes or no'):
        score_sheet(sheet)


def test_a_sheet_may_come_back_from_a_spreadsheet(run, tmp_path):
    """With semicolons, a byte order mark and item 1 in place of 001 it is the same sheet."""
    sheet = filled(run, tmp_path / "s.csv", lambda item, stratum: ("yes", "no", "yes"))
    saved = tmp_path / "saved.csv"
    with sheet.open() as file, saved.open("w", encoding="utf-8-sig") as out:
        writer = csv.writer(out, delimiter=";")
        writer.writerows([one[0].lstrip("0"), *one[1:]] for one in csv.reader(file))
    assert score_sheet(saved, sheet.with_name("sample.key.json")) == score_sheet(sheet)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: [*lines, lines[1]], 'item "001" stands there twice'),
        (lambda lines: [lines[0].replace("reviewer_2", "Dr. B"), *lines[1:]], "has no column reviewer_2"),
        (lambda lines: [*lines, "999,x\n"], 'line 42: item "999" is not of this sample'),
    ],
)
def test_a_sheet_that_was_changed_is_refused(change, said, run, tmp_path):
    """No answer is passed over or counted for another item in silence."""
    sheet = filled(run, tmp_path / "s.csv", lambda item, stratum: ("yes", "", ""))
    sheet.write_text("".join(change(sheet.read_text().splitlines(keepends=True))))
    with pytest.raises(SetupError, match=said):
        score_sheet(sheet)


def test_a_sheet_of_another_sample_is_refused(run, tmp_path):
    """The items of every sample are numbered alike, so a sheet is held against what its key asked."""
    sheet = filled(run, tmp_path / "s.csv", lambda item, stratum: ("yes", "", ""))
    _, other = drawn(run, seed="2")
    sheet.with_name("sample.key.json").write_bytes(msgspec.json.encode(other))
    with pytest.raises(SetupError, match="asks for something else than in this key"):
        score_sheet(sheet)


def test_answers_are_not_written_over(run, tmp_path):
    """A second sample does not take the place of a sheet that somebody has begun to fill in."""
    shutil.copytree(run, tmp_path / "run")
    sheet, _, _ = write_sample(tmp_path / "run", 10)
    lines = sheet.read_text().splitlines()
    sheet.write_text("\n".join([*lines[:-1], lines[-1].removesuffix(",,,,") + ",yes,,,"]) + "\n")
    with pytest.raises(SetupError, match="holds answers"):
        write_sample(tmp_path / "run", 10)


def test_a_sheet_of_which_items_are_gone_is_refused(run, tmp_path):
    """Leaving out the hard ones would make the rates look better."""
    sheet = filled(run, tmp_path / "s.csv", lambda item, stratum: ("yes", "", ""))
    sheet.write_text("".join(sheet.read_text().splitlines(keepends=True)[:-3]))
    with pytest.raises(SetupError, match="items of the sample are missing"):
        score_sheet(sheet)


def test_the_score_is_printed(run, tmp_path, capsys):
    """The command says rates with intervals and kappa."""
    sheet = filled(run, tmp_path / "s.csv", lambda item, stratum: ("yes", "yes" if item > "010" else "no", "yes"))
    assert main(["screen", "score", str(sheet)]) == 0
    printed = capsys.readouterr().out
    assert "a card was right: 100.0 % (" in printed
    assert "a card was missing" in printed
