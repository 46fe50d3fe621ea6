"""Files of a run: readable by their owner alone, and there whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO, cast

from cds_service.errors import SetupError

_OWNER_ONLY = 0o600
PLAN, LOCK = "plan.json", ".lock"
"""Files in the folder of every run: what it is to do, and the lock of the process that does it."""


def make_folder(path: Path) -> None:
    """A folder that its owner alone can enter.

    Raises:
        SetupError: it can't be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"{path}: can't be made ({error.strerror}); name another folder") from None


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write that gets its name when it is complete; a crash leaves none."""
    temporary = path.with_name(f".{path.name}.{token_hex(4)}.part")
    with cast(
        "BinaryIO", os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY), "wb")
    ) as file:
        yield file
    temporary.replace(path)


def remove_parts(folder: Path) -> None:
    """Remove what a crash left of files that never got their names."""
    for part in folder.rglob(".*.part"):
        part.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all."""
    with whole_file(path) as file:
        file.write(content)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep a second run out of the same folder.

    Raises:
        SetupError: one is at work there.
    """
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, _OWNER_ONLY)
    try:
        _lock(descriptor)
    except (BlockingIOError, PermissionError):
        raise SetupError(f"{folder}: another run is at work here; wait for it, or name another folder") from None
    else:
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Lock the file; the processes of the run do not inherit it."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
