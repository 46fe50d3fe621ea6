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
        return None, [*issues, _issue("fatal", f"is not JSON: {error.msg}, line {error.lineno} column {error.colno}")]
    except RecursionError:
        return None, [*issues, _too_deep()]
    except ValueError as error:
        return None, [*issues, _issue("fatal", f"is not JSON: {error}")]
    if _is_deeper_than(value, MAX_DEPTH):
        return None, [*issues, _too_deep()]
    return value, issues


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
