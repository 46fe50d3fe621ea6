"""`cds-service catalog CSV`: which orders of a hospital's catalog the service recognizes, and which are to be mapped.

The file needs a heading line and a column with the names of orders; it may have columns with their codes and code
systems. Without --out the result is printed as CSV.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from cds_service.cli.options import add_config, add_site, later


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("catalog", help="try a hospital's order catalog", description=__doc__)
    parser.add_argument("file", type=Path, metavar="CSV", help="the catalog")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for orders.csv, report.html, concept_map.json")
    parser.add_argument("--json", action="store_true", help="print the result as JSON, and nothing else")
    parser.add_argument("--text-column", metavar="NAME", help="column of the names of orders")
    parser.add_argument("--code-column", metavar="NAME", help="column of their codes")
    parser.add_argument("--system-column", metavar="NAME", help="column of their code systems")
    parser.add_argument("--system", metavar="URL", help="code system of all codes, where no column says it")
    parser.add_argument("--encoding", metavar="NAME", help="encoding of the file, if not UTF-8")
    add_site(parser)
    add_config(parser)
    parser.set_defaults(run=later("catalog"))
