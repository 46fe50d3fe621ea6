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
    "UTF-16 without a byte order mark": '{"a": 1}'.encode("utf-16-le"),
    "UTF-32": '{"a": 1}'.encode("utf-32-be"),
    "NUL behind the end": b'{"a": 1}\x00',
    "an exponent beyond any number": b'{"a": 1e999999999999999999999}',
    "half a character": b'{"a": "\\ud83d"}',
    "half a character in a name": b'{"\\udc00": 1}',
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


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b'{"a": "NaN",\n "b": NaN}', (2, 7)),
        (b'{"a": [\n1' + b"0" * 5000 + b"]}", (2, 1)),
        (b'{"a":\n  1e999999999999999999999}', (2, 3)),
        ('{"\u00fc":\n "'.encode() + b'\xfc"}', (2, 3)),
    ],
)
def test_the_place_of_what_is_no_json(content: bytes, place: tuple[int, int]) -> None:
    """What can't be read is named with its line and column."""
    [issue] = validate_json(content)
    assert (issue.line, issue.column) == place


def test_escaped_characters_are_whole() -> None:
    """A character that is escaped as its two surrogates, and the text of an escape, are allowed."""
    value, issues = read_json(rb'["\ud83d\ude00", "\\ud83d"]')
    assert (value, issues) == (["\U0001f600", "\\ud83d"], [])


def test_a_property_that_stands_twice() -> None:
    """A duplicate property is an error at its second place, because it is ambiguous."""
    _, issues = read_json(b'{"resourceType": "Patient", "active": true,\n "active": false}')
    assert [(one.severity, '"active"' in one.message, one.line, one.column) for one in issues] == [
        ("error", True, 2, 2)
    ]


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
