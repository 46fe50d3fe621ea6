"""What reviewers answered, against what the service said: how often a card was right, and how often one was missing."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cds_service.errors import SetupError
from cds_service.population.intervals import Agreement, Rate, agreement_of, rate_of
from cds_service.population.sample import ITEM_DIGITS, SILENT, Key

_READ = ("item", "reviewer_1", "reviewer_2", "adjudicator")
_ASKED = ("order", "row")
_DELIMITERS = ",;\t"
_ANSWERS = {"yes": "yes", "y": "yes", "1": "yes", "no": "no", "n": "no", "0": "no", "": ""}


@dataclass(frozen=True, slots=True)
class Score:
    """Rates of the answered items, and how many are still open.

    `right` by stratum: cards that a clinician should have seen (positive predictive value). `missed`: orders without a
    card of which a clinician should have been told of the row asked about. `right_weighted` weighs each item by the
    orders that it stands for: what the hospital as a whole would see.
    """

    right: dict[str, Rate]
    right_overall: Rate
    right_weighted: float | None
    missed: Rate
    agreement: Agreement
    open_items: int


@dataclass(frozen=True, slots=True)
class _Item:
    stratum: str
    weight: float
    answers: tuple[str, str]
    final: str


def score_sheet(sheet: Path, key: Path | None = None) -> Score:
    """Score a filled-in sheet.

    Args:
        sheet: the CSV that `sample` wrote, with answers.
        key: the key of the sample; None for the one beside the sheet.

    Raises:
        SetupError: a file can't be read, or an answer is neither yes nor no.
    """
    lines = _lines(sheet)
    items = _items(sheet, lines, _read_key(key or sheet.with_name("sample.key.json")))
    spoken = [item for item in items if item.stratum != SILENT and item.final]
    silent = [item for item in items if item.stratum == SILENT and item.final]
    strata = sorted({item.stratum for item in spoken})
    weight = sum(item.weight for item in spoken)
    return Score(
        right={name: _rate([item for item in spoken if item.stratum == name]) for name in strata},
        right_overall=_rate(spoken),
        right_weighted=sum(item.weight for item in spoken if item.final == "yes") / weight if weight else None,
        missed=_rate(silent),
        agreement=agreement_of([item.answers for item in items if all(item.answers)]),
        open_items=sum(not item.final for item in items),
    )


def _rate(items: Sequence[_Item]) -> Rate:
    return rate_of(sum(item.final == "yes" for item in items), len(items))


def _read_key(path: Path) -> Key:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Key)
    except FileNotFoundError:
        raise SetupError(f"{path}: the key of the sample is not here; name it with --key") from None
    except msgspec.DecodeError as error:
        raise SetupError(f"{path}: no key of a sample ({error})") from None


def _lines(sheet: Path) -> list[dict[str, str | None]]:
    """The lines of the sheet by column; spreadsheets save it with semicolons or tabs where decimals have a comma."""
    try:
        text = sheet.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text in UTF-8"
        raise SetupError(f"{sheet}: can't be read ({reason}); give the CSV that `screen sample` wrote") from None
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=first.count))
    try:
        lines, columns = list(reader), set(reader.fieldnames or ())
    except csv.Error as error:
        raise SetupError(f"{sheet}: is no CSV ({error}); give the one that `screen sample` wrote") from None
    if gone := [name for name in _READ if name not in columns]:
        raise SetupError(f"{sheet}: has no column {', '.join(gone)}; keep the first line as `screen sample` wrote it")
    return lines


def _items(sheet: Path, lines: Sequence[dict[str, str | None]], key: Key) -> list[_Item]:
    found: dict[str, _Item] = {}
    for place, line in enumerate(lines, start=2):
        name = (line["item"] or "").strip().zfill(ITEM_DIGITS)  # a spreadsheet makes 1 of 001
        if name in found:
            raise SetupError(f'{sheet}, line {place}: item "{name}" stands there twice; leave one of them')
        found[name] = _item(sheet, place, name, line, key)
    if missing := sorted(key.strata.keys() - found.keys()):
        raise SetupError(f"{sheet}: items of the sample are missing ({', '.join(missing[:5])}); leave open ones empty")
    return list(found.values())


def _item(sheet: Path, place: int, item: str, line: dict[str, str | None], key: Key) -> _Item:
    if item not in key.strata:
        raise SetupError(f'{sheet}, line {place}: item "{item}" is not of this sample')
    if any(line.get(name) not in (None, asked) for name, asked in zip(_ASKED, key.asked[item], strict=True)):
        raise SetupError(
            f'{sheet}, line {place}: item "{item}" asks for something else than in this key; use its own key'
        )
    one, other, third = (_answer(sheet, place, line, name) for name in ("reviewer_1", "reviewer_2", "adjudicator"))
    agreed = one if one == other or not other else (other if not one else "")
    return _Item(key.strata[item], key.weights[item], (one, other), third or agreed)


def _answer(sheet: Path, place: int, line: dict[str, str | None], column: str) -> str:
    written = (line.get(column) or "").strip().lower()
    if written not in _ANSWERS:
        raise SetupError(f'{sheet}, line {place}: {column} is "{written[:20]}"; write yes or no, or leave it empty')
    return _ANSWERS[written]
