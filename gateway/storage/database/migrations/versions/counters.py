"""Move the number of the last change to the corrections from SQLite's `user_version` into a table.

The index of changes gets a name of its own, because PostgreSQL has one namespace for the indexes of all tables.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.storage.database.migrations.parts import includes

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table, and fill it."""
    if not includes("corrections"):
        return
    counters = op.create_table(
        "counters",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    last = op.get_bind().execute(sa.text("PRAGMA user_version")).scalar_one() if is_sqlite else 0
    op.bulk_insert(counters, [{"name": "changes", "value": last}])
    op.drop_index("changes", "corrections", if_exists=True)
    op.create_index("corrections_by_change", "corrections", ["owner", "change"])
