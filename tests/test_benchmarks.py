"""What the benchmarks measure is the product as it is."""

from __future__ import annotations

import pytest

from benchmarks.grown_tables import four_times
from benchmarks.synthetic import build_request
from cds_service.answer import answer
from cds_service.hooks.envelope import read_request
from tests.support.reading import NOW
from tests.support.shipped import shipped_knowledge


@pytest.mark.slow
def test_four_times_the_rules_find_the_same():
    """The tables by which the cost of more rules is measured hold four times the procedures, and say the same."""
    shipped, grown = shipped_knowledge(), four_times()
    assert len(grown.procedures) == 4 * len(shipped.procedures)
    request = read_request("ir-order-sign", build_request(20, NOW.date()))
    of_shipped, of_grown = (answer(request, tables, now=NOW, new_id=lambda: "1") for tables in (shipped, grown))
    assert of_shipped.findings.orders
    assert of_grown.findings.orders == of_shipped.findings.orders
