"""The services that an EHR can call, and the discovery document that announces them.

In: `catalog.toml`, the data kinds, and the codes that the tables read. Out: `SERVICES` and the answer to
`GET /cds-services`.
Source: CDS Hooks 2.0.1, Discovery and Prefetch Template.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cds_service.errors import TableError
from cds_service.hooks.request import Service
from cds_service.kinds import CLINICAL, KINDS

SearchCodes = Mapping[str, Sequence[str]]
"""Prefetch key -> codes to search for as `system|code`, of the kinds that are searched by codes."""

_ALL = "*"
_OF_ANY_CALL = ("patient", *(kind.key for kind in CLINICAL))
_CATALOG: Mapping[str, Any] = tomllib.loads((Path(__file__).parent / "catalog.toml").read_text("utf-8"))


def services_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Service]:
    """Service id -> service.

    Args:
        rows: [[service]] rows of `catalog.toml`.

    Raises:
        TableError: a row asks for a prefetch key that is no data kind.
    """
    unknown = [(row["id"], key) for row in rows for key in _prefetch_keys(row) if key not in KINDS]
    if unknown:
        raise TableError(
            [
                f'catalog.toml: "{service}", prefetch names "{key}", which is no kind of data; '
                f"write one of {', '.join(KINDS)}, or add the kind to kinds.toml"
                for service, key in unknown
            ]
        )
    return {row["id"]: _service(row) for row in rows}


def _service(row: Mapping[str, Any]) -> Service:
    return Service(
        id=row["id"],
        hook=row["hook"],
        description=row["description"],
        focus=row["focus"],
        prefetch_keys=tuple(_prefetch_keys(row)),
    )


def _prefetch_keys(row: Mapping[str, Any]) -> Iterator[str]:
    for key in row["prefetch"]:
        yield from _OF_ANY_CALL if key == _ALL else (key,)


SERVICES: Mapping[str, Service] = services_of(_CATALOG["service"])
"""Service id -> service, in the order of the discovery document."""


def discovery(codes: SearchCodes) -> dict[str, Any]:
    """The discovery document.

    Args:
        codes: a kind that is searched by codes and has none here is not asked for: a search without `code` would
            bring the whole record.

    Returns:
        `{"services": [...]}` as JSON-ready objects, without a null or empty member.
    """
    return {"services": [_entry(row, codes) for row in _CATALOG["service"]]}


def prefetch_templates(service: Service, codes: SearchCodes) -> dict[str, str]:
    """Prefetch key -> template of one service; tokens are left as `{{context.patientId}}`."""
    templates = {key: KINDS[key].prefetch_template(codes.get(key, ())) for key in service.prefetch_keys}
    return {key: template for key, template in templates.items() if template is not None}


def _entry(row: Mapping[str, Any], codes: SearchCodes) -> dict[str, Any]:
    return {
        "hook": row["hook"],
        "id": row["id"],
        "title": row["title"],
        "description": row["description"],
        "usageRequirements": row["usage"],
        "prefetch": prefetch_templates(SERVICES[row["id"]], codes),
    }
