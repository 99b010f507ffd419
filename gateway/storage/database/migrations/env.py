"""Runs revisions for `gateway.storage.database.revisions`, in the transaction of its connection."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
