"""A sample of orders for review: as many of each row and level, and orders without a card, where one may be missing.

The sheet does not tell the two apart: every item asks of one order and one row whether a
clinician should have been told.
What the service said is in the key, which reviewers do not get.
"""

from __future__ import annotations

import csv
import hashlib
import html
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cds_service.errors import SetupError
from cds_service.population.files import write_whole
from cds_service.population.page import plain
from cds_service.population.results import read_rows
from cds_service.population.rows import NOT_CHECKED, Row

COLUMNS = ("item", "order", "written", "procedure", "row", "reviewer_1", "reviewer_2", "adjudicator", "comment")
QUESTION = "Should a clinician have been told of this when the order was signed? Write yes or no."
SILENT = "no card"
ITEM_DIGITS = 3
"""Of the number of an item, at least."""
_SILENT_SHARE = 3
"""One item in so many is an order without a card."""


class Key(msgspec.Struct):
    """What the service said of each item: `row|level` or `no card`, and how many orders the item stands for.

    `asked` are order and row of each item, as the sheet names them.
    """

    strata: dict[str, str]
    weights: dict[str, float]
    asked: dict[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One order and the row that is asked about."""

    order: Row
    row: str
    stratum: str


def write_sample(run: Path, size: int, seed: str = "1") -> tuple[Path, Path, Path]:
    """Write `sample.csv`, `sample.html` and `sample.key.json` into the run; gives their paths.

    Raises:
        SetupError: the run is not finished, or has no recognized order, or its sheet holds answers.
    """
    _check_unanswered(run / "sample.csv")
    chosen, totals = _choose(_strata(read_rows(run), seed), size, seed)
    if not chosen:
        raise SetupError(f"{run}: no recognized order to sample from")
    items = {
        f"{place:0{ITEM_DIGITS}}": one for place, one in enumerate(sorted(chosen, key=lambda c: _mix(c, seed)), start=1)
    }
    drawn = {stratum: sum(one.stratum == stratum for one in chosen) for stratum in totals}
    key = Key(
        {item: one.stratum for item, one in items.items()},
        {item: totals[one.stratum] / drawn[one.stratum] for item, one in items.items()},
        {
            item: (cells["order"], cells["row"])
            for item, cells in ((item, _cells(item, one)) for item, one in items.items())
        },
    )
    sheet, page, secret = run / "sample.csv", run / "sample.html", run / "sample.key.json"
    write_whole(sheet, _as_csv(items).encode())
    write_whole(page, _as_page(items).encode())
    write_whole(secret, msgspec.json.encode(key))
    return sheet, page, secret


def _check_unanswered(sheet: Path) -> None:
    """Refuse to write over what reviewers wrote; a sheet that is none, a spreadsheet open on it, count as answered."""
    try:
        written = sheet.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return
    except UnicodeDecodeError:
        written = [""]
    if written[:1] != [",".join(COLUMNS)] or not all(line.endswith(",,,,") for line in written[1:]):
        raise SetupError(f"{sheet}: holds answers; move it and sample.key.json away before you draw another sample")


def _strata(rows: Iterable[Row], seed: str) -> dict[str, list[Candidate]]:
    """Every item that may be drawn, by stratum."""
    strata: dict[str, list[Candidate]] = {}
    for row in rows:
        if row.procedure is None:
            continue
        told = [(name, card.indicator) for card in row.shown for name in row.matters(card) if not _is_open(name)]
        found = [Candidate(row, name, f"{name}|{indicator}") for name, indicator in dict.fromkeys(told)]
        if not told and row.applies:
            askable = [*row.applies, f"indication: {row.procedure}"]  # what a card could have been about
            asked = min(askable, key=lambda name: _hash(seed, row.order, name))
            found = [Candidate(row, asked, SILENT)]
        for one in found:
            strata.setdefault(one.stratum, []).append(one)
    return strata


def _is_open(name: str) -> bool:
    """Whether a card says only that a row was not checked: nobody can say whether that is right from the record."""
    return name.startswith(NOT_CHECKED)


def _choose(strata: Mapping[str, Sequence[Candidate]], size: int, seed: str) -> tuple[list[Candidate], dict[str, int]]:
    """As many of each stratum as there are places, small strata whole."""
    order = sorted(strata, key=lambda name: (name != SILENT, name))
    pools = {name: sorted(strata[name], key=lambda c: _hash(seed, c.order.order, c.row)) for name in order}
    chosen = pools[SILENT][: -(-size // _SILENT_SHARE)] if SILENT in pools else []
    spoken = [name for name in order if name != SILENT]
    depth = 0
    while len(chosen) < size and any(depth < len(pools[name]) for name in spoken):
        chosen += [pools[name][depth] for name in spoken if depth < len(pools[name])][: size - len(chosen)]
        depth += 1
    return chosen, {name: len(pool) for name, pool in pools.items()}


def _mix(candidate: Candidate, seed: str) -> str:
    """Places in the sheet that tell nothing of the stratum."""
    return _hash(seed, "place", candidate.order.order, candidate.row)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _cells(item: str, one: Candidate) -> dict[str, str]:
    return {
        "item": item,
        "order": plain(one.order.order),
        "written": one.order.time,
        "procedure": one.order.procedure or "",
        "row": plain(one.row),
    }


def _as_csv(items: Mapping[str, Candidate]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_cells(item, one) for item, one in items.items())
    return text.getvalue()


def _as_page(items: Mapping[str, Candidate]) -> str:
    """The sheet to print."""
    lines = "\n".join(
        "<tr>" + "".join(f"<td>{html.escape(_cells(item, one).get(name, ''))}</td>" for name in COLUMNS) + "</tr>"
        for item, one in items.items()
    )
    head = "".join(f'<th scope="col">{name.replace("_", " ")}</th>' for name in COLUMNS)
    style = (
        ":root{color-scheme:light dark}body{font:14px/1.4 system-ui,sans-serif;margin:1rem}.wide{overflow-x:auto}"
        "table{border-collapse:collapse}td,th{border:1px solid;padding:.4em;text-align:left}"
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Review sheet</title>'
        f"<style>{style}</style></head>\n<body><main><h1>Review sheet</h1><p>{QUESTION}</p>\n"
        "<p>A row is one line of the tables, by its id; <i>indication: X</i> says that X was ordered without a "
        "recorded reason.</p>\n"
        '<div class="wide" tabindex="0" role="region" aria-label="Orders to review">'
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>{lines}</tbody>\n</table></div></main></body></html>\n"
    )
