"""Tables of four times the size, to measure whether cost grows with the number of rules.

Everything is added three more times under new ids: value sets with codes that no record uses, procedures with their own
synonyms, and contraindications that apply to those procedures.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from msgspec.structs import replace

from cds_service.knowledge.load import PROFILES, load_shipped
from cds_service.knowledge.order_table import order_texts
from cds_service.knowledge.table_rows import TableRows
from cds_service.knowledge.tables import Contraindication, Knowledge, Procedure

_COPIES = ("b", "c", "d")


def four_times() -> Knowledge:
    """The shipped tables and three copies of them for other procedures."""
    with TemporaryDirectory() as folder:
        profiles = Path(folder) / "fhir_profiles"
        shutil.copytree(PROFILES, profiles)
        for path in list((profiles / "value_sets").glob("*.json")):
            for copy in _COPIES:
                value_set = _value_set(orjson.loads(path.read_bytes()), copy)
                path.with_name(f"{path.stem}-{copy}.json").write_bytes(orjson.dumps(value_set))
        return _with_rows(*load_shipped(profiles=profiles))


def _with_rows(files: TableRows, knowledge: Knowledge) -> Knowledge:
    procedures, rows = dict(knowledge.procedures), list(knowledge.contraindications)
    for copy in _COPIES:
        added = {f"{key}-{copy}": _procedure(p, copy) for key, p in knowledge.procedures.items()}
        procedures |= added
        rows += [_row(row, copy, frozenset(added)) for row in knowledge.contraindications]
    texts = order_texts(files, procedures, knowledge.words)
    return dataclasses.replace(knowledge, procedures=procedures, contraindications=tuple(rows), order_texts=texts)


def _value_set(value_set: dict[str, Any], copy: str) -> dict[str, Any]:
    """The value set with another id and other codes."""
    for include in value_set["compose"]["include"]:
        for concept in include.get("concept", ()):
            concept["code"] += copy
        for family in include.get("filter", ()):
            family["value"] = family["value"].removesuffix(".*") + copy + (".*" if family["op"] == "regex" else "")
    return value_set | {"id": f"{value_set['id']}-{copy}", "url": f"{value_set['url']}-{copy}"}


def _procedure(procedure: Procedure, copy: str) -> Procedure:
    parent = f"{procedure.parent}-{copy}" if procedure.parent else None
    synonyms = tuple(f"{copy}{copy} {name}" for name in procedure.synonyms)
    return replace(procedure, id=f"{procedure.id}-{copy}", parent=parent, synonyms=synonyms)


def _row(row: Contraindication, copy: str, procedures: frozenset[str]) -> Contraindication:
    return replace(row, id=f"{row.id}-{copy}", gate=replace(row.gate, procedures=procedures))
