"""Parsers for the values of settings, one for each kind of value.

A parser takes the stripped text and returns the value, or raises `InvalidValue` with what to write instead.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from pathlib import Path

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")
_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_MIN_LOG_KEY_LENGTH = 16
_SWITCH = {"on": True, "true": True, "1": True, "yes": True, "off": False, "false": False, "0": False, "no": False}


class InvalidValue(ValueError):
    """Why a value can't be used, and what to write instead, as the end of a sentence."""


def text(value: str) -> str:
    """Any text."""
    return value


def whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    """A whole number in a range, inclusive."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", value) or not lowest <= int(value) <= highest:
            raise InvalidValue(f"write a whole number from {lowest} to {highest}")
        return int(value)

    return parse


def minutes_or_off(lowest: int, highest: int, *, usual: int) -> Callable[[str], int]:
    """Minutes in a range, inclusive; 0 for `off`, and `usual` for `on`."""

    def parse(value: str) -> int:
        if value.lower() in _SWITCH:
            return usual if _SWITCH[value.lower()] else 0
        if not re.fullmatch(r"[0-9]{1,6}", value) or not lowest <= int(value) <= highest:
            raise InvalidValue(f"write on, off, or a number of minutes from {lowest} to {highest}")
        return int(value)

    return parse


def one_of(*numbers: int) -> Callable[[str], int]:
    """One of several numbers."""

    def parse(value: str) -> int:
        if value.strip() not in map(str, numbers):
            raise InvalidValue(f"write {' or '.join(map(str, numbers))}")
        return int(value)

    return parse


def word(*words: str) -> Callable[[str], str]:
    """One of several words."""

    def parse(value: str) -> str:
        if value.strip() not in words:
            raise InvalidValue(f"write {' or '.join(words)}")
        return value.strip()

    return parse


def seconds(lowest: float, highest: float) -> Callable[[str], float]:
    """Seconds in a range, inclusive."""

    def parse(value: str) -> float:
        if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", value) or not lowest <= float(value) <= highest:
            raise InvalidValue(f"write seconds from {lowest:g} to {highest:g}, such as 2.5")
        return float(value)

    return parse


def file(value: str) -> Path:
    """An existing file."""
    if not Path(value).is_file():
        raise InvalidValue("there is no such file: create it or correct the path")
    return Path(value)


def certificates(value: str) -> Path:
    """A PEM file of CA certificates."""
    import ssl  # only where a file is named

    path = file(value)
    try:
        ssl.create_default_context(cafile=path)
    except OSError:  # an SSLError is one
        raise InvalidValue("it holds no certificate in PEM: name the file of the CA certificates") from None
    return path


def on_or_off(value: str) -> bool:
    """A boolean."""
    if value.lower() not in _SWITCH:
        raise InvalidValue("write on or off")
    return _SWITCH[value.lower()]


def url(value: str) -> str:
    """A URL without a query; a trailing slash is removed."""
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", value):
        raise InvalidValue("write a URL such as https://cds.example.org, without a query")
    return value.rstrip("/")


def database(value: str) -> str:
    """A database URL."""
    if not re.fullmatch(r"sqlite:///[^\s].*|postgresql(\+psycopg)?://[^\s]+", value):
        raise InvalidValue("write sqlite:////path/to/records.db or postgresql://user:password@host/database")
    return value


def origins(value: str) -> tuple[str, ...]:
    """Web origins, separated by commas."""
    origins = tuple(part.strip() for part in value.split(",") if part.strip())
    for origin in origins:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise InvalidValue("write origins such as https://ehr.example.org, without a path, separated by commas")
    return origins


def folder(value: str) -> Path:
    """An existing folder."""
    if not Path(value).is_dir():
        raise InvalidValue("there is no such folder: create it or correct the path")
    return Path(value)


def redis_url(value: str) -> str:
    """A Redis URL."""
    if not re.fullmatch(r"rediss?://[^\s/]+(?:/[0-9]*)?", value):
        raise InvalidValue("write a URL such as redis://127.0.0.1:6379/0, or rediss:// for TLS")
    return value


def rate_limit(value: str) -> str | None:
    """Calls per unit of time; None for no limit."""
    if value.lower() == "off":
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,8} ?/ ?(?:second|minute|hour)", value):
        raise InvalidValue("write calls per time such as 600/minute (second, minute or hour), or off")
    return value.replace(" ", "")


def log_key(value: str) -> bytes:
    """A secret of sufficient length."""
    if len(value) < _MIN_LOG_KEY_LENGTH:
        raise InvalidValue(
            f"write at least {_MIN_LOG_KEY_LENGTH} random characters, such as from `openssl rand -hex 32`"
        )
    return value.encode()


def log_keys(value: str) -> tuple[bytes, ...]:
    """Secrets of sufficient length, separated by commas."""
    return tuple(log_key(part.strip()) for part in value.split(",") if part.strip())


def log_level(value: str) -> str:
    """A log level of the standard library."""
    if value.upper() not in _LOG_LEVELS:
        raise InvalidValue(f"write one of {', '.join(_LOG_LEVELS)}")
    return value.upper()


def zone(value: str) -> zoneinfo.ZoneInfo:
    """An IANA time zone."""
    try:
        return zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidValue(
            "write an IANA time zone such as America/New_York (on Windows: pip install tzdata)"
        ) from None
