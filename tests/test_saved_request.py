"""Saved requests: relative dates, and the service for a hook."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from cds_service.errors import SetupError
from cds_service.saved_request import fill_dates, read_saved_request, service_for

TODAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        (b'"{{today}}"', b'"2026-03-02"'),
        (b'"{{today-3}}T08:10:00Z"', b'"2026-02-27T08:10:00Z"'),
        (b'"{{ today + 30 }}"', b'"2026-04-01"'),
        (b'"{{context.patientId}}"', b'"{{context.patientId}}"'),
        (b"\xff{{today-0}}", b"\xff2026-03-02"),
    ],
)
def test_a_saved_request_means_the_day_it_is_used(written: bytes, sent: bytes):
    """`{{today-3}}` is the date three days before the call; the rest of the file is sent unchanged."""
    assert fill_dates(written, TODAY) == sent


def test_a_file_that_is_not_there_is_named(tmp_path):
    """A missing file is reported with its path."""
    with pytest.raises(SetupError, match=r"nowhere\.json: can't be read"):
        read_saved_request(tmp_path / "nowhere.json", TODAY)


def test_the_hook_chooses_the_service():
    """A saved request goes to the service that answers its hook."""
    assert service_for(b'{"hook": "order-select"}') == "ir-order-select"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"not json", "x.json is not a hook request in JSON"),
        (b"[]", "x.json is not a hook request in JSON"),
        (b'{"hook": 7}', "not a hook request in JSON"),
        (b'{"hook": "\xff"}', "not a hook request in JSON"),
        (b'{"hook": "medication-refill"}', "No service answers the hook"),
    ],
)
def test_what_is_no_hook_request_is_said(body: bytes, says: str):
    """A file without a call of a known hook is rejected before anything is judged."""
    with pytest.raises(SetupError, match=says):
        service_for(body, Path("x.json"))
