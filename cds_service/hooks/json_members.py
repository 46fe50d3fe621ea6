"""Reading a request's JSON two levels deep; what is deeper stays raw bytes.

In: the body. Out: its members, and the members of its objects, by name. The body is walked once, and everything
skipped is checked for JSON syntax on the way.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from cds_service.errors import RequestError

Members = Mapping[str, msgspec.Raw]
Member = Members | list[msgspec.Raw] | str | int | float | bool | None

_PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<half>u[dD][89a-fA-F])|.)", re.DOTALL)


class _Name:
    """A member's name that equals no other, so that a name given twice is not lost in the dict."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


_Object = dict[_Name, msgspec.Raw]
_BODY = msgspec.json.Decoder(
    dict[_Name, _Object | list[msgspec.Raw] | str | int | float | bool | None],
    dec_hook=lambda _type, text: _Name(text),
)
_TEXTS = msgspec.json.Decoder(list[str])
_VALUE = msgspec.json.Decoder()


def read_body(body: bytes) -> dict[str, Member]:
    """The members of the whole body; an object among them as its own `Members`.

    Raises:
        RequestError: the body is not one JSON object in UTF-8, is nested too deeply, or gives a member twice, so
            that one of the two would be lost unseen.
    """
    try:
        # Values that are skipped are checked for JSON syntax by msgspec, but not for UTF-8.
        body.decode("utf-8")
        members = _BODY.decode(body)
    except UnicodeDecodeError as error:
        raise RequestError(f"The body is not UTF-8 at byte {error.start}: send JSON in UTF-8.") from None
    except RecursionError:
        raise RequestError("The body is nested too deeply: send FHIR resources as FHIR defines them.") from None
    except msgspec.DecodeError as error:
        raise RequestError(_problem(body, error)) from None
    _refuse_repeated(members, "")
    return {name.text: _named(value, name.text) for name, value in members.items()}


def plain_values(members: Members) -> dict[str, Any]:
    """The values as a schema sees them, without what is null or empty text: that counts as not sent."""
    return without_empty({name: plain_value(raw) for name, raw in members.items()})


def plain_value(raw: msgspec.Raw) -> Any:
    """One value as a schema sees it: an object as {}, an array as [], any other as it is."""
    match bytes(memoryview(raw)[:1]):
        case b"{":
            return {}
        case b"[":
            return []
        case _:
            try:
                return _VALUE.decode(raw)
            except msgspec.ValidationError:
                return math.inf  # 1e999 is JSON, but no number that a machine holds


def without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same without members that are null or empty text."""
    return {name: value for name, value in values.items() if not _is_empty(value)}


def texts_of(raw: msgspec.Raw) -> list[str] | None:
    """The items of an array of texts, or None where something else is among them."""
    try:
        return _TEXTS.decode(raw)
    except msgspec.ValidationError:
        return None


def _named(value: Any, parent: str) -> Member:
    if isinstance(value, dict):
        _refuse_repeated(value, f"/{parent}")
        return {name.text: raw for name, raw in value.items()}
    member: Member = value
    return member


def _refuse_repeated(names: Iterable[_Name], pointer: str) -> None:
    repeated = [name for name, count in Counter(name.text for name in names).items() if count > 1]
    if repeated:
        where = f"{pointer}/{repeated[0]}" if _PLAIN_NAME.fullmatch(repeated[0]) else f"A member of {pointer or '/'}"
        raise RequestError(f"{where} is given more than once: send each member once.")


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _problem(body: bytes, error: msgspec.DecodeError) -> str:
    """What is wrong with a body that could not be parsed, as far as it can be told."""
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
