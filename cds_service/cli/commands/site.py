"""`cds-service site`: a hospital's own folder: `init` starts it, `lock` and `pack` freeze it."""

from __future__ import annotations

import argparse
from pathlib import Path

from cds_service.cli.options import later


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("site", help="a hospital's own folder: start it, freeze it", description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")
    init = tasks.add_parser("init", help="write commented templates for every kind of change")
    init.add_argument("folder", type=Path, metavar="DIR", help="a new or empty folder")
    init.set_defaults(run=later("site", "run_init"))
    pack = tasks.add_parser("pack", help="write the folder as one file, the same for the same content")
    pack.add_argument("folder", type=Path, metavar="DIR", help="the site folder")
    pack.add_argument("--out", type=Path, metavar="FILE", help="file to write (site-<knowledge version>.tar.gz)")
    pack.set_defaults(run=later("site", "run_pack"))
    lock = tasks.add_parser("lock", help="write site.lock: the folder is used only as it is now")
    lock.add_argument("folder", type=Path, metavar="DIR", help="the site folder")
    lock.set_defaults(run=later("site", "run_lock"))
