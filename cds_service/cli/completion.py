"""What `cds-service completion` does; its options are in `commands/completion.py`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import shtab

from cds_service.cli.main import parser


def run(args: argparse.Namespace) -> int:
    """Print the script for a shell; always 0."""
    whole = parser()
    for action in _actions(whole):
        if action.type is Path:
            vars(action)["complete"] = shtab.FILE
    print(shtab.complete(whole, shell=args.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        for below in action.choices.values() if isinstance(action, argparse._SubParsersAction) else ():
            yield from _actions(below)
