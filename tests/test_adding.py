"""`docs/adding.md` is true: its examples are shipped rows, and its steps for a row and a lab, done in a copy, work."""

from __future__ import annotations

import json
import re
import textwrap
import tomllib
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from cds_service.answer import answer
from cds_service.hooks.envelope import read_request
from cds_service.knowledge.load import TABLES
from cds_service.knowledge.tables import Knowledge
from tests.support.calls import NOTHING_RECORDED, a_call, an_order, drafts
from tests.support.tables import a_copy, load_copy

PAGE = (Path(__file__).parents[1] / "docs" / "adding.md").read_text("utf-8")
STEP = re.compile(r"^\d+\. `(?P<file>[\w/.<>]+)`(?P<text>.*?)(?=^\d+\. |\Z)", re.MULTILINE | re.DOTALL)
ID = re.compile(r'^id = "([a-z0-9-]+)"$', re.MULTILINE)
BLOCK = re.compile(r"^ *```toml\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def examples(heading: str) -> Iterator[tuple[str, str]]:
    """(file, TOML) of each step of a section that shows what to write."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    for step in STEP.finditer(section):
        for block in BLOCK.findall(step["text"]):
            yield step["file"].removeprefix("cds_service/knowledge/"), textwrap.dedent(block)


def shipped(name: str) -> list[dict[str, Any]]:
    """The rows of a table, or of every region."""
    paths = sorted((TABLES / "procedures").glob("*.toml")) if "<region>" in name else [TABLES / name]
    return [row for path in paths for rows in tomllib.loads(path.read_text("utf-8")).values() for row in rows]


def is_shipped(example: dict[str, Any], rows: list[dict[str, Any]]) -> bool:
    """Whether a row is among the rows or in the lists within them; lists of an example may be parts of the shipped."""
    inner = [row for outer in rows for value in outer.values() if isinstance(value, list) for row in value]
    for row in [*rows, *(row for row in inner if isinstance(row, dict))]:
        own = {key: value for key, value in example.items() if not (isinstance(value, list) and key in row)}
        lists = {key: value for key, value in example.items() if isinstance(value, list) and key in row}
        if own.items() <= row.items() and all(all(v in row[key] for v in value) for key, value in lists.items()):
            return True
    return False


@pytest.mark.parametrize("heading", ["A contraindication row", "An indication row", "A lab", "A procedure"])
def test_the_examples_are_shipped_rows(heading: str) -> None:
    """Every example of the page stands in the file that its step names."""
    found = list(examples(heading))
    assert found
    for name, text in found:
        for rows in tomllib.loads(text).values():
            for row in [rows] if isinstance(rows, dict) else rows:
                bare = {k: v for k, v in row.items() if not (isinstance(v, list) and v and isinstance(v[0], dict))}
                nested = [
                    r for v in row.values() if isinstance(v, list) for r in v if isinstance(r, dict) and "id" in r
                ]
                for one in ([bare] if "id" in bare else []) + nested:
                    assert is_shipped(one, shipped(name)), (name, one)


def renamed(text: str, ids: Iterable[str]) -> str:
    """An example under other ids, so that it is an addition; what it refers to by id is renamed with it."""
    for row_id in ids:
        text = text.replace(f'"{row_id}"', f'"{row_id}-added"')
    return re.sub(r'"((?:criterion|lab)-[a-z0-9-]+)"', r'"\1-added"', text)


def add_value_set(folder: Path, name: str, system: str, code: str) -> None:
    """A value set with one code, in the form of the shipped one of that name."""
    sets = folder / "fhir_profiles" / "value_sets"
    value_set = json.loads((sets / f"{name}.json").read_text("utf-8"))
    url = value_set["url"] + "-added"
    concept = {"code": code, "display": "An added code"}
    changed = {"id": f"{name}-added", "url": url, "compose": {"include": [{"system": system, "concept": [concept]}]}}
    (sets / f"{name}-added.json").write_text(json.dumps(value_set | changed), "utf-8")


def add_examples(folder: Path, heading: str) -> None:
    """The steps of a section, done as they say; a criterion by itself goes behind the shipped one, into its row."""
    steps = list(examples(heading))
    added = {row_id for _, text in steps for row_id in ID.findall(text)}
    for name, text in steps:
        path = folder / "knowledge" / name
        rows = re.split(r"^(?=\[\[)", path.read_text("utf-8"), flags=re.MULTILINE)
        place = max(number for number, row in enumerate(rows) if ID.findall(text)[-1] in ID.findall(row))
        rows.insert(place + 1, f"{renamed(text, added)}\n")
        path.write_text("".join(rows), "utf-8")


def certainty(knowledge: Knowledge, now: datetime, name: str, **prefetch: dict[str, Any]) -> str:
    """What the decision on a TACE order says of a criterion; that of its row where nothing of the row is there."""
    bundles = {
        key: {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": resource}]}
        for key, resource in prefetch.items()
    }
    call = a_call("ir-order-sign", context=drafts(an_order("TACE")), prefetch=NOTHING_RECORDED | bundles)
    found = answer(read_request("ir-order-sign", orjson.dumps(call)), knowledge, now=now, new_id=lambda: "id")
    (entry,) = found.decision["procedures"]
    row = next(row.id for row in knowledge.contraindications if name in {criterion.id for criterion in row.criteria})
    said = next(one for one in entry["contraindications"] if one["id"] == row)
    return next((c["certainty"] for c in said.get("criteria", ()) if c["id"] == name), said["certainty"])


def test_a_row_added_by_the_page_is_judged(tmp_path: Path, now: datetime) -> None:
    """After its steps a new row is present where its code is recorded and absent where it is not."""
    folder = a_copy(tmp_path)
    add_value_set(folder, "criterion-organ-failure-other", "http://hl7.org/fhir/sid/icd-10-cm", "L72.0")
    add_examples(folder, "A contraindication row")
    knowledge = load_copy(folder)
    condition = {
        "resourceType": "Condition",
        "id": "c1",
        "subject": {"reference": "Patient/pat-1"},
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "onsetDateTime": now.date().isoformat(),
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "L72.0"}]},
    }
    name = "multiple-organ-failure-or-shock-added"
    assert certainty(knowledge, now, name, conditions=condition) == "present"
    assert certainty(knowledge, now, name) == "absent"


def test_a_lab_added_by_the_page_is_judged(tmp_path: Path, now: datetime) -> None:
    """After its steps a new lab is compared with its threshold, in each of its units, and searched for by its code."""
    folder = a_copy(tmp_path)
    add_value_set(folder, "lab-cd4", "http://loinc.org", "90000-1")  # made up: no shipped lab has it
    add_examples(folder, "A lab")
    knowledge = load_copy(folder)

    def result(value: float, unit: str) -> dict[str, Any]:
        return {
            "resourceType": "Observation",
            "id": "o1",
            "status": "final",
            "subject": {"reference": "Patient/pat-1"},
            "effectiveDateTime": now.date().isoformat(),
            "code": {"coding": [{"system": "http://loinc.org", "code": "90000-1"}]},
            "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
        }

    assert certainty(knowledge, now, "cd4-low-added", observations=result(150, "/uL")) == "present"
    assert certainty(knowledge, now, "cd4-low-added", observations=result(0.15, "10*9/L")) == "present"
    assert certainty(knowledge, now, "cd4-low-added", observations=result(450, "/uL")) == "absent"
    assert "http://loinc.org|90000-1" in knowledge.search_codes["observations"]
