"""The files of the shipped tables and value sets -> checked rows, each file by its own schema."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from cds_service.knowledge import rows
from cds_service.knowledge.allergy_table import FOLDER
from cds_service.knowledge.read import once, read_json, read_toml
from cds_service.knowledge.table_rows import TableRows
from cds_service.knowledge.wording_checks import ENGLISH, KIND_WORDING, OF_KINDS

_OVERRIDE_REASONS = "code_systems/override-reasons.json"

FAMILY_TITLES = "family_titles.csv"
"""What releases call families of codes, beside the tables; written by `tools/family_titles.py`."""


def state_of(tables: Path, profiles: Path) -> bytes:
    """A hash of the contents of every file that `read_rows` reads."""
    digest = hashlib.sha256()
    for path in sorted([*tables.rglob("*.toml"), *profiles.glob("value_sets/*.json"), profiles / _OVERRIDE_REASONS]):
        with suppress(OSError):  # reading it in earnest says what is wrong
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.digest()


def read_rows(tables: Path, profiles: Path, problems: list[str]) -> TableRows:
    """The rows of every file; what is wrong in a file is appended to `problems`, one line each.

    Args:
        tables: folder of the tables.
        profiles: folder of the FHIR content.
        problems: collects the mistakes.
    """
    files = TableRows()

    def toml(name: str, schema: str) -> dict[str, Any]:
        files.paths.append(tables / name)
        table = read_toml(tables / name, name, schema, problems)
        files.read.append(table)
        return table

    def keyed(name: str, key: str) -> dict[str, Mapping[str, Any]]:
        return once(toml(f"{name}.toml", name).get(key, ()), f"{name}.toml", key, problems)

    files.release = toml("release.toml", "release").get("release", "")
    files.conditions = keyed("conditions", "condition")
    files.contraindications = keyed("contraindications", "contraindication")
    files.advice = keyed("advice", "advice")
    files.thresholds = keyed("thresholds", "threshold")
    files.labs = keyed("labs", "lab")
    files.lab_names = toml("lab_names.toml", "lab_names")
    files.lab_orders = toml("lab_orders.toml", "lab_orders")
    files.units = toml("units.toml", "units")
    files.allergies = toml("allergies.toml", "allergies")
    for path in sorted((tables / FOLDER).glob("*.toml")):
        blocks = toml(f"{FOLDER}/{path.name}", "allergy_words").get("words", ())
        files.allergy_words += [{**block, "file": path.name} for block in blocks]
    files.medications = toml("medications.toml", "medications")
    files.performed = toml("performed.toml", "performed")
    files.hold_table = toml("holds.toml", "holds")
    files.holds = once(files.hold_table.get("hold", ()), "holds.toml", "hold", problems)
    files.systems = toml("code_systems.toml", "code_systems").get("code_system", [])
    files.plain_words = toml("plain_words.toml", "plain_words")
    files.diagnosis_words = toml("diagnosis_words.toml", "diagnosis_words")
    files.title_words = toml("title_words.toml", "title_words")
    files.urgency = toml("urgency.toml", "urgency")
    files.spelling = toml("spelling.toml", "spelling").get("spelling", {})
    files.order_words = toml("order_words.toml", "order_words")
    files.order_patterns = toml("order_parts.toml", "order_parts").get("patterns", {})
    files.wording_keys = {**rows.flat_wording(toml("wording_keys.toml", "wording")), **OF_KINDS}
    of_kinds = toml(KIND_WORDING, "wording")
    for name in sorted({ENGLISH, *(path.name for path in tables.glob("wording.*.toml"))}):
        language = name.removeprefix("wording.").removesuffix(".toml")
        files.wordings[name] = rows.flat_wording(toml(name, "wording")) | rows.flat_wording(of_kinds.get(language, {}))
    for path in sorted((tables / "procedures").glob("*.toml")):
        name = f"procedures/{path.name}"
        for row in toml(name, "procedures").get("procedure", ()):
            files.procedures |= once([*files.procedures.values(), row], name, "procedure", problems)
            files.places.setdefault(row["id"], name)
    _read_fhir(files, profiles, problems)
    files.family_titles = _read_family_titles(tables / FAMILY_TITLES)
    return files


def _read_family_titles(path: Path) -> dict[tuple[str, str], str]:
    """(system, code) -> title; empty for kept tables, as titles change no answer and are no part of the version."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {(row["system"], row["code"]): row["title"] for row in csv.DictReader(file)}


def _read_fhir(files: TableRows, profiles: Path, problems: list[str]) -> None:
    paths = sorted((profiles / "value_sets").glob("*.json"))
    files.paths += paths
    read = [read_json(path, f"value_sets/{path.name}", "value_set", problems) for path in paths]
    files.read += read
    files.value_sets = once(filter(None, read), "value_sets", "ValueSet", problems)
    path = profiles / _OVERRIDE_REASONS
    files.paths.append(path)
    files.override_reasons = read_json(path, _OVERRIDE_REASONS, "code_system", problems)
