"""The files that one state of the tables was made of, and the tables of such files."""

from __future__ import annotations

import hashlib
import tarfile
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from cds_service.errors import SetupError, TableError
from cds_service.knowledge.archive import packed, unpack
from cds_service.knowledge.load import PROFILES, TABLES, load_knowledge
from cds_service.knowledge.site import site_files
from cds_service.knowledge.tables import Knowledge

_LOOK_AT_FILES = "look at the files: cds-service tables --of VERSION --export DIR"


class Snapshot(msgspec.Struct, frozen=True):
    """The files of one knowledge version, each part as .tar.gz; `day` is the one for which they were loaded."""

    version: str
    day: date
    shipped: bytes
    site: bytes | None


def take_snapshot(version: str, site: Path | None, day: date) -> Snapshot:
    """The files as they are now; take it when they have just been loaded as this version."""
    return Snapshot(version, day, _shipped(), packed(site, site_files(site)) if site else None)


def _shipped() -> bytes:
    root = Path(TABLES.parent.parent)
    profiles = [*(PROFILES / "value_sets").glob("*.json"), *(PROFILES / "code_systems").glob("*.json")]
    files = sorted([*TABLES.rglob("*.toml"), *profiles])
    return packed(Path(*_common(root, PROFILES.parent)), files)


def _common(first: Path, second: Path) -> tuple[str, ...]:
    """The folder that holds both packages."""
    parts = zip(first.parts, second.parts, strict=False)
    return tuple(a for a, b in parts if a == b)


def digest(content: bytes) -> str:
    """The address of a content."""
    return hashlib.sha256(content).hexdigest()


def knowledge_of(snapshot: Snapshot) -> Knowledge:
    """The tables of a snapshot, as this release reads them.

    Raises:
        SetupError: this release can't read them, or they are not what was loaded as the version.
    """
    with TemporaryDirectory(prefix="cds-service-") as folder:
        shipped, site = Path(folder, "shipped"), Path(folder, "site")
        try:
            write_snapshot(snapshot, Path(folder))
            knowledge = load_knowledge(
                site if snapshot.site is not None else None,
                tables=next(shipped.rglob("release.toml")).parent,
                profiles=next(shipped.rglob("value_sets")).parent,
                today=snapshot.day,
            )
        except (TableError, tarfile.TarError, StopIteration):
            raise SetupError(f"{snapshot.version}: this release can't read these tables; {_LOOK_AT_FILES}") from None
    if knowledge.version != snapshot.version:
        raise SetupError(
            f"{snapshot.version}: this release reads the files of that day as {knowledge.version}; {_LOOK_AT_FILES}"
        )
    return knowledge


def write_snapshot(snapshot: Snapshot, folder: Path) -> None:
    """Write the files below a folder: `shipped/`, and `site/` where there was a site.

    Raises:
        tarfile.TarError: what was kept is damaged.
        OSError: the folder can't be written to.
    """
    unpack(snapshot.shipped, folder / "shipped")
    if snapshot.site is not None:
        unpack(snapshot.site, folder / "site")
