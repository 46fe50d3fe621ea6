"""CodeSystems and ConceptMaps of the package: every id is there, and a map says what the service does with a code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cds_service.certainty import Certainty
from cds_service.findings.chart import chart_of
from cds_service.knowledge.load import PROFILES
from cds_service.knowledge.tables import Knowledge
from cds_service.knowledge.value_sets import rules_of
from cds_service.publishing.code_systems import card_topics, code_systems
from cds_service.publishing.sources import shipped_sources
from tests.package.conftest import good_examples, of_type
from tests.support.reading import read
from tests.support.shipped import shipped_knowledge
from tests.support.tables import a_copy, load_copy, with_site

LOCAL = "https://hospital.example.org/lab-codes"


def codes(system: dict[str, Any]) -> set[str]:
    """Every code of a CodeSystem, those below others too."""
    return {c["code"] for top in system["concept"] for c in (top, *top.get("concept", ()))}


def test_every_id_of_an_answer_is_a_code(definitions: dict[str, dict[str, Any]], knowledge: Knowledge) -> None:
    """Procedures, indications, contraindications and their questions can be looked up in the package."""
    systems = of_type(definitions, "CodeSystem")
    assert codes(systems["procedures"]) >= set(knowledge.procedures)
    assert codes(systems["indications"]) >= {i.id for p in knowledge.procedures.values() for i in p.indications}
    asked = {c.id for row in knowledge.contraindications for c in row.criteria}
    assert codes(systems["contraindications"]) >= asked | {row.id for row in knowledge.contraindications}


def test_counts_are_true(definitions: dict[str, dict[str, Any]]) -> None:
    """`count` is the number of codes, and no code is there twice."""
    for key, system in of_type(definitions, "CodeSystem").items():
        listed = [c["code"] for top in system["concept"] for c in (top, *top.get("concept", ()))]
        assert (len(listed), len(set(listed))) == (system.get("count", len(listed)),) * 2, key


def test_a_retired_row_keeps_its_code() -> None:
    """An id that old answers hold can be looked up for ever, and is marked as inactive."""
    rows = shipped_sources().rows
    retired = {**rows.procedures, "tips": {**rows.procedures["tips"], "status": "retired"}}
    procedures = code_systems(retired, rows.contraindications, rows.release)[0]
    concept = next(c for c in procedures["concept"] if c["code"] == "tips")
    assert {"code": "inactive", "valueBoolean": True} in concept["property"]


def test_a_retired_row_keeps_its_topic() -> None:
    """What an old card was about can be looked up for ever, and is marked as inactive."""
    sources = shipped_sources()
    rows = sources.rows
    retired = {**rows.contraindications, "kidney-failure": {**rows.contraindications["kidney-failure"]}}
    retired["kidney-failure"]["status"] = "retired"
    concept = next(
        c for c in card_topics(retired, sources.knowledge.wording, "1")["concept"] if c["code"] == "kidney-failure"
    )
    assert {"code": "inactive", "valueBoolean": True} in concept["property"]


def test_code_systems_that_are_kept_by_hand_are_published(definitions: dict[str, dict[str, Any]]) -> None:
    """No code system that somebody wrote into the folder is left out of the package."""
    written = {f"code_systems/{path.name}" for path in (PROFILES / "code_systems").glob("*.json")}
    assert written
    assert written <= set(definitions)


def test_the_map_says_how_far_a_code_supports_an_indication(
    definitions: dict[str, dict[str, Any]], knowledge: Knowledge
) -> None:
    """A code settles an indication exactly where the map says equivalent or wider; the service is asked of each."""
    rows = {i.id: i for p in knowledge.procedures.values() for i in p.indications}
    groups = of_type(definitions, "ConceptMap")["codes-to-indications"]["group"]
    lines = [(g["source"], e["code"], t) for g in groups for e in g["element"] for t in e["target"]]
    assert len(lines) > 400
    wrong = []
    for system, code, target in lines:
        recorded = read(conditions=[{"code": {"coding": [{"system": system, "code": code}]}}])
        certainty = chart_of(recorded, knowledge).certainty(rows[target["code"]].present_if)
        if (certainty is Certainty.PRESENT) != (target["equivalence"] in ("equivalent", "wider")):
            wrong.append((code, target["code"], target["equivalence"], certainty))
    assert wrong == []


def test_the_map_forgets_no_code(definitions: dict[str, dict[str, Any]], knowledge: Knowledge) -> None:
    """Every code of a condition that an indication names is in the map, with that indication."""
    groups = of_type(definitions, "ConceptMap")["codes-to-indications"]["group"]
    mapped = {(g["source"], e["code"], t["code"]) for g in groups for e in g["element"] for t in e["target"]}
    sets = shipped_sources().rows.value_sets
    wanted = set()
    for indication in (i for p in knowledge.procedures.values() for i in p.indications):
        expressions = [e for e in (indication.present_if, indication.possible_if) if e]
        for name in (name for expression in expressions for name in expression.conditions()):
            rules = rules_of(sets[knowledge.conditions[name].value_set])[0]
            wanted |= {(rule.system, rule.code, indication.id) for rule in rules}
    assert mapped == wanted


def test_what_does_not_settle_says_what_is_missing(definitions: dict[str, dict[str, Any]]) -> None:
    """A target that is neither equivalent nor wider carries a comment."""
    groups = of_type(definitions, "ConceptMap")["codes-to-indications"]["group"]
    targets = [t for g in groups for e in g["element"] for t in e["target"]]
    assert [t for t in targets if t["equivalence"] not in ("equivalent", "wider") and "comment" not in t] == []


def test_the_package_changes_no_answer(tmp_path: Path, knowledge: Knowledge) -> None:
    """What is published beside the value sets is not read when patients are judged: without it, all is the same."""
    copy = a_copy(tmp_path)
    (copy / "fhir_profiles" / "code_systems" / "code-relations.json").unlink()
    assert {path.name for path in (copy / "fhir_profiles").glob("*/")} == {"value_sets", "code_systems"}
    assert load_copy(copy).version == knowledge.version
    assert not shipped_knowledge().codes.reads(LOCAL, "PLT")


def test_the_example_map_works_in_a_site_folder(tmp_path: Path) -> None:
    """A hospital that copies the example map has its local platelet code read as the LOINC code that it names."""
    example = json.dumps(good_examples()["local-labs.json"])
    site = with_site(tmp_path, {"concept_maps/local-labs.json": example})
    assert [hit.value_set for hit in site.codes.lookup(LOCAL, "PLT")] == ["lab-platelets"]
    assert site.codes.reads(LOCAL, "TSH")
    assert site.codes.lookup(LOCAL, "TSH") == ()


def test_value_sets_have_one_source(definitions: dict[str, dict[str, Any]]) -> None:
    """A set that profiles bind to lists no code of its own: it is a union of the sets that the service loads."""
    unions = [r for name, r in definitions.items() if name.startswith("binding_sets/")]
    assert unions
    assert [r["id"] for r in unions for part in r["compose"]["include"] if "concept" in part or "filter" in part] == []
    assert {path.stem for path in (PROFILES / "value_sets").glob("*.json")} == set(shipped_sources().rows.value_sets)
