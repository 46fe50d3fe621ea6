"""A change of the rows -> the tables with it, made by the loader's own functions; what it can't touch is shared."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from copy import copy
from functools import lru_cache
from typing import Any

from msgspec.structs import replace

from cds_service.cards.wording import ENGLISH
from cds_service.knowledge import load, rows
from cds_service.knowledge.cross_checks import terms_of
from cds_service.knowledge.lab_index import LabIndex
from cds_service.knowledge.medication_table import medication_table
from cds_service.knowledge.order_table import order_texts
from cds_service.knowledge.performed_table import PerformedTable
from cds_service.knowledge.shared_parts import shared
from cds_service.knowledge.table_rows import TableRows
from cds_service.knowledge.tables import Contraindication, Knowledge
from cds_service.knowledge.value_sets import SUFFICIENT, CodeIndex, CodeRule, Hit
from cds_service.knowledge.words import Words
from tests.mutants.changes import Mutant

_WHOLE = {"medications": "medications", "holds": "hold_table"}
"""Table of a mutant whose row is the whole file -> field of TableRows."""
_ROWS = {
    **dict.fromkeys(("contraindication", "criterion"), "contraindications"),
    **dict.fromkeys(("procedure", "indication", "alert"), "procedures"),
    "threshold": "thresholds",
    "hold": "holds",
    "lab": "labs",
}


def _without_line(value_set: Mapping[str, Any], gone: CodeRule) -> Mapping[str, Any]:
    includes = []
    for include in value_set["compose"]["include"]:
        same = include["system"] == gone.system
        concepts = [c for c in include.get("concept", ()) if not (same and c["code"] == gone.code)]
        filters = [f for f in include.get("filter", ()) if not (same and f["value"].removesuffix(".*") == gone.code)]
        includes.append({**include, **{n: v for n, v in (("concept", concepts), ("filter", filters)) if n in include}})
    return {**value_set, "compose": {**value_set["compose"], "include": includes}}


class _Remembered(Words):
    """Words of the tables, each text once: the same thousands of displays are read for every change."""

    def __init__(self, spelling: Mapping[str, str]) -> None:
        super().__init__(spelling)
        self.of = lru_cache(maxsize=None)(super().of)  # type: ignore[method-assign]


def _left_out(lists: Mapping[Any, list[Any]], key: Any, one: Any) -> dict[Any, list[Any]]:
    """The lists by key, one element once less; a list that is then empty is left out."""
    left = list(lists[key])
    left.remove(one)
    kept = {**lists, key: left}
    if not left:
        del kept[key]
    return kept


class _Codes:
    """The index of the codes without one line of a ValueSet: what the line is not in is shared."""

    def __init__(self, index: CodeIndex, rules: list[CodeRule], words: Words) -> None:
        self._index, self._words = index, words
        self._named: dict[tuple[str, str], list[CodeRule]] = {}
        for rule in rules:
            if rule.display:
                self._named.setdefault(self._key(rule), []).append(rule)

    def _key(self, rule: CodeRule) -> tuple[str, str]:
        return rule.system, self._index._spell(rule.system, rule.code)

    def without(self, gone: CodeRule) -> CodeIndex:
        """As the loader would make it from the other lines."""
        index, key, written = copy(self._index), self._key(gone), (gone.system, gone.code)
        part = "prefixes" if gone.prefix else "exact"
        hits = _left_out(getattr(index._tables, part), key, Hit(gone.value_set, gone.relation))
        index._tables = replace(index._tables, **{part: hits})
        index._rules_of = _left_out(index._rules_of, gone.value_set, gone)
        systems = {rule.system for rule in index._rules_of.get(gone.value_set, ())}
        index._systems_of = {**index._systems_of, gone.value_set: systems}
        if gone.display:
            index._by_text = _left_out(index._by_text, self._words.of(gone.display), written)
            index._displayed = _left_out(index._displayed, gone.display, written)
            others = [rule.display for rule in self._named[key] if rule != gone and rule.display]
            displays = {code: name for code, name in index._displays.items() if code != key}
            index._displays = {**displays, key: others[-1]} if others else displays
        index.lookup = lru_cache(maxsize=50_000)(index._lookup)  # type: ignore[method-assign]
        index.reads_for = lru_cache(maxsize=50_000)(index._reads_for)  # type: ignore[method-assign]
        index._systems_holding = lru_cache(maxsize=5_000)(index._systems_in)
        return index


class Workshop:
    """The shipped tables, and each mutant of them."""

    def __init__(self, files: TableRows, knowledge: Knowledge) -> None:
        """Read the lines of the ValueSets once."""
        self.files, self.knowledge = files, knowledge
        self._rules, self._exclusions = load._rules(files)
        self._thresholds = dict(knowledge.thresholds)
        self._words = shared(_Remembered, files.spelling)
        self._codes = _Codes(load._index(files, self._rules, self._exclusions, self._words), self._rules, self._words)
        self._terms = terms_of(files)  # no mutant changes the words of allergies and diagnoses

    def make(self, mutant: Mutant) -> Knowledge:
        """The tables with one change."""
        if mutant.rule is not None:
            return self._without_code(mutant.rule)
        if mutant.table == "sentence":
            return self._with_sentence(mutant.keys[0])
        if mutant.table == "threshold":
            return self._with_threshold(mutant)
        if mutant.table == "hold":
            return self._with_hold(mutant)
        if mutant.table in ("medications", "holds"):
            return self._with_medications(mutant)
        if mutant.table == "performed":
            return self._with_performed(mutant)
        if mutant.table == "lab":
            return self._with_lab(mutant)
        if mutant.table in ("contraindication", "criterion"):
            return dataclasses.replace(self.knowledge, contraindications=self._contraindications(mutant))
        return self._with_procedure(mutant)

    def make_anew(self, mutant: Mutant) -> Knowledge:
        """The same by the whole loader, from changed rows: what `make` is held against."""
        files, key = self.files, mutant.keys[0]
        if mutant.rule is not None:
            value_sets = {**files.value_sets, key: _without_line(files.value_sets[key], mutant.rule)}
            return load._assemble(replace(files, value_sets=value_sets), self._terms)
        if mutant.table in _WHOLE:
            return load._assemble(replace(files, **{_WHOLE[mutant.table]: mutant.row}), self._terms)
        if mutant.table == "performed":
            made = [mutant.row if row["id"] == key else row for row in files.performed["performed"]]
            kept = {**files.performed, "performed": [row for row in made if row is not None]}
            return load._assemble(replace(files, performed=kept), self._terms)
        name = _ROWS[mutant.table]
        rows_ = dict(getattr(files, name))
        rows_[key] = {**rows_[key], "status": "retired"} if mutant.row is None else mutant.row
        return load._assemble(replace(files, **{name: rows_}), self._terms)

    def _with_sentence(self, key: str) -> Knowledge:
        english = {**self.knowledge.wording, key: "-"}
        return dataclasses.replace(
            self.knowledge, wording=english, wordings={**self.knowledge.wordings, ENGLISH: english}
        )

    def _with_threshold(self, mutant: Mutant) -> Knowledge:
        assert mutant.row is not None
        thresholds = {**self._thresholds, mutant.keys[0]: rows.threshold(mutant.row)}
        made = tuple(
            rows.contraindication(row, thresholds)
            for row in self.files.contraindications.values()
            if rows.is_active(row)
        )
        return dataclasses.replace(self.knowledge, thresholds=thresholds, contraindications=made)

    def _with_hold(self, mutant: Mutant) -> Knowledge:
        key, files = mutant.keys[0], self.files
        made = [mutant.row if row["id"] == key else row for row in files.holds.values()]
        kept = [row for row in made if row is not None]
        table = medication_table(files.medications, files.hold_table, kept, self.knowledge.words)
        return dataclasses.replace(self.knowledge, medications=table)

    def _with_medications(self, mutant: Mutant) -> Knowledge:
        files = self.files
        whole = {"medications": files.medications, "holds": files.hold_table, mutant.table: mutant.row or {}}
        made = medication_table(whole["medications"], whole["holds"], files.holds.values(), self.knowledge.words)
        return dataclasses.replace(self.knowledge, medications=made)

    def _with_performed(self, mutant: Mutant) -> Knowledge:
        key, table = mutant.keys[0], self.files.performed
        made = [mutant.row if row["id"] == key else row for row in table["performed"]]
        kept = {**table, "performed": [row for row in made if row is not None]}
        return dataclasses.replace(self.knowledge, performed=PerformedTable(kept, self.knowledge.words))

    def _with_lab(self, mutant: Mutant) -> Knowledge:
        assert mutant.row is not None
        base, key = self.knowledge, mutant.keys[0]
        return dataclasses.replace(base, labs={**base.labs, key: rows.lab(mutant.row, base.units)})

    def _contraindications(self, mutant: Mutant) -> tuple[Contraindication, ...]:
        made = {row.id: row for row in self.knowledge.contraindications}
        if mutant.row is None:
            del made[mutant.keys[0]]
        else:
            made[mutant.keys[0]] = rows.contraindication(mutant.row, self._thresholds)
        return tuple(made.values())

    def _with_procedure(self, mutant: Mutant) -> Knowledge:
        key = mutant.keys[0]
        if mutant.row is None:
            return self._without_procedure(key)
        procedures = {**self.knowledge.procedures, key: rows.procedure(mutant.row)}
        return dataclasses.replace(self.knowledge, procedures=procedures)

    def _without_procedure(self, key: str) -> Knowledge:
        """As a site would switch it off: its codes stay, its names and its place in the tree go."""
        base = self.knowledge
        files = replace(
            self.files, procedures={**self.files.procedures, key: {**self.files.procedures[key], "status": "retired"}}
        )
        procedures = {name: procedure for name, procedure in base.procedures.items() if name != key}
        return dataclasses.replace(
            base,
            procedures=procedures,
            children=load._children(procedures),
            order_texts=order_texts(files, procedures, self._words),
            order_codes=load._order_codes(procedures, self._rules, base.codes),
        )

    def _without_code(self, gone: CodeRule) -> Knowledge:
        base, kept = self.knowledge, [rule for rule in self._rules if rule != gone]
        codes = self._codes.without(gone)
        sufficient = frozenset(rule.value_set for rule in kept if rule.relation in SUFFICIENT)
        labs = LabIndex(base.labs.values(), self.files.lab_names, codes, kept, base.words)
        return dataclasses.replace(
            base,
            codes=codes,
            lab_index=labs,
            order_codes=load._order_codes(base.procedures, kept, codes),
            conditions={key: rows.condition(row, sufficient) for key, row in self.files.conditions.items()},
        )
