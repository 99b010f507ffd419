"""Create the tables of release 0.1.0, which had no revisions: its files are left as they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.storage.database.migrations.parts import includes

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables that do not exist."""
    if includes("keys"):
        _create_keys()
    if includes("corrections"):
        _create_corrections()
    if includes("jobs"):
        _create_jobs()
    if includes("queue"):
        op.create_table(
            "messages",
            sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
            sa.Column("data", sa.LargeBinary, nullable=False),
            sa.Column("lent_until", sa.Double, nullable=False, server_default="0"),
            sqlite_autoincrement=True,
            if_not_exists=True,
        )


def _create_keys() -> None:
    op.create_table(
        "keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("rate_limit", sa.Text),
        sa.Column("created", sa.Text, nullable=False),
        sa.Column("revoked", sa.Text),
        if_not_exists=True,
    )
    in_use = sa.text("revoked IS NULL")
    op.create_index(
        "names_in_use",
        "keys",
        ["name"],
        unique=True,
        sqlite_where=in_use,
        postgresql_where=in_use,
        if_not_exists=True,
    )


def _create_corrections() -> None:
    op.create_table(
        "receipts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("company", sa.Text),
        sa.Column("receipt", sa.Text, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "corrections",
        sa.Column("receipt_id", sa.Text, primary_key=True),
        sa.Column("field", sa.Text, primary_key=True),
        sa.Column("correction", sa.Text, nullable=False),
        sa.Column("change", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
        sa.Column("finished", sa.Double),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False, server_default="0"),
        sa.Column("webhook_at", sa.Double),
        sa.Column("webhook_attempts", sa.Integer, nullable=False, server_default="0"),
        if_not_exists=True,
    )
    op.create_table(
        "files",
        sa.Column("job_id", sa.Text, sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("told", sa.Text, nullable=False),
        sa.Column("receipts", sa.Text),
        if_not_exists=True,
    )
