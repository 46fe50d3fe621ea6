"""`cds-service audit`: the audit records: who called about which patient, what was read and what was decided."""

from __future__ import annotations

import argparse
from pathlib import Path

from cds_service.cli.options import add_config, add_period, later


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("audit", help="export the audit records", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    export = actions.add_parser("export", help="FHIR R4 AuditEvents (IHE BALP), one JSON object per line")
    add_period(export)
    export.add_argument("--out", type=Path, metavar="FILE", help="write to a file; without it, to standard output")
    add_config(export)
    export.set_defaults(run=later("audit"))
