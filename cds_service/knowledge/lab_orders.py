"""Tests that may be ordered, from `lab_orders.toml`: what a card offers to order, and which order is one of a test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from cds_service.knowledge.table_rows import Row, TableRows
from cds_service.knowledge.value_sets import LOINC
from cds_service.knowledge.words import Words

if TYPE_CHECKING:
    from cds_service.facts.patient_facts import Concept
    from cds_service.knowledge.lab_types import Lab
    from cds_service.knowledge.reported_lab import ReportedLab

FILE = "lab_orders.toml"


class LabTest(msgspec.Struct, frozen=True):
    """One test: `answers` are the labs that it is ordered for, `covers` the tests that it contains.

    `days_before`: for which day before the procedure it is ordered. `confirmed_by` is the test that re-checks its
    result; None for the same one.
    """

    id: str
    loinc: str
    display: str
    answers: tuple[str, ...]
    covers: frozenset[str]
    days_before: int
    confirmed_by: str | None = None


class LabOrders:
    """The tests that may be ordered, and the category of such an order as (system, code, display).

    `within_days`: the oldest order in force that counts, inclusive.
    """

    def __init__(self, table: Row, words: Words) -> None:
        """Build from the whole of `lab_orders.toml`; `words` is how texts are compared."""
        category = table["category"]
        self.category: tuple[str, str, str] = (category["system"], category["code"], category["display"])
        self.tests: Mapping[str, LabTest] = {row["id"]: _test(row) for row in table["test"]}
        self.within_days: int = table["within_days"]
        self._words = words
        self._by_code: dict[str, set[str]] = {}
        self._by_name: dict[str, set[str]] = {}
        for row in table["test"]:
            for code in (row["loinc"], *row.get("panels", ())):
                self._by_code.setdefault(code, set()).add(row["id"])
            for name in row["names"]:
                self._by_name.setdefault(words.of(name), set()).add(row["id"])

    def tests_for(self, lab: str, labs: Mapping[str, Lab]) -> tuple[LabTest, ...]:
        """What to order where a lab is missing: its test, or those of what it is computed from; empty for none."""
        own = next((test for test in self.tests.values() if lab in test.answers), None)
        if own is not None:
            return (own,)
        derivation = labs[lab].derivation if lab in labs else None
        inputs = derivation.inputs if derivation else ()
        return tuple(dict.fromkeys(test for name in inputs for test in self.tests_for(name, labs)))

    def ordered_by(self, concept: Concept, reported: Iterable[ReportedLab]) -> frozenset[str]:
        """Ids of the tests that an order with this code gives, by code or by its whole text.

        Args:
            concept: the code of the order.
            reported: the labs that a result with this code would report.
        """
        found = {test for c in concept.codings if c.system.strip() == LOINC for test in self._of_code(c.code)}
        found |= {test for text in concept.texts for test in self._by_name.get(self._words.of(text), ())}
        labs = {one.lab for one in reported if one.doubt is None}
        found |= {test.id for test in self.tests.values() if labs & set(test.answers)}
        return frozenset(found).union(*(self.tests[test].covers for test in found))

    def without_covered(self, tests: Sequence[str]) -> tuple[str, ...]:
        """Test ids in the order given, each once, without those that another of them contains."""
        covered = frozenset().union(*(self.tests[test].covers for test in tests)) if tests else frozenset()
        return tuple(test for test in dict.fromkeys(tests) if test not in covered)

    def _of_code(self, code: str) -> Iterable[str]:
        return self._by_code.get(code.strip(), ())


def _test(row: Row) -> LabTest:
    covers = frozenset(row.get("covers", ()))
    answers = tuple(row["answers"])
    return LabTest(
        row["id"], row["loinc"], row["display"], answers, covers, row["days_before"], row.get("confirmed_by")
    )


def check_lab_orders(rows: TableRows) -> Iterator[str]:
    """Every name of a lab or test that there is none of, one line each."""
    tests = {row["id"]: row for row in rows.lab_orders["test"]}
    for key, row in tests.items():
        named = [("answers", name, rows.labs, "lab") for name in row["answers"]]
        named += [("covers", name, tests, "test") for name in row.get("covers", ())]
        named += [("confirmed_by", row["confirmed_by"], tests, "test")] if "confirmed_by" in row else []
        for field, name, known, kind in named:
            if name not in known:
                yield f'{FILE}: "{key}", {field} names "{name}", which is no {kind}; correct it or add it'
    for key, row in rows.advice.items():
        if row.get("test", next(iter(tests))) not in tests:
            yield f'advice.toml: "{key}", test names "{row["test"]}", which is no test of {FILE}; correct it or add it'
