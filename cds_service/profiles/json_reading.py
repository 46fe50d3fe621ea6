"""Parses FHIR JSON strictly: decimals keep their precision, and every deviation from JSON is an issue.

Source: FHIR R4, JSON Representation of Resources; RFC 8259.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from cds_service.profiles.issues import Issue

# The walk uses a few stack frames per level; real resources are far below this limit.
MAX_DEPTH = 100
_BOM = b"\xef\xbb\xbf"


class _NotANumber(ValueError):
    """NaN or Infinity, which JSON does not have."""


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
        value = json.loads(
            content.decode("utf-8"),
            parse_float=Decimal,
            parse_constant=_reject_constant,
            object_pairs_hook=lambda pairs: _object(pairs, issues),
        )
    except UnicodeDecodeError as error:
        return None, [*issues, _issue("fatal", f"is not UTF-8 (byte {error.start}): save it as UTF-8")]
    except json.JSONDecodeError as error:
        return None, [*issues, _syntax_issue(error)]
    except RecursionError:
        return None, [*issues, _too_deep()]
    except ValueError as error:
        return None, [*issues, _issue("fatal", f"is not JSON: {error}")]
    if _is_deeper_than(value, MAX_DEPTH):
        return None, [*issues, _too_deep()]
    return value, issues


_OTHER_FORMATS = {
    b"\x1f\x8b": "is compressed with gzip: name it .json.gz or .ndjson.gz, or unpack it",
    b"PK\x03\x04": "is a zip archive: unpack it",
    b"\xff\xfe": "is UTF-16: save it as UTF-8",
    b"\xfe\xff": "is UTF-16: save it as UTF-8",
    b"<": "is XML or HTML: only JSON is validated, so convert it",
}


def _other_format(content: bytes) -> str | None:
    start = content.lstrip()
    if not start.removeprefix(_BOM):
        return "is empty: there is no resource in it"
    return next((remedy for sign, remedy in _OTHER_FORMATS.items() if start.removeprefix(_BOM).startswith(sign)), None)


def _syntax_issue(error: json.JSONDecodeError) -> Issue:
    message = f"is not JSON: {error.msg}, line {error.lineno} column {error.colno}"
    if error.msg == "Extra data":
        message = f"has more than one JSON value, the second in line {error.lineno} column {error.colno}: "
        message += "if it has one resource a line, name it .ndjson"
    return Issue("fatal", "structure", "json", "", message, line=error.lineno, column=error.colno)


def _reject_constant(constant: str) -> Any:
    raise _NotANumber(f"{constant} is not a JSON number")


def _object(pairs: Iterable[tuple[str, Any]], issues: list[Issue]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for name, value in pairs:
        if name in read:
            issues.append(_issue("error", f'the property "{name}" is in one object twice: keep one of them'))
        read[name] = value
    return read


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


def _issue(severity: Any, message: str, code: str = "structure") -> Issue:
    return Issue(severity, code, "json", "", message)
