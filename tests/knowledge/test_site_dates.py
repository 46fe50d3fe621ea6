"""Changes of a site that count from a day on, or until one."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.site import SiteChanges
from cds_service.knowledge.site_dates import in_force, next_day, wrong_dates
from tests.support.tables import put

TODAY = date(2026, 11, 24)
APPROVED = {"reason": "r", "approver": "a", "date": "2026-11-02", "source": "s"}
LIMIT = """
[[threshold]]
id = "platelets-high-risk"
value = 75
[threshold.change]
reason = "r"
approver = "a"
date = "2026-11-02"
source = "Protocol IR-07"
from = "2026-12-01"
until = "2026-12-31"
"""


def a_change(name: str = "x", **dates: str) -> dict[str, Any]:
    """A row with a change."""
    return {"id": name, "change": APPROVED | dates}


@pytest.mark.parametrize(
    ("dates", "counts"),
    [
        ({}, True),
        ({"from": "2026-11-24"}, True),
        ({"from": "2026-11-25"}, False),
        ({"until": "2026-11-24"}, True),
        ({"until": "2026-11-23"}, False),
        ({"from": "2026-11-01", "until": "2026-11-30"}, True),
    ],
)
def test_a_change_counts_from_its_first_to_its_last_day(dates: dict[str, str], counts: bool):
    """A change counts from the day `from` to the day `until`, both included; without them always."""
    site = SiteChanges(
        thresholds=[a_change(**dates)],
        contraindications=[{"id": "row", "criterion": [a_change(**dates)]}],
        order_words={"idle": [a_change(**dates) | {"about": "b"}]},
        value_sets=[{"id": "has no change"}],
    )
    found = in_force(site, TODAY)
    assert bool(found.thresholds) is counts
    assert bool(found.contraindications[0]["criterion"]) is counts
    assert bool(found.order_words["idle"]) is counts
    assert found.value_sets


def test_the_next_day_is_the_first_on_which_something_changes():
    """The tables change on the day `from`, and on the day after `until`."""
    site = SiteChanges(
        thresholds=[a_change(until="2026-11-30")],
        procedures=[a_change(**{"from": "2026-12-05"})],
        links=[a_change(**{"from": "2026-11-01"})],
    )
    assert next_day(site, TODAY) == date(2026, 12, 1)
    assert next_day(site, date(2026, 12, 1)) == date(2026, 12, 5)
    assert next_day(site, date(2026, 12, 5)) is None


def test_dates_that_cannot_be_are_refused():
    """An approval still to come and an end before its beginning are mistakes; tomorrow may be today elsewhere."""
    site = SiteChanges(
        thresholds=[a_change("early", date="2026-11-26"), a_change("zone", date="2026-11-25")],
        links=[a_change("never", **{"from": "2026-12-02", "until": "2026-12-01"})],
    )
    assert list(wrong_dates(site, TODAY)) == [
        'site/thresholds.toml: "early", change: date is 2026-11-26, which is still to come; write the day of approval',
        'site/links.toml: "never", change: until is 2026-12-01, before from (2026-12-02); correct one of them',
    ]


def test_a_limit_has_another_value_for_a_month(tmp_path: Path):
    """Before, in and after its month a local limit is another state of the tables, each with its own version."""
    put(tmp_path / "thresholds.toml", LIMIT)
    states = [load_knowledge(tmp_path, today=day) for day in (TODAY, date(2026, 12, 1), date(2027, 1, 1))]
    assert [str(state.thresholds["platelets-high-risk"].value) for state in states] == ["50", "75", "50"]
    assert len({state.version for state in states}) == 3
    assert [state.changes[0].get("state") for state in states] == ["later", None, "over"]
    assert [state.next_day for state in states] == [date(2026, 12, 1), date(2027, 1, 1), None]
