"""What alembic runs to bring the database it is given up to date, inside the transaction it is given."""

from __future__ import annotations

from alembic import context

from cds_service.storage.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
