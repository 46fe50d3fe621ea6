"""The command line `cds-service`: one module per command, registered here.

Exit codes: 0 done, 1 found something wrong, 2 could not run (the message says what to do).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import version

from cds_service.cli.terminal import print_err
from cds_service.errors import SetupError

_COMMANDS: Mapping[str, str] = {
    "serve": "run the service",
    "demo": "judge the example requests and show their cards",
    "invoke": "make one hook call and show its cards",
    "summary": "the pre-procedure summary of one patient and order",
    "doctor": "check this installation, or a FHIR server",
    "catalog": "try a hospital's order catalog",
    "everyday": "play ordinary orders: how many bring a card",
    "screen": "the tables over a whole population, before go-live",
    "tables": "the two tables for review",
    "check": "check every table, value set and case",
    "site": "a hospital's own folder: start it, freeze it",
    "diff": "what a change does to rows and cases",
    "terminology": "SNOMED CT codes from a terminology server, for a site folder",
    "validate": "check resources against FHIR R4 and profiles",
    "package": "the FHIR package: profiles, value sets, rules",
    "feedback": "report on the feedback on cards",
    "explain": "why a card came",
    "audit": "export the audit records",
    "clients": "the registered EHRs",
    "db": "maintain the database of feedback and records",
}
"""Command -> what it does. Each is a module of this folder, imported when it is called: some bring large libraries."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments without the program's name; None for those of the process.

    Returns:
        The exit code. argparse itself ends the process with 2 on a wrong argument.
    """
    given = sys.argv[1:] if argv is None else argv
    _propose_command(given)
    args = _parser(given).parse_args(given)
    try:
        code = int(args.run(args))
        sys.stdout.flush()
        return code
    except SetupError as error:
        print_err(f"cds-service {args.command}: {error.message}")
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # `cds-service tables | head`: the reader has closed the pipe, so nothing may be flushed at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _propose_command(argv: Sequence[str]) -> None:
    """Say which command may be meant by one that there is not; argparse then ends with 2."""
    if argv and argv[0] not in _COMMANDS and (meant := get_close_matches(argv[0], _COMMANDS, n=1)):
        print_err(f"There is no command {argv[0]}. Did you mean {meant[0]}?")


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cds-service",
        description="CDS Hooks decision support for ordering interventional-radiology procedures.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('ir-cds-service')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, what in _COMMANDS.items():
        if name in argv[:1]:
            import_module(f"cds_service.cli.{name}").add_parser(commands)
        else:
            commands.add_parser(name, help=what)
    return parser


if __name__ == "__main__":
    sys.exit(main())
