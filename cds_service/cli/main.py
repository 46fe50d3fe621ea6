"""The command line `cds-service`: one module per command, registered here.

Exit codes: 0 done, 1 found something wrong, 2 could not run (the message says what to do).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from cds_service.cli import (
    audit,
    check,
    clients,
    db,
    demo,
    doctor,
    feedback,
    invoke,
    package,
    screen,
    serve,
    tables,
    validate,
)
from cds_service.cli.terminal import complain
from cds_service.errors import SetupError

_COMMANDS = (serve, invoke, doctor, validate, check, clients, tables, package, demo, feedback, audit, db, screen)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments without the program's name; None for those of the process.

    Returns:
        The exit code. argparse itself ends the process with 2 on a wrong argument.
    """
    args = _parser().parse_args(argv)
    try:
        code = int(args.run(args))
        sys.stdout.flush()
        return code
    except SetupError as error:
        complain(f"cds-service {args.command}: {error.message}")
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # `cds-service tables | head`: the reader has seen enough, and what is left must not be flushed at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cds-service",
        description="CDS Hooks decision support for ordering interventional-radiology procedures.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('ir-cds-service')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_parser(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
