"""The log: its format, what it never contains, and that the scan of the tests' log works."""

from __future__ import annotations

import io
import json
import logging

import pytest
from flask.testing import FlaskClient

from cds_service.security.pseudonym import pseudonym
from cds_service.web.logs import json_formatter
from tests.support.calls import NOTHING_RECORDED, a_call
from tests.support.log_scan import LogScan


@pytest.fixture
def written() -> tuple[logging.Logger, io.StringIO]:
    """A logger, and its output."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(json_formatter())
    logger = logging.Logger("a.module")
    logger.addHandler(handler)
    return logger, stream


def test_a_line_is_one_json_object(written: tuple[logging.Logger, io.StringIO]) -> None:
    """Event, extra fields, level, logger and time in UTC are in one JSON object."""
    logger, stream = written
    logger.warning("token refused", extra={"reason": "line\nbreak", "kid": None})
    (line,) = stream.getvalue().splitlines()
    fields = json.loads(line)
    assert fields.pop("timestamp").endswith("Z")
    assert fields == {
        "event": "token refused",
        "level": "warning",
        "logger": "a.module",
        "reason": "line\nbreak",
        "kid": None,
    }


def test_of_an_exception_only_the_code_is_logged(written: tuple[logging.Logger, io.StringIO]) -> None:
    """An exception is logged as stack frames without its message, which may quote the record."""
    logger, stream = written
    try:
        try:
            int("born 1981-04-02")
        except ValueError as error:
            raise KeyError("Jane Roe") from error
    except KeyError:
        logger.exception("failed")
    fields = json.loads(stream.getvalue())
    assert fields["frames"][-1] == "builtins.ValueError"
    assert "builtins.KeyError" in fields["frames"]
    assert "test_logs.py" in fields["frames"][0]
    assert not {"exc_info", "exception", "exc_text"} & fields.keys()
    assert "Jane" not in stream.getvalue()
    assert "1981" not in stream.getvalue()


def test_a_call_leaves_a_pseudonym(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    """The log line of a call has a pseudonym instead of the patient id; probes are not logged."""
    client.post("/cds-services/ir-order-sign", json=a_call(prefetch=NOTHING_RECORDED))
    client.get("/healthz")
    (record,) = [record for record in caplog.records if record.getMessage() == "call"]
    assert len(record.patient) == 32
    assert "pat-1" not in str(vars(record))


def test_pseudonyms_tell_patients_and_hospitals_apart() -> None:
    """The same patient of the same EHR has one pseudonym; another patient, EHR or key gives another one."""
    seen = [
        pseudonym(b"key", "https://a", "1"),
        pseudonym(b"key", "https://a", "2"),
        pseudonym(b"key", "https://b", "1"),
        pseudonym(b"other", "https://a", "1"),
        pseudonym(b"key", "https://a1", ""),
    ]
    assert len(set(seen)) == 5
    assert pseudonym(b"key", "https://a", "1") == seen[0]


@pytest.mark.parametrize(
    "text",
    ["Bearer eyJhbGciOiJFUzM4NCJ9.eyJpc3MiOiJ4In0.c2ln", "eyJhbGciOiJFUzM4NCJ9.eyJpc3MiOiJ4In0.", "born 1981-04-02"],
)
def test_the_search_through_the_log_of_the_tests_is_awake(text: str) -> None:
    """The scan finds a token or a date of birth anywhere in a line, and ignores harmless lines."""
    scan = LogScan()
    for extra in ({"note": text}, {"note": "2026-11-24 harmless"}):
        scan.handle(logging.makeLogRecord({"msg": "call", "levelno": logging.INFO, "levelname": "INFO"} | extra))
    assert (len(scan.leaks), scan.lines) == (1, 2)


def test_the_whole_run_is_searched(log_scan: LogScan, client: FlaskClient) -> None:
    """The log lines of this test are among those scanned at the end of the run."""
    before = log_scan.lines
    client.get("/cds-services")
    assert log_scan.lines == before + 1
