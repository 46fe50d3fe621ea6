"""Cards of a subject are found by service and time: a hook that fires often shows the same card many times."""

from __future__ import annotations

from alembic import op

revision = "2026_11_cards_of_a_service"
down_revision = "2026_11_summaries_for_a_while"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Put the new index in the place of the former."""
    op.drop_index("cards_subject", "cards")
    op.create_index("cards_subject_service", "cards", ["subject", "service", "at"])


def downgrade() -> None:
    """Put the former back."""
    op.drop_index("cards_subject_service", "cards")
    op.create_index("cards_subject", "cards", ["subject"])
