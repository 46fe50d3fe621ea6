"""A hospital's site folder, laid over the shipped rows before they become types.

```
site/thresholds.toml          value, within_days, status of a shipped limit
site/contraindications.toml   status, shadow of a row; status, indicator of a criterion
site/holds.toml               status, amount, unit, restart of a shipped hold
site/not_connected.toml       data kinds that the hospital's EHR never sends
site/order_words.toml         the hospital's own abbreviations, names of procedures, words that say nothing
site/procedures/*.toml        risk class, emergency, CO2, access, status, shadow, more synonyms; new procedures
site/concept_maps/*.json      FHIR ConceptMap: local codes -> standard codes, or -> procedure ids of this service
site/expansions/*.json        expanded FHIR ValueSets, written by `cds-service terminology expand`
```
Each change carries `change = { reason, approver, date }`. The schemas `site_*.json` hold the fields that may be
changed, so a site can't change what a row measures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cds_service.knowledge.expansions import edition_of
from cds_service.knowledge.read import read_json, read_toml

_NOT_HELD = "a site folder can not hold this file; remove or rename it, see docs/changing-the-tables.md"
_ADDED = ("synonyms", "exclude_terms")


@dataclass(slots=True)
class SiteChanges:
    """What a site folder holds, checked file by file; `files` are the files read, for the knowledge version."""

    thresholds: list[dict[str, Any]] = field(default_factory=list)
    contraindications: list[dict[str, Any]] = field(default_factory=list)
    holds: list[dict[str, Any]] = field(default_factory=list)
    not_connected: list[dict[str, Any]] = field(default_factory=list)
    procedures: list[dict[str, Any]] = field(default_factory=list)
    order_words: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    concept_maps: list[dict[str, Any]] = field(default_factory=list)
    expansions: list[dict[str, Any]] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


def read_site(folder: Path, problems: list[str]) -> SiteChanges:
    """Read a site folder; a folder or file that is not understood is a problem, never ignored."""
    site = SiteChanges()
    if not folder.is_dir():
        problems.append(f"{folder}: is no folder; give the site folder, or leave the setting out")
        return site
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        place = path.relative_to(folder)
        where, name = place.parts[0], f"site/{place.as_posix()}"
        if str(place) == "thresholds.toml":
            site.thresholds += read_toml(path, name, "site_thresholds", problems).get("threshold", [])
        elif str(place) == "contraindications.toml":
            rows = read_toml(path, name, "site_contraindications", problems).get("contraindication", [])
            site.contraindications += rows
        elif str(place) == "holds.toml":
            site.holds += read_toml(path, name, "site_holds", problems).get("hold", [])
        elif str(place) == "not_connected.toml":
            site.not_connected += read_toml(path, name, "site_not_connected", problems).get("not_connected", [])
        elif str(place) == "order_words.toml":
            site.order_words = read_toml(path, name, "site_order_words", problems)
        elif where == "procedures" and path.suffix == ".toml":
            site.procedures += read_toml(path, name, "site_procedures", problems).get("procedure", [])
        elif where == "concept_maps" and path.suffix == ".json":
            found = read_json(path, name, "concept_map", problems)
            site.concept_maps += [found] if found else []
        elif where == "expansions" and path.suffix == ".json":
            found = read_json(path, name, "expansion", problems)
            site.expansions += [found] if found else []
        else:
            if path.suffix.lower() not in (".md", ".txt") and not path.name.startswith("."):
                problems.append(f"{name}: {_NOT_HELD}")
            continue  # notes change no answer, so they don't change the version either
        site.files.append(path)
    return site


def overlay(
    shipped: Mapping[str, Mapping[str, Any]],
    changes: list[dict[str, Any]],
    file: str,
    problems: list[str],
    *,
    may_add: bool = False,
) -> dict[str, dict[str, Any]]:
    """The shipped rows with the changes laid over them.

    A row with an id that is not shipped is a problem, unless `may_add` and the row is a whole one (has `region`).
    `synonyms` and `exclude_terms` are added to the shipped ones, every other field replaces its own.
    """
    rows = {key: dict(row) for key, row in shipped.items()}
    changed: set[str] = set()
    for change in changes:
        if change["id"] in changed:
            problems.append(f'{file}: "{change["id"]}" is changed twice; join the two changes')
        changed.add(change["id"])
        row = rows.get(change["id"])
        if row is None and not (may_add and "region" in change):
            problems.append(f'{file}: "{change["id"]}" is no row of the shipped table; correct the id')
        elif row is not None and "region" in change:
            problems.append(f'{file}: "{change["id"]}" is shipped already; change it by its allowed fields only')
        elif row is None:
            rows[change["id"]] = dict(change)
        else:
            if "bleeding_risk" in change:
                row["bleeding_risk_named"] = False  # of the hospital's own class, unless the change says otherwise
            for name, value in change.items():
                row[name] = [*row.get(name, ()), *value] if name in _ADDED else value
    return rows


def overlay_criteria(
    shipped: Mapping[str, Mapping[str, Any]], changes: list[dict[str, Any]], problems: list[str]
) -> dict[str, dict[str, Any]]:
    """The same for contraindications, whose criteria are rows of their own."""
    plain = [{k: v for k, v in change.items() if k != "criterion"} for change in changes]
    rows = overlay(shipped, plain, "site/contraindications.toml", problems)
    for change in changes:
        if change["id"] in rows:
            row = rows[change["id"]]
            criteria = {c["id"]: c for c in row["criterion"]}
            laid = overlay(criteria, change.get("criterion", []), "site/contraindications.toml", problems)
            row["criterion"] = list(laid.values())
    return rows


def overlay_order_words(shipped: Mapping[str, Any], changes: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """The shipped blocks with the hospital's before them: of two that say something of one word the first counts."""
    return {**shipped, **{name: [*blocks, *shipped[name]] for name, blocks in changes.items()}}


def changes_of(site: SiteChanges) -> Iterator[Mapping[str, str]]:
    """Every change with its table, id, reason, approver and date, for review and for `cds-service tables`."""
    criteria = [c for row in site.contraindications for c in row.get("criterion", [])]
    tables = {
        "thresholds": site.thresholds,
        "contraindications": [*site.contraindications, *criteria],
        "procedures": site.procedures,
        "holds": site.holds,
        "not_connected": site.not_connected,
    }
    for table, rows in tables.items():
        for row in rows:
            if "change" in row:
                yield {"table": table, "id": row["id"], **row["change"]}
    for expansion in site.expansions:
        reason = f"{len(expansion['expansion']['contains'])} codes of {edition_of(expansion) or 'an unnamed edition'}"
        date = expansion["expansion"]["timestamp"][:10]
        yield {"table": "expansions", "id": expansion["id"], "reason": reason, "approver": "", "date": date}
    for name, blocks in site.order_words.items():
        for block in blocks:
            yield {"table": "order_words", "id": block.get("about", name), **block["change"]}
