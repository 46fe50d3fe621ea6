"""Files of the tables -> plain rows, checked by JSON Schema; every problem as one line that says what to do.

A line reads `thresholds.toml: threshold "platelets-high-risk", value is "80" (text); write a number in `unit``.
The remedy is the `description` of the property in `schemas/*.json`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import tomli

from cds_service.json_schema import JsonSchema

if TYPE_CHECKING:
    from jsonschema import ValidationError

SCHEMAS = Path(__file__).parent / "schemas"


class Unreadable(Exception):
    """A file that is no text; the message says what to do."""


def text_of(path: Path) -> str:
    """The text of a file that a person may have written with any editor: UTF-8, with or without a byte order mark.

    Raises:
        Unreadable: the file can't be opened, or is in another encoding.
    """
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        missing = "mend the link or remove it" if path.is_symlink() else "put it back"
        remedy = missing if isinstance(error, FileNotFoundError) else "make it readable"
        raise Unreadable(f"can't be opened ({error.strerror or error}); {remedy}") from None
    except UnicodeDecodeError:
        raise Unreadable("is not in UTF-8; save it with the encoding UTF-8") from None


@cache
def table_schema(name: str) -> JsonSchema:
    """One of the files in `schemas/`, named without `.json`."""
    return JsonSchema(json.loads((SCHEMAS / f"{name}.json").read_text("utf-8")))


class _Whole(dict[str, Any]):
    """What a file without a problem holds, and those who use it share: nobody may change it."""


_IN_USE: WeakValueDictionary[tuple[str, bytes], _Whole] = WeakValueDictionary()
"""What files hold, by their schema and a hash of their text, as long as somebody in this process holds it whole."""


def read_toml(path: Path, name: str, schema: str, problems: list[str]) -> dict[str, Any]:
    """The table of one file; problems are appended, and an unreadable file gives an empty table.

    Args:
        path: the file.
        name: what messages call it, as `procedures/liver.toml`.
        schema: name of a schema in `schemas/`, without `.json`.
        problems: collects one line per mistake.

    Returns:
        The decoded table, numbers as Decimal.
    """
    numbers: list[Decimal] = []

    def decimal(text: str) -> Decimal:
        numbers.append(Decimal(text))
        return numbers[-1]

    try:
        text = text_of(path)
        if (in_use := _IN_USE.get(key := _key(schema, text))) is not None:
            return in_use
        data = tomli.loads(text, parse_float=decimal)
    except Unreadable as error:
        problems.append(f"{name}: {error}")
        return {}
    except tomli.TOMLDecodeError as error:
        problems.append(f"{name}: can't be read as TOML ({error}); correct the line it names")
        return {}
    # TOML has nan and inf, against which nothing can be compared, not even by a schema.
    found = [] if all(number.is_finite() for number in numbers) else _not_finite(data)
    if found:
        problems += [f"{name}: {line}" for line in found]
        return {}
    # The quick reader takes 2.0 for an integer. Where an integer is wanted, it does not pass a fraction instead.
    exact = any(number == number.to_integral_value() for number in numbers) and not table_schema(schema).is_valid(
        tomli.loads(text, parse_float=_fraction)
    )
    return _checked(name, data, key, problems, exact=exact)


def _fraction(text: str) -> Decimal:
    number = Decimal(text)
    return number + _HALF if number == number.to_integral_value() else number


_HALF = Decimal("0.5")


def read_json(path: Path, name: str, schema: str, problems: list[str]) -> dict[str, Any]:
    """The same for a FHIR resource in JSON."""
    try:
        text = text_of(path)
        if (in_use := _IN_USE.get(key := _key(schema, text))) is not None:
            return in_use
        data = json.loads(text)
    except Unreadable as error:
        problems.append(f"{name}: {error}")
        return {}
    except json.JSONDecodeError as error:
        problems.append(f"{name}: can't be read as JSON ({error}); correct the place it names")
        return {}
    return _checked(name, data, key, problems)


def _key(schema: str, text: str) -> tuple[str, bytes]:
    return schema, hashlib.sha256(text.encode()).digest()


def _checked(
    name: str, data: Any, key: tuple[str, bytes], problems: list[str], *, exact: bool = False
) -> dict[str, Any]:
    schema = table_schema(key[0])
    errors = schema.exact_errors(data) if exact else schema.errors(data)
    errors.sort(key=lambda e: [str(p) for p in e.absolute_path])
    found = dict.fromkeys(_line(error, data) for error in errors)
    problems += [f"{name}: {line}" for line in found]
    if found or not isinstance(data, dict):
        return {}
    return _IN_USE.setdefault(key, _Whole(data))


def _not_finite(data: Any) -> list[str]:
    return [
        f"{_where(path, data)} is {number}; write a number"
        for path, number in _decimals(data, [])
        if not number.is_finite()
    ]


def _decimals(node: Any, path: list[Any]) -> Iterator[tuple[list[Any], Decimal]]:
    if isinstance(node, Decimal):
        yield path, node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, child in children:
        if isinstance(child, (dict, list, Decimal)):
            yield from _decimals(child, [*path, step])


def _line(error: ValidationError, data: Any) -> str:
    error = _telling(error)
    where = _where(list(error.absolute_path), data)
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"{where}: {', '.join(missing)} {'is missing; add it' if len(missing) == 1 else 'are missing; add them'}"
    if error.validator == "additionalProperties":
        known = _schema_of(error).get("properties", {})
        extra = ", ".join(name for name in error.instance if name not in known)
        return f"{where}: {extra} is not a field here; known are {', '.join(sorted(known))}"
    return f"{where} is {_shown(error.instance)}{_unlike(error)}"


def _telling(error: ValidationError) -> ValidationError:
    """Where none of several forms fits, the innermost mistake that has a remedy, or the choice of forms itself."""
    while error.context:
        inner = min(error.context, key=lambda e: -len(e.absolute_path))
        if len(inner.absolute_path) == len(error.absolute_path) or "description" not in _schema_of(inner):
            return error
        error = inner
    return error


def _schema_of(error: ValidationError) -> Mapping[str, Any]:
    return error.schema if isinstance(error.schema, Mapping) else {}


def _unlike(error: ValidationError) -> str:
    """What to write instead; the words that count are listed where the remedy does not name them."""
    remedy = _schema_of(error).get("description", "")
    options = ", ".join(map(str, error.validator_value)) if error.validator == "enum" else ""
    listed = f", none of {options}" if any(word not in remedy for word in options.split(", ")) else ""
    return listed + (f"; write {remedy}" if remedy else "; correct it")


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}" (text)'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | Decimal | float):
        return str(value)
    if isinstance(value, dict):
        return "a table"
    return "a list" if isinstance(value, list) else f"a {type(value).__name__}"


def _where(path: list[Any], data: Any) -> str:
    """The innermost row that has an id, and the field inside it: `lab "inr", units number 2, factor`."""
    row, node = "", data
    rest: list[Any] = []
    for depth, step in enumerate(path):
        node = node[step]
        if isinstance(node, dict) and "id" in node and depth and isinstance(step, int):
            row, rest = f'{path[depth - 1]} "{node["id"]}"', []
        else:
            rest.append(step)
    steps = ", ".join(f"number {step + 1}" if isinstance(step, int) else str(step) for step in rest)
    return ", ".join(part for part in (row, steps.replace(", number", " number")) if part) or "the file"


def once(rows: Iterable[Mapping[str, Any]], file: str, kind: str, problems: list[str]) -> dict[str, Mapping[str, Any]]:
    """Rows by id; an id used twice is a problem, because ids are never reused."""
    found: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        if row["id"] in found:
            problems.append(f'{file}: {kind} "{row["id"]}" is there twice; give the second an id of its own')
        found.setdefault(row["id"], row)
    return found
