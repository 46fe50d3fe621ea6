"""Alembic environment: runs the migrations on the given connection, inside its transaction."""

from __future__ import annotations

from alembic import context

from cds_service.storage.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
