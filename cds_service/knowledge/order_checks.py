"""What must agree between the words of order names, the patterns made of them, and the procedures that they name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cds_service.knowledge.order_language import DEPARTMENT
from cds_service.knowledge.order_patterns import ANY_OF
from cds_service.knowledge.table_rows import TableRows

_WORDS = "order_words.toml"
_PATTERNS = "order_parts.toml"


def check_order_words(rows: TableRows) -> Iterator[str]:
    """Every disagreement, one line each."""
    kinds = {block["kind"] for block in rows.order_words["parts"]}
    parts = {part for block in rows.order_words["parts"] for part in block["words"]}
    for part in rows.order_words["telling"]:
        if part not in parts:
            yield f'{_WORDS}: telling names "{part}", which is no part; correct it or add it to parts'
    yield from _said_twice("spelling", _meanings(rows.order_words["spelling"]))
    yield from _said_twice("parts", _meanings(rows.order_words["parts"]))
    for block in rows.order_words["terms"]:
        for key in block["words"]:
            if key not in rows.procedures:
                yield f'{_WORDS}: terms name "{key}", which is no procedure; correct the id'
    for key, patterns in rows.order_patterns.items():
        if key not in rows.procedures:
            yield f'{_PATTERNS}: patterns of "{key}", which is no procedure; correct the id'
        yield from _unknown_parts(key, patterns, parts | {DEPARTMENT, *(ANY_OF + kind for kind in kinds)})


def _meanings(blocks: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """(form, meaning) of the shipped words that need no context; a hospital's own win over them."""
    for block in blocks:
        if "change" not in block:
            yield from ((form, meaning) for meaning, forms in block.get("words", {}).items() for form in forms)


def _said_twice(name: str, meanings: Iterable[tuple[str, str]]) -> Iterator[str]:
    known: dict[str, str] = {}
    for form, meaning in meanings:
        if known.setdefault(form, meaning) != meaning:
            yield f'{_WORDS}: {name} has "{form}" as "{known[form]}" and as "{meaning}"; keep one'


def _unknown_parts(key: str, patterns: Iterable[str], known: set[str]) -> Iterator[str]:
    for pattern in patterns:
        for word in pattern.split():
            for part in word.lstrip("?-").split("|"):
                if part not in known:
                    yield f'{_PATTERNS}: "{key}" has the part "{part}", which is none; correct it or add it to {_WORDS}'
