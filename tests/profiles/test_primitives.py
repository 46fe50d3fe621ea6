"""Primitive types: valid and invalid values."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cds_service.profiles.primitives import primitive_problem

GOOD: dict[str, list[Any]] = {
    "boolean": [True, False],
    "integer": [0, -5, 2**31 - 1, -(2**31)],
    "unsignedInt": [0, 7],
    "positiveInt": [1, 2**31 - 1],
    "decimal": [1, Decimal("1.50"), 1.5, -1, Decimal("1E+3")],
    "string": ["x", "a\nb\tc", "é"],
    "code": ["final", "a b", "<="],
    "id": ["a", "A-1.b", "x" * 64],
    "uri": ["http://x", "urn:oid:1.2.3", "urn:uuid:C757873D-EC9A-4326-A141-556F43239520", "x", "#a"],
    "canonical": ["http://x|1.0", "urn:oid:1.2.3|4.0.1", "#a"],
    "oid": ["urn:oid:1.2.3"],
    "uuid": ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
    "base64Binary": ["QUJD", "QQ==", "QUI=", "QU\r\nJD", "QUJD" * 600_000],
    "xhtml": ["<div>" + "x" * 2_000_000 + "</div>"],
    "url": ["data:image/png;base64," + "QUJD" * 600_000],
    "date": ["2020", "2020-02", "2020-02-29", "0001-01-01"],
    "dateTime": ["2020", "2020-02-29T23:59:60Z", "2020-01-01T00:00:00.123+14:00", "2020-01-01T10:00:00-05:00"],
    "instant": ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00.1234567+01:00"],
    "time": ["00:00:00", "23:59:59.5"],
}
BAD: dict[str, list[Any]] = {
    "boolean": ["true", 1, None],
    "integer": ["1", 1.0, Decimal("1.0"), True, 2**31, [1]],
    "unsignedInt": [-1, "0"],
    "positiveInt": [0, -1],
    "decimal": ["1.1", True, {}],
    "string": ["", 1, True, "a\x00b", "x" * 1_048_577],
    "code": ["", " a", "a ", "a  b", 1],
    "id": ["", "a b", "a_b", "x" * 65, 5],
    "uri": ["", "a b", "urn:oid:x", "urn:oid:3.1", "urn:uuid:1", "oid:1.2", 1],
    "canonical": ["a b", 1],
    "oid": ["1.2.3", "urn:oid:1", "urn:oid:1.02"],
    "uuid": ["c757873d-ec9a-4326-a141-556f43239520", "urn:uuid:C757873D-EC9A-4326-A141-556F43239520"],
    "markdown": ["x" * 1_048_577],
    "base64Binary": ["%%%", "QQ", "QQ=", "A=BC", "é", "Q===", "QQ==QQ==", "QUJD" * 600_000 + "Q"],
    "date": ["", "20", "2020-13", "2020-00-01", "2020-02-30", "2019-02-29", "2020-1-1", "01/02/2020", 2020],
    "dateTime": [
        "2020-01-01T10:00",
        "2020-01-01T10:00:00",
        "2020-01-01T24:00:00Z",
        "2020-01-01T10:00:00+15:00",
        "2020T10",
    ],
    "instant": ["2020", "2020-01-01", "2020-01-01T10:00:00", "2020-02-30T10:00:00Z"],
    "time": ["10:00", "24:00:00", "10:00:00Z"],
}


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in GOOD.items() for value in values])
def test_a_value_of_the_type(kind: str, value: Any) -> None:
    """A value that FHIR R4 allows for a primitive type is accepted."""
    assert primitive_problem(kind, value) is None


@pytest.mark.parametrize(
    ("kind", "value"), [(kind, value) for kind, values in BAD.items() for value in values], ids=lambda v: str(v)[:30]
)
def test_no_value_of_the_type(kind: str, value: Any) -> None:
    """A value that FHIR R4 does not allow for a primitive type is rejected with a reason."""
    assert primitive_problem(kind, value)
