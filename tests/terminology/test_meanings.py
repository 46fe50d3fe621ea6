"""Every code of the value sets once more, with what it means: one that is lost or means something else is noticed."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from cds_service.cases import SYSTEMS
from cds_service.knowledge.tables import Knowledge

Meaning = tuple[str, str, str, str]


def meanings() -> list[Meaning]:
    """(value set, system, code, relation) of a list that is written beside the value sets; of a family one member."""
    with (Path(__file__).parent / "meanings.csv").open(newline="", encoding="utf-8") as file:
        return [(r["value_set"], r["system"], r["code"], r["relation"]) for r in csv.DictReader(file)]


def lost(listed: list[Meaning], knowledge: Knowledge) -> Iterator[str]:
    """What the tables say otherwise than the list."""
    for value_set, name, code, relation in listed:
        hits = {h.value_set: h.relation for h in knowledge.codes.lookup(SYSTEMS.get(name, name), code)}
        if hits.get(value_set) != relation:
            yield f"{name}|{code} is {hits.get(value_set, 'not')} in {value_set}, expected {relation}"


LISTED = {key: list(group) for key, group in groupby(sorted(meanings()), key=lambda meaning: meaning[0])}


def test_codes_mean_what_the_list_says(knowledge: Knowledge) -> None:
    """Each code of the list is read as the condition, agent, lab or procedure beside it, and as surely."""
    assert [line for listed in LISTED.values() for line in lost(listed, knowledge)] == []


def test_a_code_that_is_lost_is_noticed(knowledge: Knowledge) -> None:
    """A code that no value set holds is named, with what was expected."""
    listed = [("lab-inr", "loinc", "6301-7", "exact")]
    assert list(lost(listed, knowledge)) == ["loinc|6301-7 is not in lab-inr, expected exact"]
