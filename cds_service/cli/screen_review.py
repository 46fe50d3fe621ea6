"""`cds-service screen sample` and `score`: people review a sample of what the service would have said."""

from __future__ import annotations

import argparse
from pathlib import Path

from cds_service.cli.terminal import safe
from cds_service.population.intervals import Rate
from cds_service.population.sample import QUESTION, write_sample
from cds_service.population.score import score_sheet

_ITEMS = 100


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the commands."""
    sample = commands.add_parser("sample", help="a blinded sheet of orders for two reviewers and an adjudicator")
    sample.add_argument("run_folder", type=Path, metavar="RUN")
    sample.add_argument("-n", dest="size", type=_size, default=_ITEMS, metavar="N", help="items (%(default)s)")
    sample.add_argument("--seed", default="1", metavar="TEXT", help="another text draws another sample (%(default)s)")
    sample.set_defaults(run=_sample)
    score = commands.add_parser("score", help="how often a card was right or missing, by a filled-in sheet")
    score.add_argument("sheet", type=Path, metavar="SHEET")
    score.add_argument("--key", type=Path, metavar="FILE", help="key of the sample, if not beside the sheet")
    score.set_defaults(run=_score)


def _sample(args: argparse.Namespace) -> int:
    sheet, page, key = write_sample(args.run_folder, args.size, args.seed)
    print(f"{sheet} to fill in, {page} to print. {QUESTION}")
    print(f"{key} says what the service said; keep it from the reviewers")
    return 0


def _score(args: argparse.Namespace) -> int:
    found = score_sheet(args.sheet, args.key)
    print(f"a card was right: {_shown(found.right_overall)}")
    if found.right_weighted is not None:
        print(f"  over all cards of the run: {100 * found.right_weighted:.1f} %")
    for stratum, rate in found.right.items():
        print(f"  {safe(stratum.replace('|', ', '))}: {_shown(rate)}")
    print(f"a card was missing, of orders without one: {_shown(found.missed)}")
    agreement = found.agreement
    if agreement.kappa is not None and agreement.low is not None and agreement.high is not None:
        print(
            f"the reviewers agree with kappa {agreement.kappa:.2f} ({agreement.low:.2f} to {agreement.high:.2f}), "
            f"{agreement.items} items"
        )
    else:
        print(f"kappa can't be computed of {agreement.items} items that both answered, or that all have one answer")
    if found.open_items:
        print(f"{found.open_items} items are open: not answered, or answered in two ways without an adjudicator")
    return 0


def _shown(rate: Rate) -> str:
    if rate.value is None or rate.low is None or rate.high is None:
        return "no item answered"
    return f"{100 * rate.value:.1f} % ({100 * rate.low:.1f} to {100 * rate.high:.1f}), {rate.count} of {rate.total}"


def _size(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError("write a whole number from 1 to 10000")
    return int(text)
