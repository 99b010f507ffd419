"""SQLite files in the state directory."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from gateway.storage.database import open_database

_SCHEMA = "CREATE TABLE IF NOT EXISTS things (name TEXT PRIMARY KEY)"


def test_keeps_what_is_written(tmp_path: Path) -> None:
    with open_database(tmp_path, "things", _SCHEMA) as connection:
        connection.execute("INSERT INTO things VALUES ('receipt')")
    with open_database(tmp_path, "things", _SCHEMA) as connection:
        assert [row["name"] for row in connection.execute("SELECT name FROM things")] == ["receipt"]


def test_error_rolls_back_the_transaction(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), open_database(tmp_path, "things", _SCHEMA) as connection:
        _write_and_fail(connection)
    with open_database(tmp_path, "things", _SCHEMA) as connection:
        assert connection.execute("SELECT count(*) FROM things").fetchone()[0] == 0


def _write_and_fail(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO things VALUES ('receipt')")
    raise RuntimeError


def test_creates_the_directory_for_its_owner_only(tmp_path: Path) -> None:
    with open_database(tmp_path / "new" / "state", "things", _SCHEMA):
        pass
    assert stat.S_IMODE((tmp_path / "new" / "state").stat().st_mode) == 0o700
