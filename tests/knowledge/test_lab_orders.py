"""The tests that a card may offer to order."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.knowledge.tables import Knowledge
from tests.support.shipped import shipped_rows
from tests.terminology.test_codes import luhn_10

ROWS = shipped_rows().lab_orders["test"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_every_code_to_order_by_is_well_formed(row: dict[str, Any]) -> None:
    """Each LOINC code of a test, and of a panel that contains it, has its check digit."""
    for code in (row["loinc"], *row.get("panels", ())):
        number, _, digit = code.partition("-")
        assert luhn_10(number) == int(digit)


def test_a_name_orders_one_test_or_a_panel_of_several(knowledge: Knowledge) -> None:
    """No name belongs to two tests unless it is that of a panel, which gives both."""
    names: dict[str, set[str]] = {}
    for row in ROWS:
        for name in row["names"]:
            names.setdefault(knowledge.words.of(name), set()).add(row["id"])
    shared = {name.strip() for name, tests in names.items() if len(tests) > 1}
    assert shared == {"cmp", "comprehensive metabolic panel"}


@pytest.mark.parametrize(
    ("lab", "tests"),
    [
        ("inr", ["inr"]),
        ("platelets", ["cbc"]),
        ("neutrophils", ["cbc-differential"]),
        ("egfr", ["creatinine"]),
        ("meld", ["bilirubin", "inr", "creatinine"]),
        ("pregnancy-test", ["hcg-urine"]),
        ("lvef", []),
        ("no-such-lab", []),
    ],
)
def test_what_is_ordered_for_a_missing_lab(lab: str, tests: list[str], knowledge: Knowledge) -> None:
    """A missing lab has its test, a computed one those of its parts, and what is no blood test has none."""
    assert [test.id for test in knowledge.lab_orders.tests_for(lab, knowledge.labs)] == tests
