"""Everything that was read of the tables, as checked rows, before it becomes types."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

Row = Mapping[str, Any]


class TableRows(msgspec.Struct):
    """The checked rows of every file, by id; `paths` are the files read."""

    release: str = ""
    conditions: dict[str, Row] = msgspec.field(default_factory=dict)
    procedures: dict[str, Row] = msgspec.field(default_factory=dict)
    places: dict[str, str] = msgspec.field(default_factory=dict)
    """Procedure id, or `value_sets/<id>` or `concept_maps/<id>` of a site -> the file that it is in."""
    contraindications: dict[str, Row] = msgspec.field(default_factory=dict)
    thresholds: dict[str, Row] = msgspec.field(default_factory=dict)
    labs: dict[str, Row] = msgspec.field(default_factory=dict)
    lab_names: Row = msgspec.field(default_factory=dict)
    lab_orders: Row = msgspec.field(default_factory=dict)
    units: Row = msgspec.field(default_factory=dict)
    allergies: Row = msgspec.field(default_factory=dict)
    allergy_words: list[Row] = msgspec.field(default_factory=list)
    """The blocks of `allergy_words/`, each with its `file`."""
    medications: Row = msgspec.field(default_factory=dict)
    hold_table: Row = msgspec.field(default_factory=dict)
    holds: dict[str, Row] = msgspec.field(default_factory=dict)
    performed: Row = msgspec.field(default_factory=dict)
    not_connected: frozenset[str] = frozenset()
    systems: list[Row] = msgspec.field(default_factory=list)
    plain_words: Row = msgspec.field(default_factory=dict)
    diagnosis_words: Row = msgspec.field(default_factory=dict)
    title_words: Row = msgspec.field(default_factory=dict)
    urgency: Row = msgspec.field(default_factory=dict)
    spelling: Mapping[str, str] = msgspec.field(default_factory=dict)
    order_words: Row = msgspec.field(default_factory=dict)
    order_patterns: Mapping[str, list[str]] = msgspec.field(default_factory=dict)
    """Procedure id -> the parts that name it."""
    wording_keys: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Sentences that the program says -> their places."""
    wordings: dict[str, Mapping[str, str]] = msgspec.field(default_factory=dict)
    """File name -> its sentences."""
    value_sets: dict[str, Row] = msgspec.field(default_factory=dict)
    family_titles: Mapping[tuple[str, str], str] = msgspec.field(default_factory=dict)
    concept_maps: list[Row] = msgspec.field(default_factory=list)
    expansions: list[Row] = msgspec.field(default_factory=list)
    override_reasons: Row = msgspec.field(default_factory=dict)
    advice: dict[str, Row] = msgspec.field(default_factory=dict)
    paths: list[Path] = msgspec.field(default_factory=list)
    read: list[Row] = msgspec.field(default_factory=list)
    """What each shipped file holds as a whole, so that it is not read again while these rows are in use."""
    changes: tuple[Mapping[str, str], ...] = ()
    """What a site folder changed, see `site_overlay.changes_of`."""
    switched_off: tuple[str, ...] = ()
    """Ids of shipped rows that the site has silenced."""
    links: Mapping[str, tuple[tuple[str, str], ...]] = msgspec.field(default_factory=dict)
    """Id of a row -> (label, address) of the hospital's documents on it."""
    next_day: date | None = None
    """The day on which other changes of the site count."""
