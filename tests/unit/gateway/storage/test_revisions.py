"""Upgrades of the schema: from files of 0.1.0, and in PostgreSQL."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from gateway.storage.database.postgres import PostgresDatabase
from gateway.storage.database.schema import HEAD, KEYS, PARTS, Part
from gateway.storage.database.sqlite import SqliteDatabase
from shared.startup import StartupError
from tests.support.release_0_1_0 import SCHEMAS, write_files


def describe_tables(path: Path) -> dict[str, object]:
    """Return what defines the tables of a file, without the order of columns."""
    with sqlite3.connect(path) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: (
                # Name, type, NOT NULL, and place in the primary key. SQLite has one type for a few declarations.
                sorted(
                    (row[1], _find_affinity(row[2]), row[3] or row[5] > 0, row[5])
                    for row in connection.execute(f"PRAGMA table_info({name})")
                ),
                sorted(row[1:] for row in connection.execute(f"PRAGMA index_list({name})") if row[3] != "pk"),
            )
            for name in names
            if not name.startswith("sqlite_")
        }


def _find_affinity(declaration: str) -> str:
    if declaration in ("INTEGER", "BIGINT", "BOOLEAN"):
        return "INTEGER"
    return "REAL" if declaration in ("REAL", "DOUBLE") else declaration


@pytest.mark.parametrize("part", [part for part in PARTS if part.name in SCHEMAS], ids=lambda part: part.name)
def test_files_of_0_1_0_get_the_tables_of_new_ones(tmp_path: Path, part: Part) -> None:
    write_files(tmp_path / "old")
    database = SqliteDatabase(tmp_path / "old")
    assert database.describe(part) in database.migrate()
    assert database.migrate() == []
    with SqliteDatabase(tmp_path / "new").writing(part):
        pass
    name = f"{part.name}.sqlite3"
    assert describe_tables(tmp_path / "old" / name) == describe_tables(tmp_path / "new" / name)


def test_an_upgrade_that_fails_changes_nothing(tmp_path: Path) -> None:
    write_files(tmp_path)
    file = tmp_path / "corrections.sqlite3"
    with sqlite3.connect(file) as connection:
        # A later revision creates this table.
        connection.execute("CREATE TABLE counters (other)")
    before = describe_tables(file)
    with pytest.raises(Exception, match="counters"):
        SqliteDatabase(tmp_path).migrate()
    assert describe_tables(file) == before


def test_revisions_give_postgresql_the_tables_of_the_schema(postgres_url: str) -> None:
    PostgresDatabase(postgres_url).migrate()
    with create_engine(postgres_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, [part.metadata for part in PARTS]) == []  # type: ignore[arg-type]


def test_gateways_that_start_at_once_upgrade_once(postgres_url: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        upgraded = list(pool.map(lambda _: PostgresDatabase(postgres_url).migrate(), range(6)))
    assert sorted(map(len, upgraded)) == [0, 0, 0, 0, 0, 1]


async def test_a_gateway_that_may_not_upgrade_says_what_to_do(postgres_url: str) -> None:
    database = PostgresDatabase(postgres_url, migrates=False)
    with pytest.raises(StartupError, match="quittance migrate"):
        await database.start()
    database.migrate()
    await database.start()
    await database.aclose()


def test_works_with_the_schema_of_a_later_release(postgres_url: str) -> None:
    PostgresDatabase(postgres_url).migrate()
    with create_engine(postgres_url).begin() as connection:
        connection.execute(text("ALTER TABLE keys ADD COLUMN later TEXT"))
        connection.execute(text("UPDATE alembic_version SET version_num = :later"), {"later": f"{int(HEAD) + 1:04}"})
    with PostgresDatabase(postgres_url).writing(KEYS) as opened:
        assert opened.execute(text("SELECT count(*) FROM keys")).scalar() == 0
