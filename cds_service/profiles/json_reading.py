"""Parses FHIR JSON strictly: decimals keep their precision, and every deviation from JSON is an issue.

Source: FHIR R4, JSON Representation of Resources; RFC 8259.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from cds_service.profiles.issues import Issue
from cds_service.profiles.positions import offset_of, place_of, places_of_duplicates

# The walk uses a few stack frames per level; real resources are far below this limit.
MAX_DEPTH = 100
_BOM = b"\xef\xbb\xbf"


# What the parser of Python reads of a whole number; far beyond any FHIR number.
_LONGEST_NUMBER = 4300
_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


class _NotANumber(ValueError):
    """NaN or Infinity, which JSON does not have, or a number that is too large; the argument is its text."""


def read_json(content: bytes) -> tuple[Any, list[Issue]]:
    """The parsed value, and the issues of its JSON.

    Args:
        content: the bytes of one JSON value, UTF-8.

    Returns:
        The value with decimals as `Decimal`, and the issues; the value is None if one of them is fatal.
    """
    issues: list[Issue] = []
    if other := _other_format(content):
        return None, [_issue("fatal", other)]
    if content.startswith(_BOM):
        content = content[len(_BOM) :]
        issues.append(_issue("warning", "begins with a byte order mark: leave it out"))
    try:
        text = content.decode("utf-8")
        value, has_duplicates = _parsed(text)
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        return None, [*issues, _issue("fatal", f"is not UTF-8 (byte {error.start}): save it as UTF-8", before)]
    except json.JSONDecodeError as error:
        return None, [*issues, _syntax_issue(error)]
    except _NotANumber as error:
        token = str(error)
        why = "is not a JSON number" if len(token) < len("-Infinity ") else "is a number beyond any that FHIR has"
        return None, [*issues, _issue("fatal", f"is not JSON: {token[:20]} {why}", text[: offset_of(text, token)])]
    except RecursionError:
        return None, [*issues, _too_deep()]
    if _is_deeper_than(value, MAX_DEPTH):
        return None, [*issues, _too_deep()]
    if half := _half_a_character(text, value):
        return None, [*issues, half]
    return value, [*issues, *(_duplicate_issues(text) if has_duplicates else ())]


def _parsed(text: str) -> tuple[Any, bool]:
    """The value, and whether an object has a property twice."""
    duplicates: list[str] = []
    value = json.loads(
        text,
        parse_float=_decimal,
        parse_int=_whole_number,
        parse_constant=_reject_constant,
        object_pairs_hook=lambda pairs: _object(pairs, duplicates),
    )
    return value, bool(duplicates)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # its exponent
        raise _NotANumber(text) from None


def _whole_number(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise _NotANumber(text)
    return int(text)


def _half_a_character(text: str, value: Any) -> Issue | None:
    """A fatal issue for an escaped surrogate without its pair, which no text can have: RFC 8259, section 8.2."""
    if not _HALF_CHARACTER.search(text):
        return None
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return _issue("fatal", "has a text with half a character (a surrogate without its pair): write the whole one")
    return None


_OTHER_FORMATS = {
    b"\x1f\x8b": "is compressed with gzip: name it .json.gz or .ndjson.gz, or unpack it",
    b"PK\x03\x04": "is a zip archive: unpack it",
    b"\xff\xfe": "is UTF-16: save it as UTF-8",
    b"\xfe\xff": "is UTF-16: save it as UTF-8",
    b"<": "is XML or HTML: only JSON is validated, so convert it",
}


def _other_format(content: bytes) -> str | None:
    start = content.lstrip().removeprefix(_BOM)
    if not start:
        return "is empty: there is no resource in it"
    if found := next((remedy for sign, remedy in _OTHER_FORMATS.items() if start.startswith(sign)), None):
        return found
    return "is UTF-16 or UTF-32: save it as UTF-8" if b"\x00" in start[:4] else None


def _syntax_issue(error: json.JSONDecodeError) -> Issue:
    message = f"is not JSON: {error.msg}, line {error.lineno} column {error.colno}"
    if error.msg == "Extra data":
        message = f"has more than one JSON value, the second in line {error.lineno} column {error.colno}: "
        message += "write one resource a line, and name it .ndjson"
        if error.doc[error.pos] == "\x00":
            message = "has NUL characters behind its end: the file is damaged, copy it again"
    return Issue("fatal", "structure", "json", "", message, line=error.lineno, column=error.colno)


def _reject_constant(constant: str) -> Any:
    raise _NotANumber(constant)


def _object(pairs: Iterable[tuple[str, Any]], duplicates: list[str]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for name, value in pairs:
        if name in read:
            duplicates.append(name)
        read[name] = value
    return read


def _duplicate_issues(text: str) -> Iterable[Issue]:
    for name, before in places_of_duplicates(text):
        yield _issue("error", f'the property "{name}" is in one object twice: keep one of them', before)


def _is_deeper_than(value: Any, levels: int) -> bool:
    here = [value]
    for _ in range(levels):
        here = [
            inner
            for outer in here
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not here:
            return False
    return True


def _too_deep() -> Issue:
    return _issue("fatal", f"is nested deeper than {MAX_DEPTH} levels, which no resource needs", code="too-long")


def _issue(severity: Any, message: str, before: str | None = None, *, code: str = "structure") -> Issue:
    """An issue of the JSON; `before` is the text up to its place."""
    line, column = (None, None) if before is None else place_of(before)
    return Issue(severity, code, "json", "", message, line=line, column=column)
