"""Codes to value sets: how codes are spelled and systems named, families, exclusions, relations, maps."""

from __future__ import annotations

import pytest

from cds_service.knowledge.tables import Knowledge
from cds_service.knowledge.value_sets import CodeIndex, CodeRule, CodeSystem, Hit, mappings_of, rules_of
from cds_service.knowledge.words import Words

SCT, ICD, PCS = (
    "http://snomed.info/sct",
    "http://hl7.org/fhir/sid/icd-10-cm",
    "http://www.cms.gov/Medicare/Coding/ICD10",
)
RELATION = "https://example.org/ir-cds/fhir/StructureDefinition/code-relation"


def sets_of(knowledge: Knowledge, system: str, code: str) -> set[str]:
    """Names of the value sets that hold a code."""
    return {hit.value_set for hit in knowledge.codes.lookup(system, code)}


@pytest.mark.parametrize("code", ["I50.21", "I5021", "i50.21", " i5021 ", "I50.21 "])
def test_spellings_of_an_icd_code(code: str, knowledge: Knowledge) -> None:
    """An ICD code is the same with and without its dot, in lower case, and with blanks around it."""
    assert "criterion-heart-failure-acute" in sets_of(knowledge, ICD, code)


@pytest.mark.parametrize(
    "system",
    [ICD, "urn:oid:2.16.840.1.113883.6.90", "2.16.840.1.113883.6.90", "https://hl7.org/fhir/sid/icd-10-cm", f" {ICD} "],
)
def test_names_of_a_code_system(system: str, knowledge: Knowledge) -> None:
    """A code system is the same by its URL, its OID and the other names that records give it."""
    assert "condition-hemoptysis" in sets_of(knowledge, system, "R04.2")


@pytest.mark.parametrize(
    ("system", "code", "value_set", "expected"),
    [
        (ICD, "C34.90", "condition-lung-cancer", True),
        (ICD, "C34", "condition-lung-cancer", True),
        (ICD, "C3", "condition-lung-cancer", False),
        (ICD, "S37.061A", "condition-kidney-trauma", True),
        (ICD, "S37.061", "condition-kidney-trauma", True),
        (ICD, "S37.061D", "condition-kidney-trauma", False),
        (ICD, "S37.061S", "condition-kidney-trauma", False),
        (ICD, "I26.99", "condition-pulmonary-embolism", True),
        (ICD, "I26.90", "condition-pulmonary-embolism", False),
        (ICD, "I71.010", "condition-aortic-dissection-descending", False),
        (ICD, "D68.51", "criterion-bleeding-disorder", False),
        (ICD, "D68.4", "criterion-acquired-coagulation-defect", True),
        (PCS, "04L33DZ", "procedure-hepatic-artery-embolization", True),
        (PCS, "04l33dz", "procedure-hepatic-artery-embolization", True),
        (PCS, "04L3", "procedure-hepatic-artery-embolization", False),
        (SCT, "66857006", "condition-hemoptysis", True),
        (ICD, "66857006", "condition-hemoptysis", False),
        ("https://hospital.example.org/codes", "R04.2", "condition-hemoptysis", False),
    ],
)
def test_families_and_their_exclusions(
    system: str, code: str, value_set: str, expected: bool, knowledge: Knowledge
) -> None:
    """A family holds its codes and no others: no after-care, no septic embolus, no thrombophilia."""
    assert (value_set in sets_of(knowledge, system, code)) is expected


def test_a_code_in_several_ways_counts_by_its_best() -> None:
    """A code that a set holds both by its family and by itself counts by what says more."""
    rules = [CodeRule("a", ICD, "C34", "broader", prefix=True), CodeRule("a", ICD, "C34.1", "exact", prefix=False)]
    codes = CodeIndex([CodeSystem(ICD, "ICD", "dotted", True)], {}, rules, [], {}, Words({}))
    assert codes.lookup(ICD, "C341") == (Hit("a", "exact"),)
    assert codes.lookup(ICD, "C34.9") == (Hit("a", "broader"),)


@pytest.mark.parametrize(
    ("relation", "sufficient"),
    [("exact", True), ("narrower", True), ("broader", False), ("shared", False), ("component", False)],
)
def test_only_exact_and_narrower_codes_settle(relation: str, sufficient: bool) -> None:
    """A code that is wider than the concept, or shared with others, never decides alone."""
    assert Hit("a", relation).sufficient is sufficient


def test_a_value_set_is_read_group_by_group() -> None:
    """Each group of codes carries its own relation; one without a relation is exact."""
    rules, exclusions = rules_of(
        {
            "id": "x",
            "compose": {
                "include": [
                    {"system": SCT, "concept": [{"code": "1", "display": "One"}]},
                    {
                        "system": ICD,
                        "extension": [{"url": RELATION, "valueCode": "broader"}],
                        "filter": [{"property": "code", "op": "regex", "value": "I82.4.*"}],
                    },
                ],
                "exclude": [{"system": ICD, "filter": [{"property": "code", "op": "regex", "value": "I82\\.4Z.*"}]}],
            },
        }
    )
    assert rules == [
        CodeRule("x", SCT, "1", "exact", prefix=False, display="One"),
        CodeRule("x", ICD, "I82.4", "broader", prefix=True),
    ]
    codes = CodeIndex([CodeSystem(ICD, "ICD", "dotted", True)], {}, rules, exclusions, {}, Words({}))
    assert codes.holds(ICD, "I824Y1")
    assert not codes.holds(ICD, "I82.4Z1")


def test_equivalences_of_a_map() -> None:
    """Only a target that is equal to the local code, or wider, means that the local code is of its kind."""
    found = mappings_of(
        {
            "group": [
                {
                    "source": "local",
                    "target": SCT,
                    "element": [
                        {"code": equivalence, "target": [{"code": "1", "equivalence": equivalence}]}
                        for equivalence in (
                            "equal",
                            "equivalent",
                            "wider",
                            "subsumes",
                            "narrower",
                            "relatedto",
                            "disjoint",
                        )
                    ],
                }
            ]
        }
    )
    relations = {code: [target.relation for target in targets] for (_, code), targets in found.items()}
    assert relations == {
        "equal": ["exact"],
        "equivalent": ["exact"],
        "wider": ["narrower"],
        "subsumes": ["narrower"],
        "narrower": ["broader"],
        "relatedto": ["broader"],
        "disjoint": [],
    }


def test_only_icd_makes_absence_a_statement(knowledge: Knowledge) -> None:
    """ICD families are complete; SNOMED CT concepts are listed one by one, so one that is not listed says less."""
    assert knowledge.codes.classifies(ICD)
    assert not knowledge.codes.classifies(SCT)


def test_the_observation_prefetch_asks_for_what_is_read(knowledge: Knowledge) -> None:
    """The LOINC codes of every lab that a speaking row reads are asked for, and none of a silent one."""
    asked = {code.removeprefix("http://loinc.org|") for code in knowledge.search_codes["observations"]}
    assert {"777-3", "6301-6", "33914-3", "2160-0", "770-8", "88020-3"} <= asked
    silent = [lab for lab in ("spo2", "fev1-percent") if lab in knowledge.labs]
    silent_sets = {knowledge.labs[lab].value_set for lab in silent}
    assert silent_sets
    assert not [c for c in asked if sets_of(knowledge, "http://loinc.org", c) <= silent_sets]
