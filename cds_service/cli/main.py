"""The command line `cds-service`: one module of options per command in `commands/`, registered here.

Exit codes: 0 done, 1 found something wrong, 2 could not run (the message says what to do).
"""

from __future__ import annotations

import argparse
import atexit
import gc
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

from cds_service.cli.parser import Parser
from cds_service.cli.terminal import be_quiet, print_err
from cds_service.errors import SetupError

_COMMANDS: Mapping[str, str] = {
    "serve": "run the service",
    "demo": "judge the example requests and show their cards",
    "invoke": "make one hook call and show its cards",
    "summary": "the pre-procedure summary of one order",
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
    "completion": "completion of commands and options by the shell",
}
"""Command -> what it does. The options of each are a module of `commands/`, imported when it is called."""
_COLLECT_AT = (50_000, 20, 100)
"""Most of what a command makes stays: with Python's own thresholds a tenth of a start is looking for garbage."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments without the program's name; None for those of the process.

    Returns:
        The exit code. argparse itself ends the process with 2 on a wrong argument.
    """
    gc.set_threshold(*_COLLECT_AT)
    atexit.register(gc.freeze)  # a process that ends would look for garbage among the tables for a tenth of a second
    args = parser(sys.argv[1:] if argv is None else argv).parse_args(argv)
    be_quiet(args.quiet)
    try:
        code = int(args.run(args))
        sys.stdout.flush()
        return code
    except SetupError as error:
        be_quiet(False)
        print_err(f"cds-service {args.command}: {error.message}")
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # `cds-service tables | head`: the reader has closed the pipe, so nothing may be flushed at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        # What befalls a file of any command, such as a full disk; what the file is for is said where it is opened.
        be_quiet(False)
        where = f"{error.filename}: " if error.filename else ""
        print_err(f"cds-service {args.command}: {where}{error.strerror or error}; correct it and run the command again")
        return 2


def parser(argv: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """The parser with the options of the command that is called; of every command if `argv` is None."""
    whole = Parser(
        prog="cds-service",
        description="CDS Hooks decision support for ordering interventional-radiology procedures.",
        quiet="no progress and no remarks; mistakes are still said",
    )
    whole.set_defaults(quiet=False)
    whole.add_argument("--version", action=_Version, help="show the release and exit")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    called = next((word for word in argv if not word.startswith("-")), None) if argv is not None else None
    for name, what in _COMMANDS.items():
        if argv is None or name == called:
            import_module(f"cds_service.cli.commands.{name}").add_parser(commands)
        else:
            commands.add_parser(name, help=what)
    return whole


class _Version(argparse.Action):
    """Prints the release; its metadata are read only then."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:  # noqa: A002  argparse names it
        super().__init__(option_strings, dest=argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, whole: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"{whole.prog} {version('ir-cds-service')}")
        whole.exit()


if __name__ == "__main__":
    sys.exit(main())
