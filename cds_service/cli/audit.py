"""`cds-service audit`: the audit records: who called about which patient, what was read and what was decided."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson

from cds_service.cli.options import add_config, add_period, open_store, period_of, settings_of
from cds_service.cli.terminal import print_err
from cds_service.errors import SetupError, StoreUnavailable
from cds_service.storage.audit_event import audit_event
from cds_service.storage.records import read_calls

_UNNAMED = "urn:ir-cds-service"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("audit", help="export the audit records", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    export = actions.add_parser("export", help="FHIR R4 AuditEvents (IHE BALP), one JSON object per line")
    add_period(export)
    export.add_argument("--out", type=Path, metavar="FILE", help="write to a file; without it, to standard output")
    add_config(export)
    export.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write one AuditEvent per line, oldest first.

    Raises:
        SetupError: the database can't be reached, or the file can't be written.
    """
    settings = settings_of(args)
    store = open_store(settings)
    observer = settings.public_url or _UNNAMED
    events = (audit_event(call, observer) for call in read_calls(store, *period_of(args, settings)))
    try:
        count = _write((orjson.dumps(event) + b"\n" for event in events), args.out)
    except StoreUnavailable as error:
        raise SetupError(f"{store.display_url}: {error.message} The export is not complete; run it again") from None
    finally:
        store.close()
    print_err(f"{count} audit records exported.")
    return 0


def _write(lines: Iterator[bytes], out: Path | None) -> int:
    if out is None:
        return sum(1 for line in lines if sys.stdout.write(line.decode()))
    try:
        with out.open("wb") as file:
            return sum(1 for line in lines if file.write(line))
    except OSError as error:
        raise SetupError(f"{out}: can't be written ({error.strerror}); name another file") from None
