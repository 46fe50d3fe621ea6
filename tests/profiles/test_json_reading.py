"""Parsing of received JSON: everything that is not valid JSON is reported, without a crash."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cds_service.profiles.json_reading import MAX_DEPTH, read_json
from cds_service.profiles.validate import validate_json

BROKEN = {
    "not JSON": b'{"resourceType": "Patient"',
    "nothing": b"",
    "NaN": b'{"resourceType": "Patient", "x": NaN}',
    "Infinity": b'{"x": -Infinity}',
    "a trailing comma": b'{"resourceType": "Patient",}',
    "a decimal that ends in a dot": b'{"value": 925.}',
    "a control character in a text": b'{"a": "b\x01"}',
    "Latin-1": b'{"a": "\xe9"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "more text behind": b'{"resourceType": "Patient"} {"resourceType": "Patient"}',
    "nested too deeply": b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    "nested beyond any stack": b"[" * 200_000,
    "a number of a million digits": b"1" * 1_000_000,
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_json(content: bytes) -> None:
    """Bytes that are not usable JSON give one fatal issue that says why."""
    issues = validate_json(content)
    assert [issue.severity for issue in issues] == ["fatal"]
    assert issues[0].message


def test_a_property_that_stands_twice() -> None:
    """A duplicate property is an error, because it is ambiguous."""
    _, issues = read_json(b'{"resourceType": "Patient", "active": true, "active": false}')
    assert [(issue.severity, '"active"' in issue.message) for issue in issues] == [("error", True)]


def test_a_byte_order_mark_is_a_warning() -> None:
    """A byte order mark is a warning, and the resource is still read."""
    value, issues = read_json(b'\xef\xbb\xbf{"resourceType": "Patient"}')
    assert value == {"resourceType": "Patient"}
    assert [issue.severity for issue in issues] == ["warning"]


def test_decimals_are_kept_as_written() -> None:
    """1.50 stays 1.50, because the precision of a decimal matters."""
    value, _ = read_json(b'{"value": 1.50, "count": 2}')
    assert str(value["value"]) == "1.50"
    assert value == {"value": Decimal("1.5"), "count": 2}
