"""SQLite files in the state directory."""

from __future__ import annotations

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.storage.database import describe_database_error, get_database_path, open_database, read_database
from tests.support.disks import fill_disk, open_directory, small_disk

_SCHEMA = "CREATE TABLE IF NOT EXISTS things (name TEXT PRIMARY KEY)"


def write(directory: Path, name: str = "receipt") -> None:
    with open_database(directory, "things", _SCHEMA) as connection:
        connection.execute("INSERT INTO things VALUES (?)", (name,))


def read(directory: Path) -> list[str] | None:
    with read_database(directory, "things") as connection:
        if connection is None:
            return None
        return [row["name"] for row in connection.execute("SELECT name FROM things ORDER BY name")]


def get_modes(directory: Path) -> set[int]:
    return {stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()}


def test_keeps_what_is_written(tmp_path: Path) -> None:
    write(tmp_path)
    assert read(tmp_path) == ["receipt"]


def test_error_rolls_back_the_transaction(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), open_database(tmp_path, "things", _SCHEMA) as connection:
        _write_and_fail(connection)
    assert read(tmp_path) == []


def _write_and_fail(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO things VALUES ('receipt')")
    raise RuntimeError


def test_creates_the_directory_for_its_owner_only(tmp_path: Path) -> None:
    write(tmp_path / "new" / "state")
    assert stat.S_IMODE((tmp_path / "new" / "state").stat().st_mode) == 0o700


def test_files_are_private_in_a_directory_that_is_not(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with open_database(tmp_path, "things", _SCHEMA) as connection:
        connection.execute("INSERT INTO things VALUES ('receipt')")
        connection.commit()
        assert len(list(tmp_path.iterdir())) == 3  # with SQLite's own files
        assert get_modes(tmp_path) == {0o600}
    assert read(tmp_path) == ["receipt"]
    assert get_modes(tmp_path) == {0o600}


def test_makes_files_of_an_earlier_release_private(tmp_path: Path) -> None:
    write(tmp_path)
    get_database_path(tmp_path, "things").chmod(0o644)
    write(tmp_path, "another")
    assert get_modes(tmp_path) == {0o600}


def test_processes_that_create_the_same_file_lose_nothing(tmp_path: Path) -> None:
    names = [f"{number:02}" for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: write(tmp_path, name), names))
    assert read(tmp_path) == names
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_reading_creates_nothing(tmp_path: Path) -> None:
    assert read(tmp_path / "missing") is None
    assert read(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_reading_does_not_repair_a_file_that_lost_its_tables(tmp_path: Path) -> None:
    path = get_database_path(tmp_path, "things")
    path.touch()
    with pytest.raises(sqlite3.OperationalError, match="no such table") as caught:
        read(tmp_path)
    assert path.stat().st_size == 0
    assert "restore it from a backup" in describe_database_error(path, caught.value)


def test_reads_what_a_writer_has_not_moved_into_the_file_yet(tmp_path: Path) -> None:
    with open_database(tmp_path, "things", _SCHEMA) as connection:
        connection.execute("INSERT INTO things VALUES ('receipt')")
        connection.commit()
        assert read(tmp_path) == ["receipt"]


def test_reads_in_a_directory_without_the_right_to_write() -> None:
    with open_directory() as folder:
        write(folder)
        folder.chmod(0o500)
        assert read(folder) == ["receipt"]
        with pytest.raises(sqlite3.OperationalError) as caught:
            write(folder, "another")
        assert "may read and write" in describe_database_error(get_database_path(folder, "things"), caught.value)


def test_reports_a_file_that_changes_while_it_is_read_without_coordination() -> None:
    with open_directory() as folder:
        write(folder)
        folder.chmod(0o500)
        with pytest.raises(sqlite3.OperationalError, match="changed while it was read"):
            _read_while_another_writes(folder)


def _read_while_another_writes(folder: Path) -> None:
    with read_database(folder, "things"):
        folder.chmod(0o700)
        write(folder, "another")


def test_names_the_cause_of_a_directory_that_cannot_be_read() -> None:
    with open_directory() as folder:
        write(folder)
        folder.chmod(0)
        with pytest.raises(PermissionError) as caught:
            read(folder)
        assert "may read and write" in describe_database_error(get_database_path(folder, "things"), caught.value)


def test_reads_on_a_full_disk_and_leaves_no_half_of_a_file() -> None:
    with small_disk(256 * 1024) as folder:
        write(folder)
        fill_disk(folder)
        assert [read(folder), read(folder)] == [["receipt"]] * 2
        with pytest.raises(sqlite3.OperationalError) as caught, open_database(folder, "more", _SCHEMA):
            pass
        assert "The disk is full" in describe_database_error(get_database_path(folder, "more"), caught.value)
        assert [file.name for file in folder.iterdir() if "more" in file.name] == []
