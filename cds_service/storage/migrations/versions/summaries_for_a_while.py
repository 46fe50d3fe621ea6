"""Summaries that a link leads to, sealed, until it expires."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_summaries_for_a_while"
down_revision = "2026_11_tables_kept"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "summaries",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_index("summaries_expires_at", "summaries", ["expires_at"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("summaries")
