"""Add groups to keys, owners to corrections, and the bytes of jobs; what 0.1.0 stored has none of them.

Files that a development version between 0.1.0 and the first revision wrote have some of this already.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.storage.database.migrations.parts import includes

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what is missing."""
    if includes("keys"):
        _add_groups()
    if includes("corrections") and "owner" not in _find_columns("receipts"):
        # Tables are rebuilt, because SQLite cannot change a primary key.
        _rebuild_receipts()
        _rebuild_corrections()
    if includes("jobs"):
        op.create_table(
            "usage",
            sa.Column("job_id", sa.Text, primary_key=True),
            sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("bytes", sa.BigInteger, nullable=False),
            if_not_exists=True,
        )


def _add_groups() -> None:
    existing = _find_columns("keys")
    if "group_name" not in existing:
        op.add_column("keys", sa.Column("group_name", sa.Text))
    if "is_operator" not in existing:
        op.add_column("keys", sa.Column("is_operator", sa.Boolean, nullable=False, server_default=sa.false()))


def _rebuild_receipts() -> None:
    op.create_table(
        "receipts_with_owner",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("company", sa.Text),
        sa.Column("receipt", sa.Text, nullable=False),
    )
    op.execute("INSERT INTO receipts_with_owner SELECT id, '', company, receipt FROM receipts")
    op.drop_table("receipts")
    op.rename_table("receipts_with_owner", "receipts")


def _rebuild_corrections() -> None:
    op.create_table(
        "corrections_with_owner",
        sa.Column("receipt_id", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("field", sa.Text, primary_key=True),
        sa.Column("correction", sa.Text, nullable=False),
        sa.Column("change", sa.BigInteger, nullable=False),
    )
    op.execute("INSERT INTO corrections_with_owner SELECT receipt_id, '', field, correction, change FROM corrections")
    op.drop_table("corrections")
    op.rename_table("corrections_with_owner", "corrections")


def _find_columns(table: str) -> set[str]:
    return {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}
