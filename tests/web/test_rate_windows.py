"""Windows in which one process counts the calls of each client."""

from __future__ import annotations

from cds_service.web.rate_limits import LocalWindows


def test_a_window_begins_with_the_first_call_and_ends() -> None:
    """Calls above the limit are told how long the window lasts; the next window counts anew, other clients apart."""
    now = [100.0]
    windows = LocalWindows(2, 60, lambda: now[0])
    assert [windows.hit("one"), windows.hit("one"), windows.hit("one")] == [0, 0, 60]
    assert windows.hit("other") == 0
    now[0] = 159.5
    assert windows.hit("one") == 1
    now[0] = 160.0
    assert [windows.hit("one"), windows.hit("one"), windows.hit("one")] == [0, 0, 60]


def test_windows_that_ended_are_forgotten() -> None:
    """However many addresses call, only those of the last window are remembered."""
    now = [0.0]
    windows = LocalWindows(5, 10, lambda: now[0])
    for place in range(40_000):
        now[0] = place / 100
        windows.hit(f"address {place}")
    assert len(windows._windows) <= 10_001
