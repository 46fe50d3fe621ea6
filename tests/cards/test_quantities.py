"""Values, units and limits as a person reads them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cds_service.cards.quantities import shown_limit, shown_quantity, shown_reason
from cds_service.cards.wording import Wording
from cds_service.knowledge.tables import Knowledge
from cds_service.reasons import Reason


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (Decimal("42.0"), "10*9/L", "42 × 10⁹/L"),
        (Decimal("1.70"), "1", "1.7"),
        (Decimal("0"), "mg/dL", "0 mg/dL"),
        (Decimal("1E+2"), None, "100"),
        ("<20", "10*3/uL", "below 20 × 10³/µL"),
        (">90", "mL/min/{1.73_m2}", "above 90 mL/min/1.73 m²"),
        ("<=15", None, "15 or less"),
        ("≥ 3", "{INR}", "3 or more"),
        ("1.0-1.2", None, "1.0-1.2"),
        (Decimal(5), "<b>/*x*", "5 ‹b›/∗x∗"),
        ("<script>", None, "below script›"),
    ],
)
def test_a_value_is_shown_with_its_unit(value: Decimal | str, unit: str | None, shown: str, wording: Wording):
    """A number loses zeros that say nothing, a comparator is said in words, a known unit is written as people do."""
    assert shown_quantity(value, unit, wording) == shown


@pytest.mark.parametrize(
    ("limit", "shown"),
    [
        ("platelets-high-risk", "below 50 × 10⁹/L"),
        ("inr-high-risk", "above 1.8"),
        ("lvef-severe", "30 % or less"),
        ("creatinine-chemoembolization", "2 mg/dL or more"),
        ("creatinine-rise", "a rise of 0.3 mg/dL within 48 hours, or to 1.5 times within 7 days"),
        ("nyha-severe", None),
    ],
)
def test_a_limit_is_shown_as_the_side_that_speaks(
    limit: str, shown: str | None, knowledge: Knowledge, wording: Wording
):
    """A limit is named with the side on which the card speaks; a coded answer has no number to name."""
    assert shown_limit(knowledge.thresholds[limit], wording) == shown


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (
            Reason("unit-not-read", {"unit": "<i>", "value": "1"}),
            "the unit of the result (“‹i›”) can't be read for this test; the value is 1",
        ),
        (Reason("implausible", {"value": "9000", "unit": "10*9/L"}), "the result, 9000 × 10⁹/L, is implausible"),
        (
            Reason("straddles", {"value": "<60", "limit": "< 30"}),
            "the result, below 60, may lie on either side of the limit (below 30); the exact value is needed",
        ),
        (Reason("older-than", {"days": 30}), "no result within 30 days"),
    ],
)
def test_values_of_a_reason_are_made_harmless(reason: Reason, shown: str, wording: Wording):
    """What a reason quotes from the record is as safe as any other text of it."""
    assert shown_reason(reason, wording) == shown
