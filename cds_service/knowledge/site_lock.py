"""The lock of a site folder: hashes of its files as they were approved, in the format of `sha256sum`.

A folder with a `site.lock` is refused when a file of it is another, missing or new, so that nothing is rolled out that
nobody approved. Notes (.md, .txt) are not locked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

LOCK = "site.lock"
NOTES = (".md", ".txt")


def lock_text(folder: Path, files: Iterable[Path]) -> str:
    """The lock of a folder: one line `sha256  path` for each file, sorted by path.

    Args:
        folder: the site folder.
        files: its files, without what is hidden.
    """
    hashes = {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes) if _is_locked(name))


def _is_locked(name: str) -> bool:
    return name != LOCK and not name.lower().endswith(NOTES)


def differences(folder: Path, files: Iterable[Path]) -> Iterator[str]:
    """What differs from the lock, one line each; nothing where the folder has none."""
    if not (folder / LOCK).is_file():
        return
    remedy = f"review it, then run cds-service site lock {folder}"
    locked, found = _hashes((folder / LOCK).read_text("utf-8")), _hashes(lock_text(folder, files))
    for name in sorted({*locked, *found}):
        if name not in locked:
            yield f"site/{name}: is not in {LOCK}; {remedy}"
        elif name not in found:
            yield f"site/{name}: is in {LOCK} and not in the folder; put it back, or {remedy}"
        elif locked[name] != found[name]:
            yield f"site/{name}: is not as in {LOCK}; {remedy}"


def _hashes(text: str) -> dict[str, str]:
    parts = (line.split(maxsplit=1) for line in text.splitlines() if line.strip())
    return {name: digest for digest, name in (part for part in parts if len(part) == 2)}
