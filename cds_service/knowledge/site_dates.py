"""When the changes of a site count: each may say from which day on, and until which.

In: every change of a site folder. Out: those that count on a day, and the next day on which that is different.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import date, timedelta
from typing import Any

from cds_service.knowledge.site import TABLES, SiteChanges
from cds_service.knowledge.table_rows import Row

_NOT_ROWS = ("files", "places", "order_words")
_FILES = {attribute: file for file, (attribute, _, _) in TABLES.items()}
LATER, OVER = "later", "over"
"""A change that does not count yet, and one that no longer does."""


def state_of(row: Row, today: date) -> str:
    """`later`, `over`, or empty for a change that counts."""
    change, day = row.get("change", {}), today.isoformat()
    if change.get("from", day) > day:
        return LATER
    return OVER if change.get("until", day) < day else ""


def in_force(site: SiteChanges, today: date) -> SiteChanges:
    """The changes that count on a day."""

    def kept(rows: Any) -> Any:
        if isinstance(rows, dict):
            return {name: kept(blocks) for name, blocks in rows.items()}
        counting = (row for row in rows if not state_of(row, today))
        return [row | ({"criterion": kept(row["criterion"])} if "criterion" in row else {}) for row in counting]

    names = [field.name for field in fields(site) if field.name not in ("files", "places")]
    return replace(site, **{name: kept(getattr(site, name)) for name in names})


def next_day(site: SiteChanges, today: date) -> date | None:
    """The first day after `today` on which other changes count; None where there is none."""
    days = (day for _, row in every_change(site) for day in _turns(row["change"]))
    return min((day for day in days if day > today), default=None)


def _turns(change: Row) -> Iterator[date]:
    if "from" in change:
        yield date.fromisoformat(change["from"])
    if "until" in change:
        yield date.fromisoformat(change["until"]) + timedelta(days=1)


def every_change(site: SiteChanges) -> Iterator[tuple[str, Row]]:
    """File and row of every change, those of criteria and blocks of words too; a block's id is what it is `about`."""
    tables = [(_FILES.get(f.name, f.name), getattr(site, f.name)) for f in fields(site) if f.name not in _NOT_ROWS]
    tables += [
        ("order_words.toml", [block | {"id": block.get("about", name)} for block in blocks])
        for name, blocks in site.order_words.items()
    ]
    for file, row in ((file, row) for file, rows in tables for row in rows):
        yield from ((file, part) for part in (row, *row.get("criterion", ())) if "change" in part)


def wrong_dates(site: SiteChanges, today: date) -> Iterator[str]:
    """Dates of approval that are still to come, and ends before their beginning; a day is left for other time zones."""
    latest = (today + timedelta(days=1)).isoformat()
    for file, row in every_change(site):
        change, where = row["change"], f'site/{file}: "{row["id"]}", change'
        if change["date"] > latest:
            yield f"{where}: date is {change['date']}, which is still to come; write the day of approval"
        if change.get("until", "9999") < change.get("from", ""):
            yield f"{where}: until is {change['until']}, before from ({change['from']}); correct one of them"
