"""What `cds-service audit` does; its options are in `commands/audit.py`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson

from cds_service.cli.options import open_store, period_of, settings_of
from cds_service.cli.terminal import remark
from cds_service.errors import SetupError, StoreUnavailable
from cds_service.storage.audit_event import audit_event
from cds_service.storage.records import read_calls

_UNNAMED = "urn:ir-cds-service"


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
    remark(f"{count} audit records exported.")
    return 0


def _write(lines: Iterator[bytes], out: Path | None) -> int:
    if out is None:
        return sum(1 for line in lines if sys.stdout.write(line.decode()))
    try:
        with out.open("wb") as file:
            return sum(1 for line in lines if file.write(line))
    except OSError as error:
        raise SetupError(f"{out}: can't be written ({error.strerror}); name another file") from None
