"""The first tables: calls, cards and feedback."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_calls_cards_feedback"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "calls",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("hook", sa.String(64), nullable=False),
        sa.Column("client", sa.String(512), nullable=False),
        sa.Column("peer", sa.String(64), nullable=False),
        sa.Column("patient", sa.String(64), nullable=False),
        sa.Column("judged", sa.Boolean, nullable=False),
        sa.Column("shadow", sa.Boolean, nullable=False),
        sa.Column("knowledge_version", sa.String(64), nullable=False),
        sa.Column("read", sa.JSON, nullable=False),
        sa.Column("unavailable", sa.JSON, nullable=False),
        sa.Column("orders", sa.JSON, nullable=False),
        sa.Column("milliseconds", sa.JSON, nullable=False),
    )
    op.create_index("calls_at", "calls", ["at"])
    op.create_table(
        "cards",
        sa.Column("uuid", sa.String(36), primary_key=True),
        sa.Column("call", sa.String(36), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("client", sa.String(512), nullable=False),
        sa.Column("topic", sa.String(128), nullable=False),
        sa.Column("rows", sa.JSON, nullable=False),
        sa.Column("indicator", sa.String(8), nullable=False),
        sa.Column("shown", sa.Boolean, nullable=False),
    )
    op.create_index("cards_at", "cards", ["at"])
    op.create_table(
        "feedback",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("card", sa.String(36), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("outcome_at", _TIME, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("client", sa.String(512), nullable=False),
        sa.Column("suggestions", sa.JSON, nullable=False),
        sa.Column("reason_system", sa.String(255)),
        sa.Column("reason_code", sa.String(128)),
        sa.Column("commented", sa.Boolean, nullable=False),
        sa.Column("comment", sa.Text),
        sa.UniqueConstraint("client", "card", "outcome", "outcome_at", name="feedback_once"),
    )
    op.create_index("feedback_card", "feedback", ["card"])
    op.create_index("feedback_received_at", "feedback", ["received_at"])


def downgrade() -> None:
    """Drop them, with everything in them."""
    for table in ("feedback", "cards", "calls"):
        op.drop_table(table)
