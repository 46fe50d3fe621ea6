"""Ordinary orders as tables: a patient of every day, an order as hospitals write it, and how loud a card may be.

In: TOML files with `[[order]]` and `[[must_speak]]` rows, and `targets.toml`. Out: the rows of clinical cases
(`cases.py`), which become hook calls. The fields are in docs/everyday.md.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cds_service.cases import coding
from cds_service.errors import TableError
from cds_service.indicator import Indicator, indicator_of

ORDINARY, MUST_SPEAK = "order", "must_speak"
"""Kinds of rows: an ordinary order counts in the shares, one that must speak is chosen for what is wrong with it."""

TARGETS = "targets.toml"
"""File of the folder that holds the shares allowed, and the orders that are known to be wrong."""

_TAKEN_OVER = ("hook", "conditions", "allergies", "labs", "medications", "procedures", "refused", "not_sent")
_FIELDS = {
    "id", "why", "order", "code", "also_orders", "priority", "in_days", "age", "sex", "reasons", "reason_text",
    "at_most", "at_least", "names", *_TAKEN_OVER,
}  # fmt: skip
_NEEDED = {ORDINARY: {"id", "why", "order", "at_most"}, MUST_SPEAK: {"id", "why", "order", "at_least", "names"}}
_SILENT = "none"


@dataclass(frozen=True, slots=True)
class EverydayOrder:
    """One row. `at_most` and `at_least` are card levels, None for no card; `names` stand in the card that must speak.

    A name with `|` holds alternatives.
    """

    id: str
    kind: str
    row: Mapping[str, Any]
    at_most: Indicator | None
    at_least: Indicator | None
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Targets:
    """The largest shares of ordinary orders with any card and with a warning, 0 to 1, and what is known to be wrong.

    `known` are ids of orders that may be false or missed for now, with the reason.
    """

    any_card: float
    warning: float
    known: Mapping[str, str]


def read_everyday_orders(folder: Path) -> list[EverydayOrder]:
    """Every order of a folder, in order of file and row.

    Raises:
        TableError: a file can't be read, or a row has an id twice, a field that is not known, or lacks one.
    """
    problems: list[str] = []
    orders: dict[str, EverydayOrder] = {}
    for place, kind, row in _rows(folder, problems):
        mistake = _mistake(kind, row, orders)
        if mistake:
            problems.append(f"{place}: {mistake}")
        else:
            orders[row["id"]] = _order(kind, row)
    if not orders and not problems:
        problems.append(f"{folder}: no orders here; docs/everyday.md says how to write them")
    if problems:
        raise TableError(problems)
    return list(orders.values())


def read_targets(folder: Path) -> Targets:
    """What `targets.toml` of the folder allows.

    Raises:
        TableError: the file is missing, or can't be read.
    """
    path = folder / TARGETS
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        return Targets(float(content["any_card"]), float(content["warning"]), content.get("known", {}))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TableError([f"{path}: can't be read as TOML ({error}); docs/everyday.md shows one"]) from error
    except (KeyError, ValueError) as error:
        raise TableError([f"{path}: write any_card and warning as shares from 0 to 1"]) from error


def case_row(order: EverydayOrder, now: datetime) -> dict[str, Any]:
    """The row of a clinical case that makes the order's hook call."""
    row = order.row
    found = {name: row[name] for name in _TAKEN_OVER if name in row}
    return found | {
        "orders": [_service_request(row, now), *map(_also, row.get("also_orders", ()))],
        "patient": {name: row[field] for name, field in (("gender", "sex"), ("age", "age")) if field in row},
    }


def _rows(folder: Path, problems: list[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path in sorted(folder.glob("*.toml")):
        if path.name == TARGETS:
            continue
        try:
            content = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            problems.append(f"{path.name}: can't be read as TOML ({error}); correct the line it names")
            continue
        for kind in (ORDINARY, MUST_SPEAK):
            for row in content.get(kind, ()):
                yield f'{path.name}: {kind} "{row.get("id", "")}"', kind, row


def _mistake(kind: str, row: Mapping[str, Any], orders: Mapping[str, EverydayOrder]) -> str | None:
    missing, unknown = sorted(_NEEDED[kind] - set(row)), sorted(set(row) - _FIELDS)
    if missing or unknown:
        return f"add {missing or 'nothing'}, take out {unknown or 'nothing'}"
    if row["id"] in orders:
        return "this id is there twice; give it another"
    levels = {_SILENT, *(level.word for level in Indicator)}
    wrong = [name for name in ("at_most", "at_least") if row.get(name, _SILENT) not in levels]
    return f"write {wrong} as one of {sorted(levels)}" if wrong else None


def _order(kind: str, row: Mapping[str, Any]) -> EverydayOrder:
    at_most = _level(row.get("at_most", Indicator.CRITICAL.word))
    return EverydayOrder(
        row["id"], kind, row, at_most, _level(row.get("at_least", _SILENT)), tuple(row.get("names", ()))
    )


def _level(word: str) -> Indicator | None:
    return None if word == _SILENT else indicator_of(word)


def _service_request(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    fields: dict[str, Any] = {"priority": row["priority"]} if "priority" in row else {}
    if "in_days" in row:
        fields["occurrenceDateTime"] = (now.date() + timedelta(days=row["in_days"])).isoformat()
    reasons = [{"coding": [_coding(entry)]} for entry in row.get("reasons", ())]
    reasons += [{"text": row["reason_text"]}] if "reason_text" in row else []
    if reasons:
        fields["reasonCode"] = reasons
    code = {"code": row["code"]} if "code" in row else {}
    return {"text": row["order"], "fields": fields, **code}


def _coding(entry: str | Mapping[str, Any]) -> dict[str, str]:
    if isinstance(entry, str):
        return coding(entry)
    return {**coding(entry["code"]), **({"display": entry["display"]} if "display" in entry else {})}


def _also(order: str) -> dict[str, Any]:
    """Another draft of the same call: a code with its system, else a text."""
    return {"code": order} if "|" in order else {"text": order}
