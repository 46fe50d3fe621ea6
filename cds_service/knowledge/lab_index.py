"""Which labs a result reports, or may report: by its codes, and by its words where its codes are not read.

A code of a lab's ValueSet says it for sure. What may be a lab is never judged as one and never passed over: a code of
the lab that is not read (SNOMED CT, NPU, LOINC without its system), a name of the lab, or no name at all. Other words,
look-alikes among them, are another test. The names are in `lab_names.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from cds_service.facts.patient_facts import Concept
from cds_service.knowledge.lab_types import Lab
from cds_service.knowledge.reported_lab import ReportedLab
from cds_service.knowledge.value_sets import CodeIndex, CodeRule
from cds_service.knowledge.words import Words

_NOT_READ = "coded-unread"
_ROUGHLY = "lab-code-roughly"
_ASIDE = re.compile(r"\([^()]*\d[^()]*\)|\[[^\[\]]*\d[^\[\]]*\]")
"""Brackets that hold a number: a goal, a range of reference, the year of a formula."""
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_DIGIT = re.compile(r"\d")

Names = Mapping[str, Any]


class LabIndex:
    """The codes and names of all labs."""

    def __init__(
        self, labs: Iterable[Lab], names: Names, codes: CodeIndex, rules: Iterable[CodeRule], words: Words
    ) -> None:
        """Build.

        Args:
            labs: every lab.
            names: `lab_names.toml`.
            codes: the index of all ValueSets and ConceptMaps.
            rules: the lines of the ValueSets, for codes that are sent without their system.
            words: how texts are compared.
        """
        self._codes = codes
        self._words = words
        self._by_value_set = {lab.value_set: lab.id for lab in labs if lab.value_set}
        self._maybe = {row["value_set"]: row["id"] for row in names["lab"] if "value_set" in row}
        self._systems = codes.systems_of(self._by_value_set)
        self._mapped = frozenset(codes.mapped())
        self._names = {row["id"]: tuple(row["names"]) for row in names["lab"]}
        self._any_name = tuple(dict.fromkeys(name for row in self._names.values() for name in row))
        other = tuple(names["look_alikes"])
        own = {row["id"]: frozenset(row.get("own", ())) for row in names["lab"]}
        self._other = {lab: tuple(word for word in other if word not in own[lab]) if own[lab] else other for lab in own}
        self._other_than = {row["id"]: tuple(row.get("look_alikes", ())) for row in names["lab"]}
        self._bare: dict[str, list[str]] = {}
        for rule in rules:
            if rule.value_set in self._by_value_set and rule.system in self._systems and not rule.prefix:
                self._bare.setdefault(rule.code, []).append(self._by_value_set[rule.value_set])
        self._qualitative = frozenset(map(_folded, names["qualitative"]))

    def reads(self, concept: Concept) -> bool:
        """Whether a result with this code is, or may be, one of the labs."""
        return bool(self.of(concept))

    def of(self, concept: Concept) -> tuple[ReportedLab, ...]:
        """The labs that a result with this code reports; where none is sure, those that it may report."""
        coded = self._coded(concept)
        if any(found.doubt is None for found in coded.values()):
            return tuple(coded.values())
        if any((c.system.strip(), c.code.strip()) in self._mapped for c in concept.codings):
            return tuple(coded.values())  # the site has looked at the code
        of_a_read_system = any(self._codes.reads_for(c.system, c.code, self._systems) for c in concept.codings)
        named = self._named(concept, must_fit=of_a_read_system)
        if not coded and not named and not of_a_read_system and self._says_nothing(concept):
            return tuple(ReportedLab(lab, None, _NOT_READ, must_fit=True) for lab in self._by_value_set.values())
        return tuple({**named, **coded}.values())

    def is_qualitative(self, answer: str) -> bool:
        """Whether an answer in words is that of a test strip or an estimate, and no measurement."""
        return _folded(answer) in self._qualitative

    def calls(self, lab: str, text: str) -> bool:
        """Whether a text is a name of the lab and of nothing else."""
        return self._words.of(text) in {self._words.of(name) for name in self._names.get(lab, ())}

    def _coded(self, concept: Concept) -> dict[str, ReportedLab]:
        found: dict[str, ReportedLab] = {}

        def add(reported: ReportedLab) -> None:
            known = found.get(reported.lab)
            if known is None or (known.doubt is not None and reported.doubt is None):
                found[reported.lab] = reported

        for coding in concept.codings:
            for hit in self._codes.lookup(coding.system, coding.code):
                lab = self._by_value_set.get(hit.value_set)
                if lab is not None:
                    add(ReportedLab(lab, coding, None if hit.sufficient else _ROUGHLY, refused=not hit.sufficient))
                elif hit.value_set in self._maybe:
                    add(ReportedLab(self._maybe[hit.value_set], coding, _NOT_READ))
            if not self._codes.reads_for(coding.system, coding.code, self._systems):
                for lab in self._bare.get(coding.code.strip(), ()):
                    add(ReportedLab(lab, coding, _NOT_READ))
        for code in concept.bare_codes:
            for lab in self._bare.get(code, ()):
                add(ReportedLab(lab, None, _NOT_READ))
        return found

    def _named(self, concept: Concept, *, must_fit: bool) -> dict[str, ReportedLab]:
        """Every lab of which one of the texts is a name, and none of them, or of what they are within, is another's."""
        texts = [*concept.texts, *(code for code in _codes_of(concept) if _LETTERS.search(code))]
        said = [self._words.of(text) for text in texts]
        if not any(self._words.hold_any(words, self._any_name) for words in said):
            return {}
        outside = [self._words.of(_ASIDE.sub(" ", text)) for text in texts]
        around = [self._words.of(text) for text in concept.within]
        return {
            lab: ReportedLab(lab, next(iter(concept.codings), None), _NOT_READ, must_fit)
            for lab, names in self._names.items()
            if any(self._words.hold_any(words, names) for words in said)
            and not any(self._words.hold_any(words, self._other[lab]) for words in (*outside, *around))
            and not any(self._words.hold_any(words, self._other_than[lab]) for words in outside)
        }

    def _says_nothing(self, concept: Concept) -> bool:
        """Whether only codes are there, and none that is a word: `GLUC` says what it is, `L4711` does not.

        A code that says why there is no code (masked) is no word either, nor is a text without a letter (`-`).
        """
        coded = [coding.code.strip() for coding in concept.codings if not self._codes.says_absent(coding.system)]
        codes = [*coded, *concept.bare_codes]
        said = any(letter.isalpha() for text in concept.texts for letter in text)
        return not said and not any(_LETTERS.search(code) and not _DIGIT.search(code) for code in codes)


def _codes_of(concept: Concept) -> list[str]:
    return [*(coding.code.strip() for coding in concept.codings), *concept.bare_codes]


def _folded(text: str) -> str:
    return text.strip().casefold()
