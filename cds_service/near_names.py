"""What a misspelled id may mean."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str], otherwise: str, *, likeness: float = 0.6) -> str:
    """`did you mean "platelets-high-risk"?`, or what to do where nothing is near; names of likeness 1 are equal."""
    near = get_close_matches(name, sorted(known), n=1, cutoff=likeness)
    return f'did you mean "{near[0]}"?' if near else otherwise
