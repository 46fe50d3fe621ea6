"""Terminal output: the console, and escaping of untrusted text. `rich` is imported when something is shown by it."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

INDICATOR_STYLE = {"critical": "bold white on red", "warning": "bold black on yellow", "info": "bold white on blue"}
CERTAINTY_STYLE = {"present": "bold", "unknown": "yellow", "absent": "dim"}

_quiet = False

# C0 and C1 control characters and bidirectional controls, except tabs and newlines.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def console() -> Console:
    """A console on standard output: colored on a terminal, plain in a pipe and with `NO_COLOR`."""
    from rich.console import Console

    return Console(highlight=False, emoji=False, markup=False)


def safe(text: object) -> str:
    """`text` without terminal control characters, for text from records and other servers.

    A file name that is no UTF-8 has surrogates for its bytes: they are written as escapes, since no stream takes them.
    """
    return _UNSAFE.sub("", str(text)).encode("utf-8", "backslashreplace").decode()


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 card`, `2 cards`: a number with its noun; `plural` where that is not the noun with an s."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def badge(indicator: str) -> Text:
    """An indicator as a colored word; an unknown one in reverse video."""
    from rich.text import Text

    return Text(f" {safe(indicator).upper()} ", style=INDICATOR_STYLE.get(indicator, "reverse"))


def print_err(message: str) -> None:
    """Print one message on standard error: a mistake, which is always said."""
    print(safe(message), file=sys.stderr)


def remark(message: str) -> None:
    """Print progress or a remark on standard error, unless `--quiet` was given."""
    if not _quiet:
        print_err(message)


def be_quiet(quiet: bool) -> None:
    """Whether remarks are left out from now on: `--quiet`."""
    global _quiet
    _quiet = quiet


def is_quiet() -> bool:
    """Whether `--quiet` was given."""
    return _quiet
