"""Every English sentence once more: one that is changed by mistake is noticed, wherever it is said."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from cds_service.knowledge.tables import Knowledge


def sentences() -> dict[str, str]:
    """Key -> sentence, of a list that is written beside the wording."""
    with (Path(__file__).parent / "sentences.csv").open(newline="", encoding="utf-8") as file:
        return {row["key"]: row["sentence"] for row in csv.DictReader(file)}


def changed(listed: Mapping[str, str], wording: Mapping[str, str]) -> list[str]:
    """Keys of the list that say something else, or nothing."""
    return [key for key, sentence in listed.items() if wording.get(key) != sentence]


def test_a_sentence_is_the_one_of_the_list(knowledge: Knowledge) -> None:
    """What is said is what stands in the list; `make golden` writes it again."""
    assert changed(sentences(), knowledge.wording) == []


def test_another_sentence_is_noticed() -> None:
    """A sentence that is another, and one that is gone, are named."""
    assert changed({"a.b": "No.", "a.c": "Yes."}, {"a.b": "Not."}) == ["a.b", "a.c"]
