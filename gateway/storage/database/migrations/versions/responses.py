"""Add the answers to requests with an idempotency key, which gateways without Redis share in PostgreSQL."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.storage.database.migrations.parts import includes

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create tables and indexes."""
    if not includes("responses"):
        return
    op.create_table(
        "responses",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
    )
    op.create_index("responses_by_prefix", "responses", ["key"], postgresql_ops={"key": "text_pattern_ops"})
    op.create_index("responses_by_owner", "responses", ["owner", "expires"])
    op.create_index("responses_by_expiry", "responses", ["expires"])
    op.create_table(
        "response_owners",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("entries", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "response_locks",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("token", sa.LargeBinary, nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
    )
