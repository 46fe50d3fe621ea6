"""How the text of a setting is read: one reader for each kind of value.

A reader takes the text without blanks around it and gives the value, or raises `Wrong` with what to write instead.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from pathlib import Path

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")
_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_SHORTEST_LOG_KEY = 16
_SWITCH = {"on": True, "true": True, "1": True, "yes": True, "off": False, "false": False, "0": False, "no": False}


class Wrong(ValueError):
    """Why a value can't be used, and what to write instead: the end of a sentence."""


def text(value: str) -> str:
    """Any text."""
    return value


def whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    """A whole number between two, both included."""

    def read(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", value) or not lowest <= int(value) <= highest:
            raise Wrong(f"write a whole number from {lowest} to {highest}")
        return int(value)

    return read


def seconds(lowest: float, highest: float) -> Callable[[str], float]:
    """Seconds between two limits, both included."""

    def read(value: str) -> float:
        if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", value) or not lowest <= float(value) <= highest:
            raise Wrong(f"write seconds from {lowest:g} to {highest:g}, such as 2.5")
        return float(value)

    return read


def file(value: str) -> Path:
    """A file that is there."""
    if not Path(value).is_file():
        raise Wrong("there is no such file: create it or correct the path")
    return Path(value)


def on_or_off(value: str) -> bool:
    """A switch."""
    if value.lower() not in _SWITCH:
        raise Wrong("write on or off")
    return _SWITCH[value.lower()]


def url(value: str) -> str:
    """A URL without a query, and without a slash at its end."""
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", value):
        raise Wrong("write a URL such as https://cds.example.org, without a query")
    return value.rstrip("/")


def database(value: str) -> str:
    """URL of a database."""
    if not re.fullmatch(r"sqlite:///[^\s].*|postgresql(\+psycopg)?://[^\s]+", value):
        raise Wrong("write sqlite:////path/to/records.db or postgresql://user:password@host/database")
    return value


def origins(value: str) -> tuple[str, ...]:
    """Web origins, with commas between them."""
    origins = tuple(part.strip() for part in value.split(",") if part.strip())
    for origin in origins:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise Wrong("write origins such as https://ehr.example.org, without a path, with commas between them")
    return origins


def folder(value: str) -> Path:
    """A folder that is there."""
    if not Path(value).is_dir():
        raise Wrong("there is no such folder: create it or correct the path")
    return Path(value)


def redis_url(value: str) -> str:
    """URL of a Redis."""
    if not re.fullmatch(r"rediss?://[^\s/]+(?:/[0-9]*)?", value):
        raise Wrong("write a URL such as redis://127.0.0.1:6379/0, or rediss:// for TLS")
    return value


def rate_limit(value: str) -> str | None:
    """Calls in a time; None for no limit."""
    if value.lower() == "off":
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,8} ?/ ?(?:second|minute|hour)", value):
        raise Wrong("write a number of calls and a time such as 600/minute (second, minute, hour), or off")
    return value.replace(" ", "")


def log_key(value: str) -> bytes:
    """A secret long enough to be one."""
    if len(value) < _SHORTEST_LOG_KEY:
        raise Wrong(f"write at least {_SHORTEST_LOG_KEY} random characters, such as `openssl rand -hex 32` gives")
    return value.encode()


def log_level(value: str) -> str:
    """A severity of the standard library."""
    if value.upper() not in _LOG_LEVELS:
        raise Wrong(f"write one of {', '.join(_LOG_LEVELS)}")
    return value.upper()


def zone(value: str) -> zoneinfo.ZoneInfo:
    """An IANA time zone."""
    try:
        return zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise Wrong("write an IANA time zone such as America/New_York (on Windows: pip install tzdata)") from None
