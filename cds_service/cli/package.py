"""What `cds-service package` does; its options are in `commands/package.py`."""

from __future__ import annotations

import argparse
from pathlib import Path

from cds_service.cli.options import settings_of
from cds_service.errors import SetupError
from cds_service.publishing.archive import archive, archive_name
from cds_service.publishing.build import write
from cds_service.publishing.sources import Sources, read_sources, shipped_sources


def run_build(args: argparse.Namespace) -> int:
    """Write the package as a folder and print its path.

    Raises:
        TableError: a table is wrong.
        SetupError: the folder holds something else, or can't be written to.
    """
    try:
        write(_sources(args), args.out)
    except OSError as error:
        raise _cannot_write(args.out, error) from error
    print(args.out)
    return 0


def run_pack(args: argparse.Namespace) -> int:
    """Write the archive and print its path.

    Raises:
        TableError: a table is wrong.
        SetupError: the folder can't be written to.
    """
    sources = _sources(args)
    path = args.out / archive_name(sources)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        path.write_bytes(archive(sources))
    except OSError as error:
        raise _cannot_write(path, error) from error
    print(path)
    return 0


def _sources(args: argparse.Namespace) -> Sources:
    """The tables with the changes of the site; the shipped ones without a site."""
    site = settings_of(args).site
    return read_sources(site=site) if site else shipped_sources()


def _cannot_write(path: Path, error: OSError) -> SetupError:
    return SetupError(f"{path}: can't be written ({error.strerror}); give another folder with --out")
