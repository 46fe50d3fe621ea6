"""Files of the tables as one archive, and back: for `site pack`, and for the store, which keeps what answered."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable
from pathlib import Path


def packed(folder: Path, files: Iterable[Path]) -> bytes:
    """Files of a folder as .tar.gz; equal bytes for equal files, whenever and by whom it is made."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in files:
            content = path.read_bytes()
            entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)


def unpack(content: bytes, folder: Path) -> None:
    """Write the files of an archive below a folder.

    Raises:
        tarfile.TarError: it is no such archive, or a file of it lies outside the folder.
    """
    with tarfile.open(fileobj=io.BytesIO(content)) as files:
        files.extractall(folder, filter="data")
