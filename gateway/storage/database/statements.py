"""Statements that SQLite and PostgreSQL write alike, but SQLAlchemy offers for each of them only."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Double, Row, Table, cast, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite


def replace_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, which replace those with the same primary keys."""
    if not rows:
        return
    insert = choose_insert(connection)(table)
    key = [column.name for column in table.primary_key]
    changed = {name: insert.excluded[name] for name in rows[0] if name not in key}
    connection.execute(insert.on_conflict_do_update(index_elements=key, set_=changed), list(rows))


def increment(connection: Connection, table: Table, amounts: Mapping[str, int], key: Mapping[str, Any]) -> Row[Any]:
    """Add amounts to columns of the row with a key; return the resulting columns, in the order of `amounts`.

    A row that does not exist is inserted with the amounts. The row stays locked until the transaction ends.
    """
    insert = choose_insert(connection)(table).values({**key, **amounts})
    sums = {name: table.c[name] + amount for name, amount in amounts.items()}
    statement = insert.on_conflict_do_update(index_elements=list(key), set_=sums)
    return connection.execute(statement.returning(*(table.c[name] for name in amounts))).one()


def lock_for_transaction(connection: Connection, number: int) -> None:
    """Keep others who ask for the same lock waiting until the transaction ends; in SQLite, all writers wait anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(number)))


def read_clock(connection: Connection) -> ColumnElement[float]:
    """Return the seconds of a clock that all who use the database share.

    In SQLite, that is the monotonic clock of the machine, which no one can set; in PostgreSQL, the server's.
    """
    if connection.dialect.name == "sqlite":
        return literal(time.monotonic(), Double)
    return cast(func.extract("epoch", func.clock_timestamp()), Double)


def choose_insert(connection: Connection) -> Any:
    """Return the function that builds INSERT with ON CONFLICT for the database of a connection."""
    return sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
