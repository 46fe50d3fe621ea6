"""What is safe and pleasant to print: one console for people, and text from elsewhere made harmless for a terminal."""

from __future__ import annotations

import re
import sys

from rich.console import Console
from rich.text import Text

INDICATOR_STYLE = {"critical": "bold white on red", "warning": "bold black on yellow", "info": "bold white on blue"}
CERTAINTY_STYLE = {"present": "bold", "unknown": "yellow", "absent": "dim"}

# C0 and C1 controls (a terminal obeys them) and the marks that reorder text; tabs and newlines stay.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def console() -> Console:
    """A console on standard output: colored on a terminal, plain in a pipe."""
    return Console(highlight=False, emoji=False, markup=False)


def safe(text: object) -> str:
    """`text` without the characters that a terminal obeys; cards quote the record, and answers of other servers."""
    return _UNSAFE.sub("", str(text))


def badge(indicator: str) -> Text:
    """An indicator as a colored word; one that CDS Hooks does not know is shown as it came."""
    return Text(f" {safe(indicator).upper()} ", style=INDICATOR_STYLE.get(indicator, "reverse"))


def complain(message: str) -> None:
    """One message on standard error."""
    print(safe(message), file=sys.stderr)
