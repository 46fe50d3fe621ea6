"""Shared fixtures: the shipped tables, and a frozen clock in a zone that is not UTC. How many examples are made up."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings

from cds_service.knowledge.tables import Knowledge
from tests.support.log_scan import LogScan
from tests.support.shipped import shipped_knowledge

pytest_plugins = ["tests.support.tiers"]
gc.set_threshold(50_000, 20, 100)  # as in the server: looking through ten thousand tests again and again takes long

# How fast the machine is makes no test fail. The daily examples are the same in every run, those of the night are new.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("daily", _PATIENT, max_examples=80, derandomize=True)
settings.register_profile("nightly", _PATIENT, max_examples=int(os.environ.get("TEST_EXAMPLES", "10000")))
settings.load_profile("daily")


def pytest_collection_finish() -> None:
    """Tests and tables stay until the end: the collector need not look at them after each test."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def log_scan() -> Iterator[LogScan]:
    """Nothing that the service logs in the whole run holds a token, a name or a date of birth."""
    scan, logger = LogScan(), logging.getLogger("cds_service")
    logger.addHandler(scan)
    logger.setLevel(logging.INFO)
    yield scan
    assert scan.leaks == []


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    """The shipped tables, loaded once."""
    return shipped_knowledge()


@pytest.fixture(scope="session")
def now() -> datetime:
    """The time of every test call; 03:00 in Shanghai is still the day before in UTC."""
    return datetime(2026, 11, 24, 3, 0, tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.fixture(scope="session", autouse=True)
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever a test starts keeps its default database in a folder of the test run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        patch.delenv("STATE_DIRECTORY", raising=False)
        yield


@pytest.fixture(autouse=True)
def records_are_settled() -> Iterator[None]:
    """No record of a test waits for a database that is deleted after it."""
    yield
    if "cds_service.storage.writer" in sys.modules:
        from tests.support.kept import close_writers

        close_writers()


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A test that starts the server in this process leaves the log of the others alone."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
