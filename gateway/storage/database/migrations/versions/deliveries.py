"""Add to jobs why their webhook failed last, and when it arrived."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.storage.database.migrations.parts import includes

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns."""
    if includes("jobs"):
        op.add_column("jobs", sa.Column("webhook_error", sa.Text))
        op.add_column("jobs", sa.Column("webhook_delivered", sa.Double))
