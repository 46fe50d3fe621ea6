"""Of a resource that an export holds in several versions the one that was current at a moment.

A full export and a later one of what changed since hold both. Source: FHIR R4 Resource.meta: a new version has a later
lastUpdated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec


class _Meta(msgspec.Struct, rename="camel"):
    last_updated: str | None = None


class _Version(msgspec.Struct, rename="camel"):
    resource_type: str
    id: str | None = None
    meta: _Meta | None = None


_decode = msgspec.json.Decoder(_Version).decode


def has_versions(bodies: Sequence[bytes]) -> bool:
    """Whether any resource is there more than once."""
    return len(set(map(name_of, bodies))) < len(bodies)


def versions_at(bodies: Iterable[bytes], moment: datetime) -> list[bytes]:
    """The resources as they were at a moment: of several versions the newest one of then, else the first.

    All versions of a resource stay where one of them does not say when it was written.
    """
    versions: dict[object, list[bytes]] = {}
    for body in bodies:
        versions.setdefault(name_of(body), []).append(body)
    return [body for same in versions.values() for body in _current(same, moment)]


def name_of(body: bytes) -> object:
    """What all versions of one resource have in common; what can't be told is a resource of its own."""
    version = _read(body)
    return (version.resource_type, version.id) if version is not None and version.id else body


def _current(versions: Sequence[bytes], moment: datetime) -> Sequence[bytes]:
    if len(versions) == 1:
        return versions
    written: Mapping[datetime, bytes] = {when: body for body in versions if (when := _written(body)) is not None}
    if len(written) < len(set(versions)):
        return versions
    return [written[max((when for when in written if when <= moment), default=min(written))]]


def _written(body: bytes) -> datetime | None:
    version = _read(body)
    text = version.meta.last_updated if version is not None and version.meta is not None else None
    try:
        when = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return when if when is not None and when.tzinfo else None


def _read(body: bytes) -> _Version | None:
    try:
        return _decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
