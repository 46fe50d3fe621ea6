"""The output in the terminal."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from cds_service.cli.show_cards import show_cards
from cds_service.cli.show_decision import show_decision, unknown_orders

ESCAPES = "\x1b]0;title\x07\x1b[31m\u202e\x9b"


def a_card(indicator: str, summary: str = "Platelets 38, limit 50", **members: object) -> dict[str, object]:
    """A card with the required members."""
    return {"indicator": indicator, "summary": summary, "source": {"label": "Tables"}, **members}


def shown(show, content) -> str:
    """The output of `show` in a terminal of 80 columns without colors."""
    out = StringIO()
    show(content, Console(file=out, width=80, highlight=False, markup=False, emoji=False))
    return out.getvalue()


def test_the_worst_card_comes_first():
    """Critical cards are printed before warnings, and warnings before infos, whatever their order in the response."""
    cards = [a_card("info", "third"), a_card("critical", "first"), a_card("warning", "second")]
    text = shown(show_cards, cards)
    assert text.index("first") < text.index("second") < text.index("third")


def test_an_unknown_indicator_is_not_hidden_at_the_end():
    """A card with an unknown indicator comes first, because it may be the worst."""
    text = shown(show_cards, [a_card("critical", "known"), a_card("hard-stop", "strange")])
    assert text.index("strange") < text.index("known")


def test_a_card_shows_everything_that_can_be_done():
    """Detail, suggestions, override reasons and source of a card are all printed."""
    card = a_card(
        "warning",
        detail="Recorded:\n\n- platelets 38, three days ago",
        suggestions=[{"label": "Cancel the order", "isRecommended": True}],
        overrideReasons=[{"code": "benefit", "system": "x", "display": "Benefit outweighs the risk"}],
        source={"label": "SIR 2019", "url": "https://example.org/sir"},
    )
    text = shown(show_cards, [card])
    wanted = ["WARNING", "platelets 38, three days ago", "Cancel the order (recommended)", "Benefit outweighs the risk"]
    assert [part for part in [*wanted, "SIR 2019 https://example.org/sir"] if part not in text] == []


def test_no_card_is_said_in_words():
    """An empty card list prints that there are no cards."""
    assert "No cards" in shown(show_cards, [])


def test_cards_fit_into_80_columns():
    """Long sentences are wrapped, so that a plain terminal shows them whole."""
    text = shown(show_cards, [a_card("info", "word " * 60, detail="word " * 200)])
    assert max(len(line) for line in text.splitlines()) <= 80


@pytest.mark.parametrize("place", ["summary", "detail"])
def test_a_record_can_not_command_the_terminal(place: str):
    """Control characters in texts from the record are removed."""
    text = shown(show_cards, [a_card("info") | {place: f"Iohexol{ESCAPES}"}])
    assert "Iohexol" in text
    assert [c for c in text if c in ESCAPES and not c.isprintable()] == []


DECISION = {
    "knowledgeVersion": "2026.11+00000000",
    "procedures": [
        {
            "order": "ServiceRequest/a",
            "procedure": "tips",
            "contraindications": [
                {
                    "id": "bleeding-tendency",
                    "certainty": "unknown",
                    "indicator": "info",
                    "criteria": [
                        {"id": "inr-high-risk", "certainty": "unknown", "reason": f"no result in 30 days{ESCAPES}"},
                        {
                            "id": "platelets-high-risk",
                            "certainty": "absent",
                            "evidence": [
                                {"reference": "Observation/p", "value": 120, "unit": "10*9/L", "date": "2026-11-20"}
                            ],
                        },
                    ],
                }
            ],
        },
        {"order": "ServiceRequest/b"},
    ],
    "unavailable": [{"data": "allergies", "reason": "the EHR reported an error"}],
}


def test_the_trace_shows_every_answer_with_its_ground():
    """The trace prints certainty, reason and evidence of every row, including absent ones, and unavailable data."""
    text = shown(show_decision, DECISION)
    wanted = [
        "inr-high-risk  unknown",
        "no result in 30 days",
        "platelets-high-risk  absent",
        "Observation/p  120 10*9/L",
    ]
    assert [part for part in [*wanted, "2026.11+00000000", "allergies: the EHR reported"] if part not in text] == []
    assert "\x1b" not in text


def test_an_order_that_was_not_judged_is_named():
    """An order that was not judged is named, because no card must not read as no contraindication."""
    assert unknown_orders(DECISION) == ["ServiceRequest/b"]
