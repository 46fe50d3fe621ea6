"""Facts stage: several versions of one resource in one answer -> the current one, as far as it can be told.

A resource has one current version (FHIR R4, http.html#versions); an EHR that sends an older one beside it has changed
it in between, for instance to entered in error.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cds_service.clinical_data.retrieved import RawResource


class _Meta(msgspec.Struct, rename="camel"):
    version_id: str | None = None
    last_updated: str | None = None


class _Versioned(msgspec.Struct):
    meta: _Meta | None = None
    code: msgspec.Raw = msgspec.Raw()


_decoder = msgspec.json.Decoder(_Versioned)


def current_versions(records: Sequence[RawResource]) -> tuple[tuple[RawResource, ...], frozenset[str]]:
    """The resources without their older versions, and the references of those whose current version can't be told.

    All versions of the latter stay: any of them may be the current one. So do resources of one reference with different
    codes, which are no versions of each other.
    """
    if len({record.reference for record in records}) == len(records):
        return tuple(records), frozenset()
    versions: dict[str, list[RawResource]] = {}
    for record in records:
        versions.setdefault(record.reference, []).append(record)
    current = {reference: _newest(found) for reference, found in versions.items()}
    return (
        tuple(record for reference, found in versions.items() for record in current[reference] or found),
        frozenset(reference for reference, found in current.items() if not found),
    )


def _newest(versions: list[RawResource]) -> list[RawResource]:
    """The newest by its time or else by its number; none where neither tells them apart."""
    if len(versions) == 1:
        return versions
    heads = [_head(version) for version in versions]
    metas = [head.meta or _Meta() for head in heads]
    if len({bytes(head.code) for head in heads}) > 1:
        return []
    for orders in ([meta.last_updated or "" for meta in metas], [_number(meta.version_id) for meta in metas]):
        if all(orders) and len(set(orders)) == len(versions):
            return [max(zip(orders, versions, strict=True), key=lambda pair: pair[0])[1]]
    return []


def _head(record: RawResource) -> _Versioned:
    try:
        return _decoder.decode(record.body)
    except (msgspec.DecodeError, RecursionError):
        return _Versioned()


def _number(version: str | None) -> str:
    """A number of a version as a text that sorts; empty where it is none."""
    return version.zfill(20) if version is not None and version.isdecimal() else ""
