"""`cds-service screen`: before go-live, how often the cards would interrupt whom, from a hospital's own export.

`run` judges every order of a Bulk Data export by what was known when it was written; the other commands read what it
leaves. See docs/population.md.
"""

from __future__ import annotations

import argparse

from cds_service.cli import screen_results, screen_review, screen_run

_STEPS = (screen_run, screen_results, screen_review)


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command with its own commands."""
    parser = commands.add_parser(
        "screen", help="the tables over a whole population, before go-live", description=__doc__
    )
    steps = parser.add_subparsers(dest="step", required=True, metavar="COMMAND")
    for step in _STEPS:
        step.add_parsers(steps)
