"""The revision of a database's schema, and its upgrade with Alembic.

Upgrades only expand: an earlier release keeps working with the schema of the next one, so gateways of both may run side
by side. What a release no longer needs is removed by the release after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select

from gateway.storage.database.schema import HEAD, Part

_MIGRATIONS = Path(__file__).parent / "migrations"
# The table in which Alembic keeps the revision.
_versions = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))


def find_revision(connection: Connection) -> str | None:
    """Return the revision of the schema; None if there are no tables, or only those of release 0.1.0."""
    if not inspect(connection).has_table(_versions.name):
        return None
    return connection.execute(select(_versions.c.version_num)).scalar()


def is_current(revision: str | None) -> bool:
    """Return whether this release can work with a schema: it is the current one, or that of a later release."""
    return revision is not None and revision >= HEAD


def create_tables(connection: Connection, parts: Sequence[Part]) -> None:
    """Create the tables of some parts in an empty database: the same ones as an upgrade, in less time."""
    for part in parts:
        part.metadata.create_all(connection)
    _versions.create(connection)
    connection.execute(_versions.insert().values(version_num=HEAD))


def upgrade_schema(connection: Connection, parts: Sequence[Part]) -> None:
    """Upgrade the tables of some parts in the transaction of a connection; create those that are missing.

    The caller makes sure that no one else does so meanwhile.
    """
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection, "parts": parts})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, HEAD)
