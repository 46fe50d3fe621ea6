"""Every code of every value set exists, or has the check digit of its system; families are families."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import fhir_profiles
from cds_service.knowledge.tables import Knowledge

PROFILES = Path(fhir_profiles.__file__).parent
SNOMED, LOINC = "http://snomed.info/sct", "http://loinc.org"
ICD_10_CM, ICD_10 = "http://hl7.org/fhir/sid/icd-10-cm", "http://hl7.org/fhir/sid/icd-10"
RELATIONS = {"exact", "narrower", "broader", "shared", "component", "adjacent"}


@pytest.fixture(scope="module")
def icd() -> ModuleType:
    """A release of ICD-10-CM; it takes seconds to load."""
    import simple_icd_10_cm

    return simple_icd_10_cm


def value_sets() -> Iterator[dict]:
    """Every value set of the product."""
    for path in sorted((PROFILES / "value_sets").glob("*.json")):
        yield json.loads(path.read_text("utf-8"))


def codes(system: str) -> list[tuple[str, str, str]]:
    """(value set, code, display) of one system; the display of a family is empty."""
    found = []
    for value_set in value_sets():
        for include in value_set["compose"]["include"]:
            if include["system"] == system:
                found += [(value_set["id"], c["code"], c["display"]) for c in include.get("concept", ())]
                found += [(value_set["id"], f["value"], "") for f in include.get("filter", ())]
    return found


def luhn_10(number: str) -> int:
    """LOINC's check digit: mod 10 over the part before the hyphen (LOINC Users' Guide)."""
    doubled = str(int("".join(reversed(number))[::2]) * 2)
    return -(sum(map(int, doubled)) + sum(map(int, "".join(reversed(number))[1::2]))) % 10


def verhoeff_is_right(number: str) -> bool:
    """SNOMED CT's check digit over the whole identifier (Verhoeff, dihedral group D5)."""
    multiply = [[(i + j) % 5 if j < 5 else 5 + (i + j) % 5 for j in range(10)] for i in range(5)]
    multiply += [[5 + (i - j) % 5 if j < 5 else (i - j) % 5 for j in range(10)] for i in range(5, 10)]
    turn = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
    permute = [list(range(10))]
    for _ in range(7):
        permute.append([turn[d] for d in permute[-1]])
    check = 0
    for place, digit in enumerate(reversed(number)):
        check = multiply[check][permute[place % 8][int(digit)]]
    return check == 0


@pytest.mark.slow
def test_every_icd_10_cm_code_exists(icd: ModuleType) -> None:
    """Each ICD-10-CM code and family is in the release, under the title that the value set gives."""
    wrong = []
    for value_set, code, display in codes(ICD_10_CM):
        if not icd.is_valid_item(code):
            wrong.append((value_set, code, "is no code"))
        elif display and icd.get_description(code) != display:
            wrong.append((value_set, code, icd.get_description(code)))
    assert len(codes(ICD_10_CM)) > 250
    assert wrong == []


@pytest.mark.slow
def test_icd_10_cm_families_are_prefixes(icd: ModuleType) -> None:
    """A family taken by prefix holds its descendants and nothing else."""
    families = {code for _, code, display in codes(ICD_10_CM) if not display}
    # "C51-C58" is a block, no code.
    every = sorted(code for code in icd.get_all_codes(with_dots=True) if "-" not in code)
    for family in sorted(families):
        by_prefix = set(every[bisect_left(every, family) : bisect_left(every, family + "~")]) - {family}
        assert by_prefix == set(icd.get_descendants(family)), family


DEATHS = {"O95", "O96", "O97"}
"""Of a mother, in ICD-10."""
IN_MILK = {"O92.3", "O92.4", "O92.6"}
"""Disorders of lactation in whose titles no pregnancy is."""


