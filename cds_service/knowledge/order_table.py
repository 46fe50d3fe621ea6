"""Rows of procedures, `order_words.toml` and `order_parts.toml` -> the reader of order texts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from cds_service.knowledge.order_language import OrderLanguage
from cds_service.knowledge.order_texts import OrderTexts
from cds_service.knowledge.shared_parts import shared
from cds_service.knowledge.table_rows import TableRows
from cds_service.knowledge.tables import Procedure
from cds_service.knowledge.words import Words


def order_texts(files: TableRows, procedures: Mapping[str, Procedure], words: Words) -> OrderTexts:
    """The names of the active procedures: their synonyms, their names in other languages, and their patterns."""
    terms: dict[str, list[str]] = {key: [] for key in procedures}
    for block in files.order_words["terms"]:
        for key, names in block["words"].items():
            terms.setdefault(key, []).extend(names)
    synonyms = {key: (*p.synonyms, *terms[key]) for key, p in procedures.items()}
    vetoes = {key: p.exclude_terms for key, p in procedures.items()}
    ancestors = {key: _ancestors(key, procedures) for key in procedures}
    patterns = {key: patterns for key, patterns in files.order_patterns.items() if key in procedures}
    return shared(_reader_of_orders, synonyms, vetoes, ancestors, files.order_words, words, patterns)


def _reader_of_orders(
    synonyms: Mapping[str, Collection[str]],
    vetoes: Mapping[str, Collection[str]],
    ancestors: Mapping[str, Collection[str]],
    order_words: Mapping[str, Any],
    words: Words,
    patterns: Mapping[str, Collection[str]],
) -> OrderTexts:
    known = (text for texts in (*synonyms.values(), *vetoes.values()) for text in texts)
    return OrderTexts(synonyms, vetoes, ancestors, OrderLanguage(order_words, words, known), patterns)


def _ancestors(key: str, procedures: Mapping[str, Procedure]) -> list[str]:
    line: list[str] = []
    parent = procedures[key].parent
    while parent is not None and parent in procedures:
        line.append(parent)
        parent = procedures[parent].parent
    return line
