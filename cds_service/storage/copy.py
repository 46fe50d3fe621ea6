"""Copies a whole database to another: SQLite to PostgreSQL, or back.

One transaction of the target: it has everything in the end, or nothing. The source is read as it was at one moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from cds_service.errors import SetupError
from cds_service.storage.schema import METADATA
from cds_service.storage.store import Store

_TABLES = METADATA.sorted_tables
_SECONDS = 3600.0
_BATCH_SIZE = 5_000


def copy_database(source: Store, target: Store) -> dict[str, int]:
    """Copy all tables; the number of copied rows by table, as counted in both.

    Raises:
        SetupError: the target is not empty, or the numbers of rows differ.
        StoreUnavailable: a database can't be reached; nothing was copied.
    """
    with source.transaction(_SECONDS) as reading, target.transaction(_SECONDS, writing=True) as writing:
        _freeze(reading)
        if filled := {name: count for name, count in _counts(writing).items() if count}:
            raise SetupError(f"The target is not empty: {_in_words(filled)}. Name an empty database")
        for table in _TABLES:
            for rows in _batches(reading, table):
                writing.execute(table.insert(), rows)
        _continue_numbering(writing)
        counts, expected = _counts(writing), _counts(reading)
        if counts != expected:
            raise SetupError(f"Nothing was copied: {_in_words(counts)} instead of {_in_words(expected)}")
    return counts


def _freeze(connection: sa.Connection) -> None:
    """What others write from now on is not seen."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def _batches(connection: sa.Connection, table: sa.Table) -> Iterator[list[dict[str, Any]]]:
    """All rows, by their key."""
    key = list(table.primary_key.columns)
    query = sa.select(table).order_by(*key).limit(_BATCH_SIZE)
    rows = connection.execute(query).mappings().all()
    while rows:
        yield [{column.name: row[column] for column in table.columns} for row in rows]
        rows = connection.execute(query.where(sa.tuple_(*key) > sa.tuple_(*_key_of(rows[-1], key)))).mappings().all()


def _key_of(row: sa.RowMapping, key: list[sa.Column[Any]]) -> list[sa.ColumnElement[Any]]:
    return [sa.literal(row[column], column.type) for column in key]


def _counts(connection: sa.Connection) -> dict[str, int]:
    count = sa.func.count()
    return {table.name: connection.execute(sa.select(count).select_from(table)).scalar_one() for table in _TABLES}


def _continue_numbering(connection: sa.Connection) -> None:
    """PostgreSQL numbers feedback from 1, whatever numbers were copied."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            "SELECT setval(pg_get_serial_sequence('feedback', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM feedback), "
            "false)"
        )


def _in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {table}" for table, count in counts.items())