@pytest.mark.slow
@pytest.mark.parametrize("system", [ICD_10_CM, ICD_10])
def test_every_code_of_a_pregnancy_says_so(system: str, knowledge: Knowledge) -> None:
    """Each code of the chapter about pregnancy and birth says that there is a pregnancy, may be one, or was one."""
    release = import_module("simple_icd_10_cm" if system == ICD_10_CM else "simple_icd_10")
    leaves = [c for c in release.get_all_codes(with_dots=True) if c.startswith("O") and release.is_leaf(c)]
    said = {"criterion-pregnancy", "condition-pregnancy-ended"}
    silent = [c for c in leaves if not said & {hit.value_set for hit in knowledge.codes.lookup(system, c)}]
    assert len(leaves) > 400
    assert [c for c in silent if c[:3] not in DEATHS and c not in IN_MILK] == []


DIVIDED = {
    "K35.3",
    "Z99.1",
    "S32.3",
    "S32.4",
    "S32.5",
    "F01",
    "F02",
    "F03",
    "R18",
    "C79.5",
    "K83.0",
    "S06",
    "Z94",
    "D84",
    "N80.0",
    "G45",
    "D81",
}
"""Codes with one title in both editions that one of them divides further, where not every part is what is asked for."""


@pytest.mark.slow
def test_what_one_edition_of_icd_10_says_the_other_says(knowledge: Knowledge) -> None:
    """A code that ICD-10-CM and ICD-10 have under one title means the same in both; what only may is left out."""
    editions = {ICD_10_CM: import_module("simple_icd_10_cm"), ICD_10: import_module("simple_icd_10")}

    def title(system: str, code: str) -> list[str]:
        return sorted(knowledge.words.of(editions[system].get_description(code)).replace("unspecified", "").split())

    missing = []
    for listed, other in ((ICD_10_CM, ICD_10), (ICD_10, ICD_10_CM)):
        for value_set in (name for name in knowledge.value_set_titles if name.startswith(("condition-", "criterion-"))):
            for rule in knowledge.codes.rules_of(value_set):
                sure = rule.system == listed and rule.relation in ("exact", "narrower")
                if not sure or not editions[other].is_valid_item(rule.code) or rule.code in DIVIDED:
                    continue
                if title(listed, rule.code) == title(other, rule.code):
                    inside = editions[other].get_descendants(rule.code)
                    alone = not rule.prefix and not editions[listed].is_leaf(rule.code)
                    parts = [] if alone else [c for c in inside if editions[other].is_leaf(c)]
                    asked = [c for c in [rule.code, *parts] if len(c) < len("S00.0XXD") or c.endswith("A")]
                    if not all(value_set in {h.value_set for h in knowledge.codes.lookup(other, c)} for c in asked):
                        missing.append((value_set, other, rule.code))
    assert sorted(missing) == []


SPLIT = {
    ("D49.5", "condition-renal-tumor"),
    ("I50.8", "criterion-pulmonary-hypertension"),
    ("K92", "criterion-active-bleeding"),
    ("O45", "criterion-bleeding-disorder"),
    ("O46", "criterion-bleeding-disorder"),
    ("Z90.71", "condition-no-uterus"),
}
"""Families of which most codes are asked for, whose own title is no reason to think of it."""


@pytest.mark.slow
@pytest.mark.parametrize("system", [ICD_10_CM, ICD_10])
def test_what_most_codes_of_a_family_say_the_family_says(system: str, knowledge: Knowledge) -> None:
    """Records hold `K72` where `K72.9` was meant: it says at least that there may be what most codes name."""
    release = import_module("simple_icd_10_cm" if system == ICD_10_CM else "simple_icd_10")
    families = [c for c in release.get_all_codes(with_dots=True) if "-" not in c and c[1:2].isdigit()]
    silent = []
    for family in (c for c in families if not release.is_leaf(c)):
        leaves = [c for c in release.get_descendants(family) if release.is_leaf(c)]
        leaves = [c for c in leaves if len(c) < len("S00.0XXD") or c.endswith("A")] or leaves
        said = Counter(hit.value_set for c in leaves for hit in knowledge.codes.lookup(system, c) if hit.sufficient)
        by_family = {hit.value_set for hit in knowledge.codes.lookup(system, family)} | {"condition-pregnancy-ended"}
        most = {value_set for value_set, count in said.items() if count > 0.55 * len(leaves)}
        silent += [(family, value_set) for value_set in sorted(most - by_family)]
    assert len(families) > 2000
    assert set(silent) - SPLIT == set()


