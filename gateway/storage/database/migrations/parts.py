"""Which parts are in the database that is being upgraded: one in a file of SQLite, all in PostgreSQL."""

from __future__ import annotations

from alembic import context


def includes(part: str) -> bool:
    """Return whether the tables of a part, by its name, are in this database."""
    return any(one.name == part for one in context.config.attributes["parts"])
