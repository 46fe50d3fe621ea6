"""The tiers of the tests: which tier a test is of is found out, not listed.

`server`: the code of the test, or that of a fixture or function of ours that it uses, names something that starts a
server, a database or a process. `slow`: it names something that takes long, such as loading tables of its own, or
Hypothesis makes up its examples; others are marked by hand. What is neither is the fast tier, `make test-fast`; while
such a test runs, nothing may be started.
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
from hypothesis import is_hypothesis_test

STARTERS = (
    *(
        "tests.support.browser",
        "tests.support.fhir_peer",
        "tests.support.key_server",
        "tests.support.peers",
        "tests.support.postgres",
    ),
    *("tests.support.redis_server", "tests.support.server", "tests.support.serving", "tests.support.ports"),
    *("cds_service.population.run", "cds_service.population.workers"),
    *("subprocess", "multiprocessing", "concurrent.futures.process", "socket", "http.server", "werkzeug.serving"),
)
"""Modules whose names start something; a new one belongs here."""
LONG = ("tests.support.tables",)
"""Modules whose names take long."""
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
        functions = list(_functions(item))
        if any(reaches(function, STARTERS) for function in functions):
            item.add_marker(pytest.mark.server)
        if any(reaches(function, LONG) or is_hypothesis_test(function) for function in functions):
            item.add_marker(pytest.mark.slow)
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
def reaches(function: Any, modules: tuple[str, ...]) -> bool:
    """Whether a function, or one of the tests' own that it names, names one of these modules or something of it."""
    return _reaches(function, modules, set())


def _reaches(function: Any, modules: tuple[str, ...], seen: set[Any]) -> bool:
    if isinstance(function, type):
        parts = [part for part in vars(function).values() if isinstance(part, FunctionType)]
        return any(_reaches(part, modules, seen) for part in parts)
    function = _plain(function)
    if not isinstance(function, FunctionType) or function in seen:
        return False
    seen.add(function)
    return any(_is_of(name, function.__globals__.get(name), modules, seen) for name in _names(function.__code__))


def _is_of(name: str, value: Any, modules: tuple[str, ...], seen: set[Any]) -> bool:
    home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    if name in modules or home in modules:
        return True
    return isinstance(home, str) and home.startswith("tests.") and callable(value) and _reaches(value, modules, seen)


def _plain(function: Any) -> Any:
    """A function without what decorators, and Hypothesis, have wrapped around it."""
    return inspect.unwrap(getattr(getattr(function, "hypothesis", None), "inner_test", function))


def _names(code: CodeType) -> Iterator[str]:
    """Every name that the code uses, in the functions inside it as well."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)


def _functions(item: pytest.Item) -> Iterator[Any]:
    """The test itself and the fixtures that it uses."""
    if isinstance(item, pytest.Function):
        yield item.obj
        yield from (found[-1].func for found in item._fixtureinfo.name2fixturedefs.values())


def _forbid_in_fast_tests(event: str, arguments: tuple[Any, ...]) -> None:
    if _fast_test is not None and event in _STARTED:
        pytest.fail(
            f"{_fast_test} {_STARTED[event]} ({event} {arguments!r:.200}), which no test of `make test-fast` does. "
            "Start it by a name of a module in STARTERS (tests/support/tiers.py), or mark the test with "
            "@pytest.mark.server."
        )


sys.addaudithook(_forbid_in_fast_tests)
