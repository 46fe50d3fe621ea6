"""Validates FHIR primitive types, including calendar dates and ranges.

Source: FHIR R4 datatypes, section Primitive Types, and the regular expressions of their StructureDefinitions.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

# Of string and the types derived from it; base64Binary, xhtml and uri have no limit.
_LONGEST_STRING = 1024 * 1024
_INT32 = 2**31

_YEAR = r"(?P<year>[0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)"
_DAY = r"(?P<month>0[1-9]|1[0-2])(-(?P<day>0[1-9]|[12][0-9]|3[01]){})?"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"
_ZONE = r"(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))"

_DATE = re.compile(rf"{_YEAR}(-{_DAY.format('')})?")
_DATE_TIME = re.compile(rf"{_YEAR}(-{_DAY.format(f'(T{_CLOCK}{_ZONE})?')})?")
_INSTANT = re.compile(rf"{_YEAR}-(?P<month>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12][0-9]|3[01])T{_CLOCK}{_ZONE}")
_TIME = re.compile(_CLOCK)

# White space means ASCII white space, as in the regular expressions of the specification.
_CODE = re.compile(r"\S+(\s\S+)*", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_URI = re.compile(r"\S+", re.ASCII)
_OID = re.compile(r"urn:oid:[0-2](\.(0|[1-9][0-9]*))+")
_OID_URI = re.compile(_OID.pattern + r"([|#]\S+)?")
_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_UUID_URI = re.compile(_UUID.pattern + r"([|#]\S+)?", re.IGNORECASE)
_BASE64 = re.compile(r"[0-9A-Za-z+/]*={0,2}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")

Reason = str | None


def primitive_problem(type_code: str, value: Any) -> Reason:
    """Why a JSON value is not a `type_code`, to be appended to the value; None if it is valid.

    Args:
        type_code: a FHIR primitive type, such as `dateTime`.
        value: as returned by `read_json`; a decimal may also be a float.
    """
    check = _CHECKS.get(type_code)
    return check(value) if check else None


def is_primitive(type_code: str) -> bool:
    """Whether a type is a FHIR primitive."""
    return type_code in _CHECKS


def text_problem(value: str) -> Reason:
    """A warning for a non-empty string that is only white space; else None."""
    return "is only white space" if not value.strip() else None


def _boolean(value: Any) -> Reason:
    return None if isinstance(value, bool) else _wanted("true or false, without quotes", value)


def _whole(lowest: int, highest: int = _INT32 - 1) -> Callable[[Any], Reason]:
    def check(value: Any) -> Reason:
        if isinstance(value, bool) or not isinstance(value, int):
            return _wanted("a whole number, without quotes or fraction", value)
        return None if lowest <= value <= highest else f"is not between {lowest} and {highest}"

    return check


def _decimal(value: Any) -> Reason:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return _wanted("a number, without quotes", value)
    return None


def _any_text(value: Any) -> Reason:
    if not isinstance(value, str):
        return _wanted("a string", value)
    if not value:
        return "is empty: leave the element out instead"
    return "has a control character" if _CONTROL.search(value) else None


def _text(value: Any) -> Reason:
    return _any_text(value) or ("is longer than 1 MB" if len(value) > _LONGEST_STRING else None)


def _matching(pattern: re.Pattern[str], wanted: str) -> Callable[[Any], Reason]:
    def check(value: Any) -> Reason:
        return _text(value) or (None if pattern.fullmatch(value) else f"is not {wanted}")

    return check


def _uri(value: Any) -> Reason:
    if problem := _any_text(value) or (None if _URI.fullmatch(value) else "is not a URI: white space is not allowed"):
        return problem
    if value.startswith(("oid:", "uuid:")):
        return "is not a URI: write urn:oid: or urn:uuid:"
    if value.startswith("urn:oid:") and not _OID_URI.fullmatch(value):
        return "is not a valid OID"
    return "is not a valid UUID" if value.startswith("urn:uuid:") and not _UUID_URI.fullmatch(value) else None


def _base64(value: Any) -> Reason:
    return _any_text(value) or (None if _is_base64("".join(value.split())) else "is not base64")


def _is_base64(text: str) -> bool:
    return len(text) % 4 == 0 and _BASE64.fullmatch(text) is not None


def _dated(pattern: re.Pattern[str], wanted: str) -> Callable[[Any], Reason]:
    def check(value: Any) -> Reason:
        if problem := _text(value):
            return problem
        found = pattern.fullmatch(value)
        if not found:
            return f"is not {wanted}"
        year, month, day = (int(found[part] or 1) for part in ("year", "month", "day"))
        return None if day <= calendar.monthrange(year, month)[1] else "is not a calendar date"

    return check


def _wanted(what: str, value: Any) -> str:
    kinds = {bool: "a boolean", str: "a string", dict: "an object", list: "an array", type(None): "null"}
    return f"is {kinds.get(type(value), 'a number')}: write {what}"


_CHECKS: dict[str, Callable[[Any], Reason]] = {
    "boolean": _boolean,
    "integer": _whole(-_INT32),
    "unsignedInt": _whole(0),
    "positiveInt": _whole(1),
    "decimal": _decimal,
    "string": _text,
    "markdown": _text,
    "xhtml": _any_text,
    "code": _matching(_CODE, "a code: no white space around it, single blanks inside"),
    "id": _matching(_ID, "an id: 1 to 64 letters, digits, - and ."),
    "uri": _uri,
    "url": _uri,
    "canonical": _uri,
    "oid": _matching(_OID, "an OID such as urn:oid:1.2.3"),
    "uuid": _matching(_UUID, "a UUID such as urn:uuid:c757873d-ec9a-4326-a141-556f43239520"),
    "base64Binary": _base64,
    "date": _dated(_DATE, "a date: YYYY, YYYY-MM or YYYY-MM-DD"),
    "dateTime": _dated(_DATE_TIME, "a dateTime: a date, or YYYY-MM-DDThh:mm:ss with a time zone"),
    "instant": _dated(_INSTANT, "an instant: YYYY-MM-DDThh:mm:ss with a time zone"),
    "time": _matching(_TIME, "a time: hh:mm:ss"),
}
