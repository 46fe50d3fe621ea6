"""The tables of the database. The migrations are in `migrations/versions/`; a test checks that both agree.

No table holds a name, date of birth, text of a record, or token; a patient appears as a keyed hash. What `summaries`
holds for some minutes is encrypted, and its key is nowhere here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

NEWEST_REVISION = "2026_11_cards_of_a_service"
"""The migration that these tables are of: where a database has it, nothing is migrated."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, stored in UTC to the microsecond; SQLite has no time zones, so UTC is added when reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC; a naive time is rejected as ambiguous."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone can't be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Convert to an aware time in UTC."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


METADATA = MetaData()

CALLS = Table(
    "calls",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("service", String(64), nullable=False),
    Column("hook", String(64), nullable=False),
    Column("client", String(512), nullable=False),
    Column("peer", String(64), nullable=False),
    Column("patient", String(64), nullable=False),
    Column("judged", Boolean, nullable=False),
    Column("shadow", Boolean, nullable=False),
    Column("knowledge_version", String(64), nullable=False),
    Column("read", JSON, nullable=False),
    Column("unavailable", JSON, nullable=False),
    Column("orders", JSON, nullable=False),
    Column("milliseconds", JSON, nullable=False),
    Column("hook_instance", String(36)),
    Index("calls_at", "at"),
    Index("calls_hook_instance", "hook_instance"),
)
"""One audit record per call, as `records.CallRecord`; `patient` is a keyed hash."""

UNREAD = Table(
    "unread",
    METADATA,
    Column("day", Date, primary_key=True),
    Column("client", String(512), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("count", Integer, nullable=False),
)
"""How often something could not be read, by day and client, apart from any call or patient.

`kind` is a prefetch key, or `orders` for one that looks interventional and is not known; `name` is `system|code`, or
words where a site keeps them, else empty.
"""

SNAPSHOTS = Table(
    "snapshots",
    METADATA,
    Column("sha256", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""Files of the tables as .tar.gz, by the hash of the content: the shipped ones, or a site folder."""

VERSIONS = Table(
    "versions",
    METADATA,
    Column("version", String(64), primary_key=True),
    Column("first_at", UtcDateTime, nullable=False),
    Column("day", Date, nullable=False),
    Column("shipped", String(64), nullable=False),
    Column("site", String(64)),
)
"""Every knowledge version that answered: when first, the hospital's day of its tables, and their snapshots."""

CARDS = Table(
    "cards",
    METADATA,
    Column("uuid", String(36), primary_key=True),
    Column("call", String(36), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("service", String(64), nullable=False),
    Column("client", String(512), nullable=False),
    Column("topic", String(128), nullable=False),
    Column("rows", JSON, nullable=False),
    Column("indicator", String(8), nullable=False),
    Column("shown", Boolean, nullable=False),
    Column("subject", String(64)),
    Column("evidence", String(64)),
    Index("cards_at", "at"),
    Index("cards_subject_service", "subject", "service", "at"),
)
"""One row per card, shown or withheld in shadow, to join feedback with.

`subject` is a keyed hash of patient, orders and problem, `evidence` one of what the card rests on: so a later call
knows it again.
"""

FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("card", String(36), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("outcome_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("service", String(64), nullable=False),
    Column("client", String(512), nullable=False),
    Column("suggestions", JSON, nullable=False),
    Column("reason_system", String(255)),
    Column("reason_code", String(128)),
    Column("commented", Boolean, nullable=False),
    Column("comment", Text),
    UniqueConstraint("client", "card", "outcome", "outcome_at", name="feedback_once"),
    Index("feedback_card", "card"),
    Index("feedback_received_at", "received_at"),
)
"""One row per feedback entry; the unique constraint makes repeated entries have no effect."""

SUMMARIES = Table(
    "summaries",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("summaries_expires_at", "expires_at"),
)
"""One row per summary that a link leads to: `id` is a hash of the key in the link, `sealed` is encrypted with it."""

REVISION = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's own table, which holds the migration that the tables are of."""


def make_tables(connection: Connection) -> None:
    """Make the tables of this release in an empty database, as all the migrations together would; a test compares.

    So a new database needs no Alembic: 0.1 s of a first start, and 11 MB in each process.
    """
    METADATA.create_all(connection)
    REVISION.create(connection)
    connection.execute(REVISION.insert().values(version_num=NEWEST_REVISION))


def insert_into(table: Table, connection: Connection) -> sqlite.Insert | postgresql.Insert:
    """An INSERT in the dialect of the database, so that rows that are there already can be passed over."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # 20 modules that only its databases need

    return postgresql.insert(table)
