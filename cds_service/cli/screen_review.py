"""`cds-service screen sample` and `score`: people review a sample of what the service would have said."""

from __future__ import annotations

import argparse

from cds_service.cli.terminal import counted, safe
from cds_service.population.intervals import Rate
from cds_service.population.sample import QUESTION, write_sample
from cds_service.population.score import score_sheet


def run_sample(args: argparse.Namespace) -> int:
    """Write a sheet, a page and the key; always 0."""
    sheet, page, key = write_sample(args.run_folder, args.size, args.seed)
    print(f"{sheet} to fill in, {page} to print. {QUESTION}")
    print(f"{key} says what the service said; keep it from the reviewers")
    return 0


def run_score(args: argparse.Namespace) -> int:
    """Print what a filled-in sheet says; always 0."""
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
        items = counted(found.open_items, "item is", "items are")
        print(f"{items} open: not answered, or answered in two ways without an adjudicator")
    return 0


def _shown(rate: Rate) -> str:
    if rate.value is None or rate.low is None or rate.high is None:
        return "no item answered"
    return f"{100 * rate.value:.1f} % ({100 * rate.low:.1f} to {100 * rate.high:.1f}), {rate.count} of {rate.total}"
