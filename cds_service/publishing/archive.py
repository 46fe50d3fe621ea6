"""The package as the `.tgz` that FHIR tools load: one flat folder `package/`, good examples in `package/example/`.

The same content gives the same bytes: no times, no users, a fixed order.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable

from cds_service.publishing.definition import Resource, text_of
from cds_service.publishing.manifest import PACKAGE, index, manifest, package_version
from cds_service.publishing.package import make_package, read_examples, text_at
from cds_service.publishing.sources import Sources


def archive_name(sources: Sources) -> str:
    """File name of the archive: package and version."""
    return f"{PACKAGE}-{package_version(sources.release)}.tgz"


def archive(sources: Sources) -> bytes:
    """The package as bytes of a `.tgz`."""
    files = {"package/package.json": text_of(manifest(sources.release))}
    for folder, held in (("package", make_package(sources)), ("package/example", read_examples(sources))):
        files[f"{folder}/.index.json"] = index((_name(resource), resource) for resource in held.values())
        files |= {f"{folder}/{_name(one)}": text_at(path, one, sources) for path, one in held.items()}
    return _compressed((name, text.encode()) for name, text in files.items())


def _name(resource: Resource) -> str:
    """The file name that packages use."""
    return f"{resource['resourceType']}-{resource['id']}.json"


def _compressed(files: Iterable[tuple[str, bytes]]) -> bytes:
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
