"""`cds-service completion`: prints a script with which the shell completes commands, options and files.

For bash: `cds-service completion bash > ~/.local/share/bash-completion/completions/cds-service`.
For zsh: into a folder of `$fpath`, as `_cds-service`.
"""

from __future__ import annotations

import argparse

from cds_service.cli.options import later

SHELLS = ("bash", "zsh", "tcsh")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "completion",
        help="completion of commands and options by the shell",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=SHELLS, help="the shell")
    parser.set_defaults(run=later("completion"))
