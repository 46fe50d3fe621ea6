"""Parsing of any feedback body: entries, or an error that says why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from cds_service.errors import RequestError
from cds_service.hooks.feedback import read_feedback

CARD = "a5c1bf4b-3f0c-4b5f-9d0e-7f6f3f2c9d11"
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
REASONS = st.fixed_dictionaries({}, optional={"code": SCALARS, "system": SCALARS, "display": SCALARS})
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "card": st.just(CARD) | ANYTHING,
        "outcome": st.sampled_from(["accepted", "overridden", "ignored"]) | ANYTHING,
        "outcomeTimestamp": st.datetimes().map(lambda moment: f"{moment.isoformat()}Z") | ANYTHING,
        "acceptedSuggestions": st.lists(st.fixed_dictionaries({"id": st.just(CARD) | SCALARS}), max_size=2) | ANYTHING,
        "overrideReason": st.fixed_dictionaries({}, optional={"reason": REASONS, "userComment": SCALARS}) | ANYTHING,
    },
)


@given(st.fixed_dictionaries({"feedback": st.lists(ENTRIES | ANYTHING, max_size=3) | ANYTHING}) | ANYTHING)
def test_whatever_is_sent_is_taken_whole_or_refused_with_a_reason(body: Any) -> None:
    """Any body is accepted or rejected with a message, and accepted entries have everything that the store needs."""
    entries, refusal = (), ""
    try:
        entries = read_feedback(orjson.dumps(body))
    except RequestError as error:
        refusal = error.message
    if refusal:
        assert "send" in refusal
        return
    assert len(entries) == len(body["feedback"])
    for entry in entries:
        assert (entry.card, entry.at.utcoffset()) == (CARD, timedelta(0))
        assert entry.outcome in ("accepted", "overridden")
        assert bool(entry.suggestions) or entry.outcome == "overridden"
        assert "\0" not in (entry.comment or "")