def test_every_snomed_code_has_its_check_digit() -> None:
    """Each SNOMED CT identifier is well formed (Verhoeff digit and a concept partition)."""
    listed = {code for _, code, _ in codes(SNOMED)}
    assert len(listed) > 700
    assert sorted(c for c in listed if not verhoeff_is_right(c) or c[-3:-1] not in ("00", "10")) == []


def test_every_loinc_code_has_its_check_digit() -> None:
    """Each LOINC code is well formed; answer codes (LA...) are numbered by another rule."""
    listed = {code for _, code, _ in codes(LOINC) if not code.startswith("LA")}
    assert len(listed) > 100
    wrong = []
    for code in listed:
        number, _, digit = code.partition("-")
        if luhn_10(number) != int(digit):
            wrong.append(code)
    assert wrong == []


@pytest.mark.parametrize(("good", "bad"), [("66857006", "66857007"), ("19943007", "19943070")])
def test_the_snomed_check_notices(good: str, bad: str) -> None:
    """A changed digit and two swapped digits are noticed."""
    assert verhoeff_is_right(good)
    assert not verhoeff_is_right(bad)


def test_the_loinc_check_notices() -> None:
    """A changed digit is noticed."""
    assert luhn_10("777") == 3
    assert luhn_10("778") != 3


def test_no_cpt() -> None:
    """CPT is licensed: no value set holds it; a site maps its own codes."""
    systems = {include["system"] for value_set in value_sets() for include in value_set["compose"]["include"]}
    assert not [system for system in systems if "cpt" in system.lower() or "ama-assn" in system]


def test_relations_are_known() -> None:
    """Codes of conditions and procedures say how exactly they name them."""
    for value_set in value_sets():
        kind = value_set["id"].partition("-")[0]
        for include in value_set["compose"]["include"]:
            relations = {extension["valueCode"] for extension in include.get("extension", ())}
            assert relations <= RELATIONS, value_set["id"]
            assert relations or kind != "procedure", value_set["id"]


def test_injury_families_leave_after_care_out() -> None:
    """Every value set with an injury family excludes seventh characters other than A."""
    for value_set in value_sets():
        families = [
            f["value"] for i in value_set["compose"]["include"] if i["system"] == ICD_10_CM for f in i.get("filter", ())
        ]
        if value_set["id"].startswith("condition-") and any(family.startswith("S") for family in families):
            assert "exclude" in value_set["compose"], value_set["id"]


def test_icd_families_have_titles(knowledge: Knowledge) -> None:
    """The pages name the families of ICD codes; `make golden` writes the titles of new ones."""
    families = {(s, code) for s in (ICD_10_CM, ICD_10) for _, code, display in codes(s) if not display}
    assert len(families) > 700
    assert len(families - set(knowledge.family_titles)) < 0.02 * len(families)


@pytest.mark.slow
def test_titles_of_families_are_those_of_the_releases(icd: ModuleType, knowledge: Knowledge) -> None:
    """Each title is what the release calls the family."""
    import simple_icd_10

    releases = {ICD_10_CM: icd, ICD_10: simple_icd_10}
    titles = {key: title for key, title in knowledge.family_titles.items() if key[0] in releases}
    wrong = [key for key, title in titles.items() if releases[key[0]].get_description(key[1]) != title]
    assert wrong == []
