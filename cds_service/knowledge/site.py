"""A hospital's site folder, read file by file; `site_overlay.py` lays it over the shipped rows.

```
site/thresholds.toml          value, within_days, status of a shipped limit
site/contraindications.toml   status, shadow of a row; status, indicator of a criterion
site/holds.toml               status, amount, unit, restart of a shipped hold
site/not_connected.toml       data kinds that the hospital's EHR never sends
site/links.toml               the hospital's own documents, linked on cards and pages
site/wording.toml             sentences of cards in the hospital's own words
site/override_reasons.toml    reasons to go ahead, offered beside the shipped ones or in place of them
site/conditions.toml          conditions of the hospital's own, for indications of its own procedures
site/order_words.toml         the hospital's own abbreviations, names of procedures, words that say nothing
site/procedures/*.toml        risk class, emergency, CO2, access, status, shadow, more synonyms; new procedures
site/value_sets/*.json        FHIR ValueSets of the hospital's own: conditions and procedures
site/concept_maps/*.json      FHIR ConceptMap: local codes -> standard codes, or -> procedure ids of this service
site/expansions/*.json        expanded FHIR ValueSets, written by `cds-service terminology expand`
site/site.lock                hashes of all these files, written by `cds-service site lock`
site/cases/*.toml             the hospital's own cases, judged by `cds-service check`
```
Each change carries `change = { reason, approver, date }`, and `from` and `until` where it counts for a time only. The
schemas `site_*.json` hold the fields that may be changed, so a site can't change what a row measures.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from cds_service.knowledge.read import read_json, read_toml
from cds_service.knowledge.site_lock import LOCK, NOTES, differences
from cds_service.near_names import did_you_mean

TABLES: Mapping[str, tuple[str, str, str]] = {
    "thresholds.toml": ("thresholds", "site_thresholds", "threshold"),
    "contraindications.toml": ("contraindications", "site_contraindications", "contraindication"),
    "holds.toml": ("holds", "site_holds", "hold"),
    "not_connected.toml": ("not_connected", "site_not_connected", "not_connected"),
    "conditions.toml": ("conditions", "site_conditions", "condition"),
    "links.toml": ("links", "site_links", "link"),
    "wording.toml": ("wordings", "site_wording", "wording"),
    "override_reasons.toml": ("override_reasons", "site_override_reasons", "override_reason"),
}
"""File -> field of `SiteChanges`, schema, and name of its rows."""
_RESOURCES = {
    "concept_maps": ("concept_maps", "concept_map"),
    "expansions": ("expansions", "expansion"),
    "value_sets": ("value_sets", "site_value_set"),
}
"""Folder -> field of `SiteChanges` and schema."""
_LEFT_BY_PROGRAMS = ("~$*", "#*#", "Thumbs.db", "desktop.ini")
"""What editors and file managers leave beside the files of people, if it is not hidden and no backup (`~`)."""


@dataclass(slots=True)
class SiteChanges:
    """What a site folder holds, checked file by file; `files` are the files read, for the knowledge version."""

    thresholds: list[dict[str, Any]] = field(default_factory=list)
    contraindications: list[dict[str, Any]] = field(default_factory=list)
    holds: list[dict[str, Any]] = field(default_factory=list)
    not_connected: list[dict[str, Any]] = field(default_factory=list)
    conditions: list[dict[str, Any]] = field(default_factory=list)
    links: list[dict[str, Any]] = field(default_factory=list)
    wordings: list[dict[str, Any]] = field(default_factory=list)
    override_reasons: list[dict[str, Any]] = field(default_factory=list)
    procedures: list[dict[str, Any]] = field(default_factory=list)
    order_words: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    value_sets: list[dict[str, Any]] = field(default_factory=list)
    concept_maps: list[dict[str, Any]] = field(default_factory=list)
    expansions: list[dict[str, Any]] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    """Id of a procedure, `value_sets/<id>` or `concept_maps/<id>` -> the file that it is in."""


def read_site(folder: Path, problems: list[str]) -> SiteChanges:
    """Read a site folder; a folder or file that is not understood is a problem, never ignored.

    Notes (.md, .txt), cases and what is hidden (`.git`, an editor's files, the folders of a mounted ConfigMap) change
    no answer, so they are no part of the knowledge version.
    """
    site = SiteChanges()
    if folder.is_file():
        problems.append(f"{folder}: is a file; give the site folder; unpack it first (tar -xzf) if it is a packed one")
        return site
    if not folder.is_dir():
        problems.append(f"{folder}: is no folder; give the site folder, or leave the setting out")
        return site
    for path in site_files(folder):
        name = f"site/{path.relative_to(folder).as_posix()}"
        if _read_file(path, path.relative_to(folder), name, site, problems):
            site.files.append(path)
        elif not _is_beside(path.relative_to(folder)):
            problems.append(f"{name}: a site folder can not hold this file; {_instead(path.relative_to(folder))}")
    problems += differences(folder, site_files(folder))
    return site


def site_files(folder: Path) -> list[Path]:
    """Every file of a site folder in order, without what is hidden; links are followed, each folder is read once."""
    return sorted(_walk(folder, set()))


def is_passed_over(name: str) -> bool:
    """Whether a file or folder is nobody's change: hidden, the copy that an editor keeps, or left by a file manager."""
    return name.startswith(".") or name.endswith("~") or any(fnmatchcase(name, left) for left in _LEFT_BY_PROGRAMS)


def _instead(place: Path) -> str:
    known = ["order_words.toml", *TABLES] if len(place.parts) == 1 else []
    otherwise = "remove or rename it, see docs/changing-the-tables.md"
    return did_you_mean(place.name.lower(), known, otherwise, likeness=0.9)


def _walk(folder: Path, seen: set[Path]) -> Iterator[Path]:
    real = folder.resolve()
    if real in seen:
        return
    seen.add(real)
    for entry in os.scandir(folder):
        path = folder / entry.name
        if is_passed_over(entry.name):
            continue
        if path.is_dir():
            yield from _walk(path, seen)
        else:
            yield path


def _read_file(path: Path, place: Path, name: str, site: SiteChanges, problems: list[str]) -> bool:
    """Read one file; False where no table is in it."""
    where = place.parts[0]
    if str(place) in TABLES:
        attribute, schema, rows = TABLES[str(place)]
        getattr(site, attribute).extend(read_toml(path, name, schema, problems).get(rows, []))
    elif str(place) == "order_words.toml":
        site.order_words = read_toml(path, name, "site_order_words", problems)
    elif where == "procedures" and path.suffix == ".toml":
        found = read_toml(path, name, "site_procedures", problems).get("procedure", [])
        site.procedures += found
        site.places |= {row["id"]: name for row in found}
    elif where in _RESOURCES and path.suffix == ".json":
        attribute, schema = _RESOURCES[where]
        read = read_json(path, name, schema, problems)
        if read and where == "value_sets" and read["id"] != path.stem:
            problems.append(f'{name}: id is "{read["id"]}"; name the file {read["id"]}.json, or correct the id')
        if read:
            # A ConceptMap may be without an id: messages name it by its file.
            resource = {"id": path.stem} | read
            getattr(site, attribute).append(resource)
            site.places[f"{where}/{resource['id']}"] = name
    else:
        return False
    return True


def _is_beside(place: Path) -> bool:
    """Whether a file may lie in the folder without being a table: notes, and cases, which `check` reads."""
    return (
        place.suffix.lower() in NOTES or str(place) == LOCK or (place.parts[0] == "cases" and place.suffix == ".toml")
    )
