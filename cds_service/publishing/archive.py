"""`fhir_profiles/` -> the `.tgz` that FHIR tools load: one flat folder `package/`, good examples in `package/example/`.

The same content gives the same bytes: no times, no users, a fixed order.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

from cds_service.knowledge.load import PROFILES
from cds_service.publishing.manifest import EXAMPLES, definition_files, index

File = tuple[str, bytes]


def archive_name(folder: Path = PROFILES) -> str:
    """File name of the archive: package and version."""
    about = json.loads((folder / "package.json").read_text("utf-8"))
    return f"{about['name']}-{about['version']}.tgz"


def archive(folder: Path = PROFILES) -> bytes:
    """The package as bytes of a `.tgz`."""
    definitions = [_named(path) for path in definition_files(folder)]
    examples = [_named(path) for path in sorted((folder / EXAMPLES).glob("*.json"))]
    files = [
        ("package/package.json", (folder / "package.json").read_bytes()),
        ("package/.index.json", index(definitions).encode()),
        *((f"package/{name}", body) for name, body in definitions),
        ("package/example/.index.json", index(examples).encode()),
        *((f"package/example/{name}", body) for name, body in examples),
    ]
    return _compressed(files)


def _named(path: Path) -> File:
    """A file under the name that packages use, `Type-id.json`."""
    body = path.read_bytes()
    resource = json.loads(body)
    return f"{resource['resourceType']}-{resource['id']}.json", body


def _compressed(files: Iterable[File]) -> bytes:
    out = io.BytesIO()
    with (
        gzip.GzipFile(filename="", fileobj=out, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name, body in files:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(body), 0o644
            tar.addfile(info, io.BytesIO(body))
    return out.getvalue()
