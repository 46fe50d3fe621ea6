"""Terminal output: the console, and escaping of untrusted text."""

from __future__ import annotations

import re
import sys

from rich.console import Console
from rich.text import Text

INDICATOR_STYLE = {"critical": "bold white on red", "warning": "bold black on yellow", "info": "bold white on blue"}
CERTAINTY_STYLE = {"present": "bold", "unknown": "yellow", "absent": "dim"}

# C0 and C1 control characters and bidirectional controls, except tabs and newlines.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def console() -> Console:
    """A console on standard output: colored on a terminal, plain in a pipe."""
    return Console(highlight=False, emoji=False, markup=False)


def safe(text: object) -> str:
    """`text` without terminal control characters, for text from records and other servers."""
    return _UNSAFE.sub("", str(text))


def badge(indicator: str) -> Text:
    """An indicator as a colored word; an unknown one in reverse video."""
    return Text(f" {safe(indicator).upper()} ", style=INDICATOR_STYLE.get(indicator, "reverse"))


def print_err(message: str) -> None:
    """Print one message on standard error."""
    print(safe(message), file=sys.stderr)
