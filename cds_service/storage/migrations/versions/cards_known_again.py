"""Cards are known again: what each is about and rests on, as keyed hashes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_cards_known_again"
down_revision = "2026_11_calls_cards_feedback"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the two columns; cards from before have none, and are shown again."""
    op.add_column("cards", sa.Column("subject", sa.String(64)))
    op.add_column("cards", sa.Column("evidence", sa.String(64)))
    op.create_index("cards_subject", "cards", ["subject"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("cards_subject", "cards")
    op.drop_column("cards", "evidence")
    op.drop_column("cards", "subject")
