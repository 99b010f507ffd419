"""Statements that SQLite and PostgreSQL write alike, but SQLAlchemy offers for each of them only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite


def replace_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, which replace those with the same primary keys."""
    if not rows:
        return
    insert = _choose_insert(connection)(table)
    key = [column.name for column in table.primary_key]
    changed = {name: insert.excluded[name] for name in rows[0] if name not in key}
    connection.execute(insert.on_conflict_do_update(index_elements=key, set_=changed), list(rows))


def increment(connection: Connection, table: Table, column: ColumnElement[int], key: Mapping[str, Any]) -> int:
    """Add 1 to a column of the row with a key, which is inserted with 1 if it does not exist; return the result."""
    insert = _choose_insert(connection)(table).values({**key, column.name: 1})
    statement = insert.on_conflict_do_update(index_elements=list(key), set_={column.name: column + 1})
    return int(connection.execute(statement.returning(column)).scalar_one())


def lock_for_transaction(connection: Connection, number: int) -> None:
    """Keep others who ask for the same lock waiting until the transaction ends; in SQLite, all writers wait anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(number)))


def _choose_insert(connection: Connection) -> Any:
    return sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
