"""The tables of the database, by part.

Each part is a SQLite file of its own, so that damage to one leaves the others intact and their writers do not wait for
each other; in PostgreSQL all parts are in one database. A change here needs a revision in `migrations/versions`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
    text,
)

# The latest revision in `migrations/versions`; revisions are numbered, so that later ones are greater.
HEAD = "0003"


@dataclass(frozen=True)
class Part:
    """Tables that belong together.

    Attributes:
        name: Name of the part, and of its SQLite file.
        metadata: Its tables.
        is_durable: Whether a commit must survive a loss of power.
    """

    name: str
    metadata: MetaData
    is_durable: bool = True


KEYS = Part("keys", MetaData())
CORRECTIONS = Part("corrections", MetaData())
PARTS = (KEYS, CORRECTIONS)

keys = Table(
    "keys",
    KEYS.metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("rate_limit", Text),
    Column("created", Text, nullable=False),
    Column("revoked", Text),
    # None for a key of release 0.1.0, which has a group of its own, named after its ID.
    Column("group_name", Text),
    Column("is_operator", Boolean, nullable=False, server_default=false()),
)
_IN_USE = text("revoked IS NULL")
Index("names_in_use", keys.c.name, unique=True, sqlite_where=_IN_USE, postgresql_where=_IN_USE)

# The receipt as the models read it, and the company they found. `owner` is the group whose receipt was corrected;
# several may have a receipt with the same ID.
receipts = Table(
    "receipts",
    CORRECTIONS.metadata,
    Column("id", Text, primary_key=True),
    Column("owner", Text, primary_key=True),
    Column("company", Text),
    Column("receipt", Text, nullable=False),
)
corrections = Table(
    "corrections",
    CORRECTIONS.metadata,
    Column("receipt_id", Text, primary_key=True),
    Column("owner", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("correction", Text, nullable=False),
    # The number of the change that wrote the row.
    Column("change", BigInteger, nullable=False),
)
Index("corrections_by_change", corrections.c.owner, corrections.c.change)
# One row, `changes`: the number of the last change to the corrections.
counters = Table(
    "counters",
    CORRECTIONS.metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
