"""The tiers of the tests. Which ones start a server or a process is found out, not listed; the rest is held to it.

`server`: the code of the test, or that of a fixture or function of ours that it uses, names something that starts a
server, a database or a process. `slow`: marked so by hand, for it computes for seconds. What is neither is the fast
tier, `make test-fast`; while such a test runs, nothing may be started.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

STARTERS = (
    *("tests.support.fhir_peer", "tests.support.key_server", "tests.support.peers", "tests.support.postgres"),
    *("tests.support.redis_server", "tests.support.server", "tests.support.serving", "tests.support.ports"),
    "tests.population.exports",
    *("subprocess", "multiprocessing", "concurrent.futures.process", "socket", "http.server", "werkzeug.serving"),
)
"""Modules whose names start something; a new one belongs here."""
_STARTED = {
    "socket.bind": "opens a socket to listen on",
    "subprocess.Popen": "starts a process",
    "os.fork": "starts a process",
    "os.forkpty": "starts a process",
    "os.posix_spawn": "starts a process",
    "os.system": "starts a process",
}
"""Audit events of Python (PEP 578), which see what libraries do as well."""

_fast_test: str | None = None
"""The test of the fast tier that runs now."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what starts a server, and puts what takes longest first, so that workers end at about the same time."""
    for item in items:
        if item.get_closest_marker("server") or any(starts_something(code) for code in _functions(item)):
            item.add_marker(pytest.mark.server)
    items.sort(key=lambda item: [item.get_closest_marker(tier) is None for tier in ("server", "slow")])


@contextmanager
def _held_to_its_tier(item: pytest.Item) -> Iterator[None]:
    global _fast_test
    _fast_test = None if item.get_closest_marker("server") else item.nodeid
    try:
        yield
    finally:
        _fast_test = None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Nothing is started for a test of the fast tier. What servers of others leave may end in its teardown."""
    with _held_to_its_tier(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Nor by it."""
    with _held_to_its_tier(item):
        return (yield)


@cache
def starts_something(function: Any) -> bool:
    """Whether a function, or one of ours that it names, names something that starts a server or a process."""
    return _reaches_a_starter(function, set())


def _reaches_a_starter(function: Any, seen: set[Any]) -> bool:
    if isinstance(function, type):
        parts = [part for part in vars(function).values() if isinstance(part, FunctionType)]
        return any(_reaches_a_starter(part, seen) for part in parts)
    function = inspect.unwrap(function)
    if not isinstance(function, FunctionType) or function in seen:
        return False
    seen.add(function)
    return any(_is_starter(name, function.__globals__.get(name), seen) for name in _names(function.__code__))


def _is_starter(name: str, value: Any, seen: set[Any]) -> bool:
    home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    if name in STARTERS or home in STARTERS:
        return True
    return isinstance(home, str) and home.startswith("tests.") and callable(value) and _reaches_a_starter(value, seen)


def _names(code: CodeType) -> Iterator[str]:
    """Every name that the code uses, in the functions inside it as well."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)


def _functions(item: pytest.Item) -> Iterator[Any]:
    """The test itself, without what Hypothesis wraps it in, and the fixtures that it uses."""
    if isinstance(item, pytest.Function):
        yield getattr(getattr(item.obj, "hypothesis", None), "inner_test", item.obj)
        yield from (found[-1].func for found in item._fixtureinfo.name2fixturedefs.values())


def _forbid_in_fast_tests(event: str, arguments: tuple[Any, ...]) -> None:
    if _fast_test is not None and event in _STARTED:
        pytest.fail(
            f"{_fast_test} {_STARTED[event]} ({event} {arguments!r:.200}), which no test of `make test-fast` does. "
            "Start it by a name of a module in STARTERS (tests/support/tiers.py), or mark the test with "
            "@pytest.mark.server."
        )


sys.addaudithook(_forbid_in_fast_tests)
