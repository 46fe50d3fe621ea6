"""A hospital's changes laid over the shipped rows, before they become types; and the list of them for review."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

from cds_service.knowledge.expansions import edition_of
from cds_service.knowledge.site import SiteChanges
from cds_service.knowledge.site_dates import state_of
from cds_service.knowledge.table_rows import TableRows
from cds_service.near_names import did_you_mean

_ADDED = ("synonyms", "exclude_terms")
_AMOUNTS = ("least", "most", "unit", "restart")
LOCAL = "local"
"""Grade of what rests on the hospital's own source."""


def overlay(
    shipped: Mapping[str, Mapping[str, Any]],
    changes: list[dict[str, Any]],
    file: str,
    problems: list[str],
    *,
    may_add: bool = False,
    places: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, dict[str, Any]]:
    """The shipped rows with the changes laid over them.

    A row with an id that is not shipped is a problem, unless `may_add` and the row is a whole one (has `region`).
    `synonyms` and `exclude_terms` are added to the shipped ones, every other field replaces its own. `places` are the
    files of rows that are not in `file`.
    """
    rows = {key: dict(row) for key, row in shipped.items()}
    changed: set[str] = set()
    for change in changes:
        place = places.get(change["id"], file)
        if change["id"] in changed:
            problems.append(f'{place}: "{change["id"]}" is changed twice; join the two changes')
        changed.add(change["id"])
        row = rows.get(change["id"])
        if row is None and not (may_add and "region" in change):
            near = did_you_mean(change["id"], shipped, "correct the id")
            problems.append(f'{place}: "{change["id"]}" is no row of the shipped table; {near}')
        elif row is not None and "region" in change:
            problems.append(f'{place}: "{change["id"]}" is shipped already; change it by its allowed fields only')
        elif row is None:
            rows[change["id"]] = dict(change)
        else:
            if "bleeding_risk" in change:
                row["bleeding_risk_named"] = False  # of the hospital's own class, unless the change says otherwise
            for name, value in change.items():
                row[name] = [*row.get(name, ()), *value] if name in _ADDED else value
    return rows


def overlay_procedures(
    shipped: Mapping[str, Mapping[str, Any]], changes: SiteChanges, problems: list[str]
) -> dict[str, dict[str, Any]]:
    """The same for procedures, of which a hospital may have its own."""
    return overlay(shipped, changes.procedures, "site/procedures", problems, may_add=True, places=changes.places)


def overlay_thresholds(
    shipped: Mapping[str, Mapping[str, Any]], changes: list[dict[str, Any]], problems: list[str]
) -> dict[str, dict[str, Any]]:
    """The same for limits: one that rests on the hospital's own source shows that source, never the shipped one."""
    rows = overlay(shipped, changes, "site/thresholds.toml", problems)
    for change in changes:
        if change["id"] in rows and (source := change["change"].get("source")):
            own = {"guideline": source, "cite": source, "source": source, "grade": change["change"].get("grade", LOCAL)}
            rows[change["id"]] |= own
    return rows


def overlay_holds(
    shipped: Mapping[str, Mapping[str, Any]], changes: list[dict[str, Any]], problems: list[str]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The same for holds, and the names of the hospital's own sources, which lead before the guidelines."""
    rows = overlay(shipped, changes, "site/holds.toml", problems)
    sources: list[str] = []
    for change in changes:
        source = change["change"].get("source")
        if change["id"] in rows and source and any(name in change for name in _AMOUNTS):
            own = {"guideline": source, "source": source, "grade": change["change"].get("grade", LOCAL)}
            rows[change["id"]] = {k: v for k, v in rows[change["id"]].items() if k != "note"} | own
            sources.append(source)
    return rows, list(dict.fromkeys(sources))


def add_rows(
    shipped: Mapping[str, Mapping[str, Any]], own: list[dict[str, Any]], file: str, kind: str, problems: list[str]
) -> dict[str, Mapping[str, Any]]:
    """The shipped rows and the hospital's own; one with the id of another is a problem."""
    rows = dict(shipped)
    for row in own:
        if row["id"] in shipped:
            problems.append(f'{file}: {kind} "{row["id"]}" is shipped already; give yours an id of its own')
        elif row["id"] in rows:
            problems.append(f'{file}: {kind} "{row["id"]}" is there twice; give the second an id of its own')
        else:
            rows[row["id"]] = row
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


def changes_of(site: SiteChanges, shipped: TableRows, today: date) -> Iterator[Mapping[str, str]]:
    """Every change with its table, id, what (old -> new), reason, approver, date, and whether it counts (`state`).

    Args:
        site: the changes.
        shipped: the rows before anything is laid over them.
        today: the day on which they are to count.
    """
    reasons = {concept["code"]: concept for concept in shipped.override_reasons.get("concept", ())}
    criteria = {c["id"]: c for row in shipped.contraindications.values() for c in row["criterion"]}
    changed_criteria = [c for row in site.contraindications for c in row.get("criterion", [])]
    tables: tuple[tuple[str, list[dict[str, Any]], Mapping[str, Any]], ...] = (
        ("thresholds", site.thresholds, shipped.thresholds),
        ("contraindications", site.contraindications, shipped.contraindications),
        ("contraindications", changed_criteria, criteria),
        ("holds", site.holds, shipped.holds),
        ("not_connected", site.not_connected, {}),
        ("conditions", site.conditions, {}),
        ("links", site.links, {}),
        ("override_reasons", site.override_reasons, reasons),
        ("procedures", site.procedures, shipped.procedures),
    )
    for table, rows, before in tables:
        for row in rows:
            if "change" in row:
                yield _change(table, row, today, what=_what(row, before.get(row["id"])))
    for row in site.wordings:
        old = shipped.wordings.get(f"wording.{row['language']}.toml", {}).get(row["id"], "")
        yield _change("wording", row, today, what=f"{row['language']}: “{old}” → “{row['text']}”")
    for expansion in site.expansions:
        reason = f"{len(expansion['expansion']['contains'])} codes of {edition_of(expansion) or 'an unnamed edition'}"
        made = expansion["expansion"]["timestamp"][:10]
        yield {"table": "expansions", "id": expansion["id"], "reason": reason, "approver": "", "date": made}
    for name, blocks in site.order_words.items():
        for block in blocks:
            what = f"{name.replace('_', ' ')}: {_words_of(block)}"
            yield _change("order_words", {"id": block.get("about", name), **block}, today, what=what)


def _change(table: str, row: Mapping[str, Any], today: date, **more: str) -> dict[str, str]:
    state = state_of(row, today)
    return {"table": table, "id": row["id"], **more, **row["change"], **({"state": state} if state else {})}


def _what(row: Mapping[str, Any], before: Mapping[str, Any] | None) -> str:
    """`value 50 → 75`; `new` for a row that is not shipped."""
    if before is None:
        return "new"
    names = [name for name in row if name not in ("id", "change", "criterion")]
    return "; ".join(_step(name, before.get(name), row[name]) for name in names)


def _step(name: str, old: Any, new: Any) -> str:
    words = name.replace("_", " ")
    if name in _ADDED:
        return f"{words} + {', '.join(new)}"
    return f"{words} {_shown(old)} → {_shown(new)}" if old is not None else f"{words} {_shown(new)}"


def _words_of(block: Mapping[str, Any]) -> str:
    """The words of a block of `order_words.toml`, by what they stand for where they stand for something."""
    words = block.get("words", ())
    listed = [f"{key} = {', '.join(said)}" for key, said in words.items()] if isinstance(words, dict) else words
    return "; ".join([*listed, *block.get("in_context", {})])


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
