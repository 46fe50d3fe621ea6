"""The tables that answered are kept; calls by hook instance; what could not be read is counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_tables_kept"
down_revision = "2026_11_cards_known_again"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the three tables; calls from before have no hook instance."""
    op.add_column("calls", sa.Column("hook_instance", sa.String(36)))
    op.create_index("calls_hook_instance", "calls", ["hook_instance"])
    op.create_table(
        "unread",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("client", sa.String(512), primary_key=True),
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
    )
    op.create_table(
        "snapshots",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "versions",
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("shipped", sa.String(64), nullable=False),
        sa.Column("site", sa.String(64)),
    )


def downgrade() -> None:
    """Drop them, with everything in them."""
    for table in ("versions", "snapshots", "unread"):
        op.drop_table(table)
    op.drop_index("calls_hook_instance", "calls")
    op.drop_column("calls", "hook_instance")
