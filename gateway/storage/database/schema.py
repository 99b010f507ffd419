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
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
    text,
)

# The latest revision in `migrations/versions`; revisions are numbered, so that later ones are greater.
HEAD = "0005"


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
JOBS = Part("jobs", MetaData())
QUEUE = Part("queue", MetaData())
# The bytes of the files of jobs, which are in a folder if the database is in files too.
CONTENTS = Part("contents", MetaData())
# Responses to requests with an idempotency key. Only PostgreSQL without Redis uses this table; Redis and memory do not.
RESPONSES = Part("responses", MetaData(), is_durable=False)
PARTS = (KEYS, CORRECTIONS, JOBS, QUEUE, CONTENTS, RESPONSES)

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

# A job is visible once it has a revision, which is the number of changes of its files.
jobs = Table(
    "jobs",
    JOBS.metadata,
    Column("id", Text, primary_key=True),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False),
    Column("finished", Double),
    Column("options", Text, nullable=False),
    Column("revision", Integer, nullable=False, server_default="0"),
    Column("webhook_at", Double),
    Column("webhook_attempts", Integer, nullable=False, server_default="0"),
    Column("webhook_error", Text),
    Column("webhook_delivered", Double),
)
# `told` is the state of a file as JSON, `number` its index in the job.
files = Table(
    "files",
    JOBS.metadata,
    Column("job_id", Text, ForeignKey("jobs.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("revision", Integer, nullable=False),
    Column("told", Text, nullable=False),
    Column("receipts", Text),
)
Index("files_by_revision", files.c.job_id, files.c.revision)
# The bytes that are counted for each file: its own and some for its result, and then those of its result.
usage = Table(
    "usage",
    JOBS.metadata,
    Column("job_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("bytes", BigInteger, nullable=False),
)

# Files to read. `lent_until` is a time of the monotonic clock of the machine in SQLite, of the server in PostgreSQL.
messages = Table(
    "messages",
    QUEUE.metadata,
    # SQLite numbers rows only if the type is this one.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("data", LargeBinary, nullable=False),
    Column("lent_until", Double, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)

contents = Table(
    "contents",
    CONTENTS.metadata,
    Column("job_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)

# Values of `gateway.storage.database_store`. Times are those of `read_clock`.
responses = Table(
    "responses",
    RESPONSES.metadata,
    Column("key", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("expires", Double, nullable=False),
)
Index("responses_by_prefix", responses.c.key, postgresql_ops={"key": "text_pattern_ops"})
Index("responses_by_owner", responses.c.owner, responses.c.expires)
Index("responses_by_expiry", responses.c.expires)
# What each owner has in `responses`.
response_owners = Table(
    "response_owners",
    RESPONSES.metadata,
    Column("owner", Text, primary_key=True),
    Column("entries", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
)
response_locks = Table(
    "response_locks",
    RESPONSES.metadata,
    Column("key", Text, primary_key=True),
    Column("token", LargeBinary, nullable=False),
    Column("expires", Double, nullable=False),
)
