"""What `cds-service site` does; its options are in `commands/site.py`."""

from __future__ import annotations

import argparse
import hashlib
from importlib.resources import as_file, files
from pathlib import Path

from cds_service.cli.terminal import print_err, remark
from cds_service.errors import SetupError, TableError
from cds_service.knowledge.archive import packed
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.site import site_files
from cds_service.knowledge.site_lock import LOCK, lock_text

_TEMPLATES = "site_templates"


def run_init(args: argparse.Namespace) -> int:
    """Write the templates; always 0.

    Raises:
        SetupError: the folder holds something already, or can't be written to.
    """
    folder: Path = args.folder
    try:
        if folder.exists() and any(not entry.name.startswith(".") for entry in folder.iterdir()):
            raise SetupError(f"{folder}: holds files already; name a new or empty folder")
        with as_file(files("cds_service.cli") / _TEMPLATES) as templates:
            for source in site_files(templates):
                target = folder / source.relative_to(templates)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read_bytes())
                print(target)
    except OSError as error:
        raise SetupError(f"{folder}: can't be written to ({error.strerror}); name another folder") from None
    remark(f"Nothing is changed yet: remove the # before what you need, then cds-service check --site {folder}")
    return 0


def run_pack(args: argparse.Namespace) -> int:
    """Write the file and print its path, SHA-256 and knowledge version; 1 with one line per mistake in the folder.

    Raises:
        SetupError: the file can't be written.
    """
    try:
        knowledge = load_knowledge(args.folder)
    except TableError as error:
        for problem in error.problems:
            print_err(problem)
        return 1
    content = packed(args.folder, site_files(args.folder))
    path: Path = args.out or Path(f"site-{knowledge.version}.tar.gz")
    try:
        path.write_bytes(content)
    except OSError as error:
        raise SetupError(f"{path}: can't be written ({error.strerror}); name another file with --out") from None
    print(f"{path}\nsha256 {hashlib.sha256(content).hexdigest()}\nknowledge version {knowledge.version}")
    return 0


def run_lock(args: argparse.Namespace) -> int:
    """Write `site.lock` and print the knowledge version; 1 with one line per mistake in the folder.

    Raises:
        SetupError: the file can't be read or written.
    """
    path: Path = args.folder / LOCK
    try:
        before = path.read_bytes() if path.exists() else None
        path.write_text(lock_text(args.folder, site_files(args.folder)), "utf-8")
    except OSError as error:
        raise SetupError(f"{path}: can't be written ({error.strerror}); name the site folder") from None
    try:
        knowledge = load_knowledge(args.folder)
    except TableError as error:
        _put_back(path, before)
        for problem in error.problems:
            print_err(problem)
        return 1
    print(f"{path}\nknowledge version {knowledge.version}")
    return 0


def _put_back(path: Path, content: bytes | None) -> None:
    """A folder with a mistake keeps the lock that it had."""
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
