"""The command line `cds-service`: one module per command, registered here.

Exit codes: 0 done, 1 found something wrong, 2 could not run (the message says what to do).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

from cds_service.cli.terminal import print_err
from cds_service.errors import SetupError

_COMMANDS = (
    *("serve", "invoke", "doctor", "validate", "catalog", "check", "clients", "tables", "demo", "feedback", "audit"),
    *("terminology", "package", "db", "screen", "everyday", "site", "diff", "explain"),
)
"""Each is a module of this folder, imported when it is asked for: some bring large libraries with them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments without the program's name; None for those of the process.

    Returns:
        The exit code. argparse itself ends the process with 2 on a wrong argument.
    """
    given = sys.argv[1:] if argv is None else argv
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


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cds-service",
        description="CDS Hooks decision support for ordering interventional-radiology procedures.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('ir-cds-service')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    named = [name for name in _COMMANDS if name in argv[:1]]
    for name in named or _COMMANDS:
        import_module(f"cds_service.cli.{name}").add_parser(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
