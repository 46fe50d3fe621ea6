"""Parses the JSON of a request two levels deep; anything deeper stays raw bytes.

In: the body. Out: its members, and the members of its objects, by name. The body is scanned once; the JSON syntax of
the skipped parts is checked too.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from cds_service.errors import RequestError

Members = Mapping[str, msgspec.Raw]
Member = Members | list[msgspec.Raw] | str | int | float | bool | None

_SAFE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<half>u[dD][89a-fA-F])|.)", re.DOTALL)


class _Name(str):
    """A member name that equals no other, so that a duplicate member is not lost in the dict."""

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__


_Object = dict[_Name, msgspec.Raw]
_BODY = msgspec.json.Decoder(
    dict[_Name, _Object | list[msgspec.Raw] | str | int | float | bool | None],
    dec_hook=lambda name, text: name(text),
)
_STRINGS = msgspec.json.Decoder(list[str])
_VALUE = msgspec.json.Decoder()


def read_body(body: bytes) -> dict[str, Member]:
    """The members of the body; a member that is an object is returned as `Members`.

    Raises:
        RequestError: the body is not one JSON object in UTF-8, is nested too deeply, or has a duplicate member, of
            which one would be lost silently.
    """
    try:
        # msgspec checks the JSON syntax of skipped values, but not their UTF-8.
        body.decode("utf-8")
        members = _BODY.decode(body)
    except UnicodeDecodeError as error:
        raise RequestError(f"The body is not UTF-8 at byte {error.start}: send JSON in UTF-8.") from None
    except RecursionError:
        raise RequestError("The body is nested too deeply: send FHIR resources as FHIR defines them.") from None
    except msgspec.DecodeError as error:
        raise RequestError(_syntax_message(body, error)) from None
    _reject_duplicates(members, "")
    return {str(name): _by_name(value, name) for name, value in members.items()}


def plain_values(members: Members) -> dict[str, Any]:
    """The values as a schema sees them, without null and empty strings, which count as not sent."""
    return without_empty({name: plain_value(raw) for name, raw in members.items()})


def plain_value(raw: msgspec.Raw) -> Any:
    """One value as a schema sees it: an object as {}, an array as [], any other value itself."""
    match bytes(memoryview(raw)[:1]):
        case b"{":
            return {}
        case b"[":
            return []
        case _:
            try:
                return _VALUE.decode(raw)
            except msgspec.ValidationError:
                return math.inf  # 1e999 is valid JSON but no float


def without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values without null and empty strings."""
    return {name: value for name, value in values.items() if not _is_empty(value)}


def string_list(raw: msgspec.Raw) -> list[str] | None:
    """The items of an array of strings; None if any item is not a string."""
    try:
        return _STRINGS.decode(raw)
    except msgspec.ValidationError:
        return None


def _by_name(value: Any, parent: str) -> Member:
    if isinstance(value, dict):
        _reject_duplicates(value, f"/{parent}")
        return {str(name): raw for name, raw in value.items()}
    member: Member = value
    return member


def _reject_duplicates(names: Collection[_Name], pointer: str) -> None:
    if len(set(map(str, names))) == len(names):
        return
    repeated = [name for name, count in Counter(map(str, names)).items() if count > 1]
    if repeated:
        where = f"{pointer}/{repeated[0]}" if _SAFE_NAME.fullmatch(repeated[0]) else f"A member of {pointer or '/'}"
        raise RequestError(f"{where} is sent more than once: send each member once.")


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _syntax_message(body: bytes, error: msgspec.DecodeError) -> str:
    """Why a body could not be parsed, as precisely as possible."""
    start = body.lstrip(b" \t\r\n")
    if not start:
        return "The body is empty: send the hook request as JSON."
    if start.startswith(b"\xef\xbb\xbf"):
        return "The body begins with a byte order mark: send JSON in UTF-8 without it."
    if isinstance(error, msgspec.ValidationError) and not start.startswith(b"{"):
        return "The body is not a JSON object: send one object with hook and context."
    if any(escape["half"] for escape in _ESCAPE.finditer(body)):
        return r"The body holds half of a surrogate pair (\ud800 to \udfff): send whole characters."
    found = str(error).removeprefix("JSON is malformed: ")
    return f"The body is not JSON ({found}): send one complete JSON object."
