"""The package as a folder: for looking at what is made from the tables, and for the wheel."""

from __future__ import annotations

import json
from pathlib import Path

from cds_service.errors import SetupError
from cds_service.publishing.manifest import MANIFEST, PACKAGE
from cds_service.publishing.package import make_files
from cds_service.publishing.sources import Sources


def write(sources: Sources, out: Path) -> list[str]:
    """Write the package; definitions of an earlier one in the same folder that are no longer made are removed.

    Args:
        sources: what the package is made from.
        out: a new or empty folder, or one that was written before.

    Returns:
        The paths below the folder.

    Raises:
        SetupError: the folder holds something else.
    """
    if out.exists() and any(out.iterdir()) and not _is_ours(out):
        raise SetupError(f"{out}: holds something else than this package; name another folder with --out")
    files = make_files(sources)
    for folder in {(out / name).parent for name in files} - {out}:
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.json"):
            if path.relative_to(out).as_posix() not in files:
                path.unlink()
    for name, text in files.items():
        (out / name).write_text(text, "utf-8")
    return list(files)


def _is_ours(folder: Path) -> bool:
    about = folder / MANIFEST
    try:
        return bool(json.loads(about.read_text("utf-8"))["name"] == PACKAGE)
    except (OSError, ValueError, KeyError, TypeError):
        return False
