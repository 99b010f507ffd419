"""Move the number of the last change to the corrections from SQLite's `user_version` into a table.

Two indexes get names of their own, because PostgreSQL has one namespace for the indexes of all tables. It also gets a
table for the bytes of jobs.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.storage.database.migrations.parts import includes

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create tables and indexes, and keep the number."""
    if includes("corrections"):
        _move_number()
    if includes("jobs"):
        if op.get_bind().dialect.name == "sqlite":
            op.drop_index("changes", "files", if_exists=True)
        op.create_index("files_by_revision", "files", ["job_id", "revision"])
    if includes("contents"):
        op.create_table(
            "contents",
            sa.Column("job_id", sa.Text, primary_key=True),
            sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("data", sa.LargeBinary, nullable=False),
        )


def _move_number() -> None:
    counters = op.create_table(
        "counters",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    last = op.get_bind().execute(sa.text("PRAGMA user_version")).scalar_one() if is_sqlite else 0
    op.bulk_insert(counters, [{"name": "changes", "value": last}])
    if is_sqlite:
        op.drop_index("changes", "corrections", if_exists=True)
    op.create_index("corrections_by_change", "corrections", ["owner", "change"])
