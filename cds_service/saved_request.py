"""A saved hook request, read from a file, with its relative dates filled in.

Results in a saved request become too old to count. So a file may write a date as `{{today}}` or `{{today-3}}` (days),
relative to the day it is used.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import msgspec

from cds_service.errors import SetupError
from cds_service.hooks.catalog import SERVICES

_RELATIVE_DATE = re.compile(rb"\{\{\s*today\s*(?:([+-])\s*(\d{1,5})\s*)?\}\}")


class _Hook(msgspec.Struct):
    hook: str


def read_saved_request(path: Path, today: date) -> bytes:
    """The body to send.

    Raises:
        SetupError: the file can't be read.
    """
    try:
        return fill_dates(path.read_bytes(), today)
    except OSError as error:
        raise SetupError(f"{path}: can't be read ({error.strerror}); give a file that holds a hook request") from error


def fill_dates(body: bytes, today: date) -> bytes:
    """`body` with `{{today}}`, `{{today-N}}` and `{{today+N}}` as ISO dates; N counts days."""

    def resolved(match: re.Match[bytes]) -> bytes:
        sign, days = match.groups()
        shift = timedelta(days=int(days)) if days else timedelta()
        return (today - shift if sign == b"-" else today + shift).isoformat().encode()

    return _RELATIVE_DATE.sub(resolved, body)


def _in_words(error: Exception) -> str:
    return "it has no `hook`, such as order-sign" if "missing required field" in str(error) else str(error)


def service_for(body: bytes, file: Path | None = None) -> str:
    """The id of the service that answers the hook named in `body`; `file` is where it was read, for the message.

    Raises:
        SetupError: the body is not a JSON object with a `hook`, or no service answers that hook.
    """
    try:
        hook = msgspec.json.decode(body, type=_Hook).hook
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SetupError(
            f"{file or 'This'} is not a hook request in JSON: {_in_words(error)}. See the requests in examples/."
        ) from error
    for service in SERVICES.values():
        if service.hook == hook:
            return service.id
    hooks = ", ".join(service.hook for service in SERVICES.values())
    raise SetupError(f"No service answers the hook {hook!r}. The hooks are {hooks}.")
