"""What a card rests on: the same for the same findings, and another with any news."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from cds_service.cards.basis import basis_of
from cds_service.cards.card import Basis, Card
from cds_service.clinical_data.retrieved import Unavailable
from cds_service.findings.finding import Evidence, Findings, Shown, Told, Urgency
from cds_service.indicator import Indicator
from cds_service.reasons import Reason
from tests.cards.builders import PLATELETS, Tables

SHOWN = Told(Shown.CARD, "present")


def basis(
    tables: Tables,
    evidence: Evidence = PLATELETS,
    told: Told = SHOWN,
    unavailable: tuple[Unavailable, ...] = (),
    topic: str = "bleeding",
    level: Indicator = Indicator.WARNING,
    **fields: Any,
) -> Basis | None:
    """The basis of a card about platelets before a TIPS."""
    found = replace(tables.present("platelets-high-risk", evidence, indicator=level.word), told=told)
    order = tables.order("tips", found, **fields)
    (row,) = order.contraindications
    order = replace(order, contraindications=(replace(row, told=told),))
    card = Card((topic, "x"), level, "s", "d", "x", rows=(row.contraindication.id,))
    return basis_of(card, Findings((order,), unavailable))


def test_the_same_findings_have_the_same_basis(tables: Tables):
    """A card is known again whatever its words: language and "4 days ago" are no news."""
    assert basis(tables) == basis(tables)
    assert basis(tables) == Basis(("ServiceRequest/draft-1",), basis(tables).evidence, must_repeat=False)


@pytest.mark.parametrize(
    "news",
    [
        {"evidence": replace(PLATELETS, value=15)},
        {"evidence": replace(PLATELETS, reference="Observation/plt-2")},
        {"evidence": replace(PLATELETS, date="2026-11-23")},
        {"planned": date(2026, 11, 30)},
        {"urgency": Urgency.URGENT},
        {"level": Indicator.CRITICAL},
    ],
)
def test_any_news_is_another_basis(news: dict[str, Any], tables: Tables):
    """A new value, another entry, another day, a nearer procedure and a louder level are news."""
    assert basis(tables, **news).evidence != basis(tables).evidence


def test_another_order_is_another_card(tables: Tables):
    """The orders concerned are a part of what is known again."""
    assert basis(tables, reference="ServiceRequest/draft-2").orders == ("ServiceRequest/draft-2",)


@pytest.mark.parametrize("reference", ["draftOrders.entry[0]", "urn:uuid:1-2", "Appointment/a1"])
def test_an_order_without_an_id_is_not_known_again(reference: str, tables: Tables):
    """Where a draft has no id nobody can tell whether it is the same, so its cards are always shown."""
    assert basis(tables, reference=reference) is None


def test_what_must_be_repeated(tables: Tables):
    """Critical cards, and cards about data that could not be read, are shown until they are answered."""
    unread = (Unavailable("allergies", Reason("refused")),)
    assert basis(tables, level=Indicator.CRITICAL).must_repeat
    assert basis(tables, topic="gaps", unavailable=unread).must_repeat
    assert not basis(tables, topic="gaps").must_repeat
    assert basis(tables, unavailable=unread) == basis(tables)
