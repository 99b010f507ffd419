"""${message}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.storage.database.migrations.parts import includes

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Upgrade the tables of the parts that are in this database."""
    if includes("corrections"):
        ${upgrades if upgrades else "pass"}
