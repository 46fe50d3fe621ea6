"""Which tests `make test-fast` runs, and that none of them can start anything unnoticed."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.server import running_server
from tests.support.tiers import STARTERS, reaches


def uses_a_server() -> None:
    """Starts the production server."""
    with running_server(Path()):
        pass


def uses_a_helper() -> None:
    """Starts it by way of another function of ours."""
    uses_a_server()


def uses_a_process_inside() -> Callable[[], object]:
    """Starts a process in a function inside of it."""
    return lambda: subprocess.run(["true"], check=True)


def uses_nothing() -> str:
    """Starts nothing."""
    return "running_server, subprocess"


@pytest.mark.parametrize(
    ("code", "starts"),
    [(uses_a_server, True), (uses_a_helper, True), (uses_a_process_inside, True), (uses_nothing, False)],
)
def test_what_starts_a_server_is_found(code: Callable[[], object], starts: bool) -> None:
    """A test that starts a server or a process is found by its code, however many functions of ours lie between."""
    assert reaches(code, STARTERS) is starts


STARTS: dict[str, Callable[[], object]] = {
    "a socket to listen on": lambda: socket.create_server(("127.0.0.1", 0)).close(),
    "a process": lambda: subprocess.run(["true"], check=True),
    "a fork": lambda: os.fork() or os._exit(0),
}
"""In a table, where the code of the test below does not name it."""


@pytest.mark.filterwarnings("ignore:unclosed")  # the socket that could not be bound
@pytest.mark.parametrize("what", STARTS)
def test_a_fast_test_that_starts_something_fails(what: str) -> None:
    """What starts a server or a process unmarked fails at that line, with the name of the mark."""
    with pytest.raises(pytest.fail.Exception, match=r"(?s)(starts a process|opens a socket).* @pytest\.mark\.server"):
        STARTS[what]()
