"""What must agree between the files of the tables; every disagreement is one line: file, row, problem, remedy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

Row = Mapping[str, Any]


class Files(Protocol):
    """The checked rows of every file, by id."""

    conditions: dict[str, Row]
    procedures: dict[str, Row]
    contraindications: dict[str, Row]
    thresholds: dict[str, Row]
    labs: dict[str, Row]
    allergies: Row
    systems: list[Row]
    wording: Mapping[str, str]
    value_sets: dict[str, Row]


def cross_check(files: Files, problems: list[str]) -> None:
    """Append every disagreement between files to `problems`."""
    for check in (_conditions, _procedures, _contraindications, _thresholds, _labs, _allergies, _systems):
        problems += check(files)


def _missing(file: str, row: str, field: str, names: Iterable[str], known: Iterable[str], kind: str) -> Iterator[str]:
    known = set(known)
    for name in names:
        if name and name not in known:
            yield f'{file}: "{row}", {field} names "{name}", which is no {kind}; correct it or add the {kind}'


def _conditions(files: Files) -> Iterator[str]:
    for key, row in files.conditions.items():
        yield from _missing("conditions.toml", key, "value_set", [row["value_set"]], files.value_sets, "ValueSet")


def _procedures(files: Files) -> Iterator[str]:
    file = "procedures"
    for key, row in files.procedures.items():
        yield from _missing(file, key, "parent", [row.get("parent", "")], files.procedures, "procedure")
        yield from _wording(files, file, key, "notes", row.get("notes", {}).values())
        yield from _missing(file, key, "notes", row.get("notes", {}), files.contraindications, "contraindication")
        yield from _circle(files, key)
        for alert in row.get("alert", ()):
            yield from _missing(file, key, "alert", [alert["condition"]], files.conditions, "condition")
            yield from _wording(files, file, key, "alert", [alert["wording"]])
        seen: set[str] = set()
        for indication in row.get("indication", ()):
            name = f"{key} / {indication['id']}"
            if indication["id"] in seen:
                yield f'{file}: indication "{name}" is there twice; give the second an id of its own'
            seen.add(indication["id"])
            for part in ("present_if", "possible_if"):
                used = _named(indication.get(part))
                yield from _missing(file, name, part, used, files.conditions, "condition")
            because = indication.get("possible_because")
            yield from _wording(files, file, name, "possible_because", [f"reason.{because}"] if because else [])
            if "possible_if" in indication and not because:
                yield f'{file}: "{name}" has possible_if without possible_because; say by a wording key what is missing'


def _circle(files: Files, key: str) -> Iterator[str]:
    seen, parent = {key}, files.procedures[key].get("parent")
    while parent in files.procedures:
        if parent in seen:
            yield f'procedures: "{key}" is its own ancestor by "{parent}"; correct parent'
            return
        seen.add(parent)
        parent = files.procedures[parent].get("parent")


def _contraindications(files: Files) -> Iterator[str]:
    file = "contraindications.toml"
    groups = {group["id"] for group in files.allergies["group"]}
    for row in files.contraindications.values():
        yield from _gate(files, row["id"], row)
        ids = [criterion["id"] for criterion in row["criterion"]]
        for criterion in row["criterion"]:
            name = criterion["id"]
            if ids.count(name) > 1:
                yield f'{file}: criterion "{name}" is there twice; give the second an id of its own'
            yield from _gate(files, name, criterion)
            limits = [criterion.get("threshold", "")]
            yield from _missing(file, name, "threshold", limits, files.thresholds, "threshold")
            sets = criterion.get("value_sets", ())
            yield from _missing(file, name, "value_sets", sets, files.value_sets, "ValueSet")
            yield from _missing(file, name, "severity_from", criterion.get("severity_from", ()), files.labs, "lab")
            yield from _missing(file, name, "superseded_by", criterion.get("superseded_by", ()), ids, "criterion here")
            yield from _missing(file, name, "group", [criterion.get("group", "")], groups, "allergy group")
            yield from _wording(files, file, name, "advice", [f"advice.{a}" for a in criterion["advice"]])


def _gate(files: Files, name: str, row: Row) -> Iterator[str]:
    file = "contraindications.toml"
    yield from _missing(file, name, "procedures", row.get("procedures", ()), files.procedures, "procedure")
    for part in ("when", "unless"):
        yield from _missing(file, name, part, _named(row.get(part)), files.conditions, "condition")


def _thresholds(files: Files) -> Iterator[str]:
    file = "thresholds.toml"
    for key, row in files.thresholds.items():
        yield from _missing(file, key, "lab", [row["lab"]], files.labs, "lab")
        yield from _missing(file, key, "answers", row.get("answers", ()), files.value_sets, "ValueSet")
        canonical = files.labs.get(row["lab"], row)["unit"]
        if row["unit"] != canonical:
            yield f'{file}: "{key}", unit is "{row["unit"]}"; write the limit in "{canonical}", as {row["lab"]} is'


def _labs(files: Files) -> Iterator[str]:
    file = "labs.toml"
    for key, row in files.labs.items():
        yield from _missing(file, key, "value_set", [row.get("value_set", "")], files.value_sets, "ValueSet")
        inputs = row.get("derivation", {}).get("inputs", ())
        yield from _missing(file, key, "derivation.inputs", inputs, files.labs, "lab")
        spellings = [code for unit in row["units"] for code in unit["codes"]]
        for code in sorted({c for c in spellings if spellings.count(c) > 1}):
            yield f'{file}: "{key}", the unit "{code}" is there twice; leave one'
        if row["units"] and row["unit"] not in spellings:
            yield f'{file}: "{key}", the canonical unit "{row["unit"]}" is not among its units; add it with factor 1'


def _allergies(files: Files) -> Iterator[str]:
    for row in files.allergies["group"]:
        yield from _missing("allergies.toml", row["id"], "value_set", [row["value_set"]], files.value_sets, "ValueSet")
    for weight, row in files.allergies["reaction"].items():
        yield from _missing("allergies.toml", weight, "value_set", [row["value_set"]], files.value_sets, "ValueSet")


def _systems(files: Files) -> Iterator[str]:
    known = {system["url"] for system in files.systems}
    for key, value_set in files.value_sets.items():
        used = {include["system"] for include in value_set["compose"]["include"]}
        yield from _missing(f"value_sets/{key}.json", key, "system", sorted(used), known, "code system")


def _wording(files: Files, file: str, row: str, field: str, keys: Iterable[str]) -> Iterator[str]:
    yield from _missing(file, row, field, keys, files.wording, "sentence of wording.en.toml")


def _named(value: Any) -> list[str]:
    """Condition ids named by an expression as written in TOML."""
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    return [name for parts in value.values() for part in parts for name in _named(part)]
