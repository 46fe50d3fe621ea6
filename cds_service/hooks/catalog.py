"""The services that an EHR can call, and the discovery document that announces them.

In: `catalog.toml` and the LOINC codes that the tables read. Out: `SERVICES` and the answer to `GET /cds-services`.
Source: CDS Hooks 2.0.1, Discovery and Prefetch Template.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cds_service.hooks.request import Service

_CATALOG: Mapping[str, Any] = tomllib.loads((Path(__file__).parent / "catalog.toml").read_text("utf-8"))
_LOINC = "http://loinc.org"


def _service(row: Mapping[str, Any]) -> Service:
    return Service(
        id=row["id"],
        hook=row["hook"],
        description=row["description"],
        focus=row["focus"],
        prefetch_keys=tuple(row["prefetch"]),
    )


SERVICES: Mapping[str, Service] = {row["id"]: _service(row) for row in _CATALOG["service"]}
"""Service id -> service, in the order of the discovery document."""


def discovery(lab_codes: Sequence[str]) -> dict[str, Any]:
    """The discovery document.

    Args:
        lab_codes: LOINC codes of the Observations to ask for, and codes of other systems as `system|code`. With none,
            no Observations are asked for: a search without `code` would bring the whole record.

    Returns:
        `{"services": [...]}` as JSON-ready objects, without a null or empty member.
    """
    return {"services": [_entry(row, lab_codes) for row in _CATALOG["service"]]}


def prefetch_templates(service: Service, lab_codes: Sequence[str]) -> dict[str, str]:
    """Prefetch key -> template of one service; tokens are left as `{{context.patientId}}`."""
    codes = ",".join(code if "|" in code else f"{_LOINC}|{code}" for code in lab_codes)
    return {
        key: _CATALOG["prefetch"][key].replace("{{LAB_CODES}}", codes)
        for key in service.prefetch_keys
        if lab_codes or "{{LAB_CODES}}" not in _CATALOG["prefetch"][key]
    }


def _entry(row: Mapping[str, Any], lab_codes: Sequence[str]) -> dict[str, Any]:
    return {
        "hook": row["hook"],
        "id": row["id"],
        "title": row["title"],
        "description": row["description"],
        "usageRequirements": row["usage"],
        "prefetch": prefetch_templates(SERVICES[row["id"]], lab_codes),
    }
