"""SQLite files in the state directory."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, MetaData, Table, Text, insert, select

from gateway.storage.database.database import DatabaseError
from gateway.storage.database.schema import Part
from gateway.storage.database.sqlite import SqliteDatabase
from tests.support.disks import fill_disk, open_directory, small_disk

THINGS = Part("things", MetaData())
MORE = Part("more", MetaData())
things = Table("things", THINGS.metadata, Column("name", Text, primary_key=True))


def write(directory: Path, name: str = "receipt") -> None:
    with SqliteDatabase(directory).writing(THINGS) as connection:
        connection.execute(insert(things).values(name=name))


def find_names(connection: Connection) -> list[str]:
    return list(connection.execute(select(things.c.name).order_by(things.c.name)).scalars())


def read(directory: Path) -> list[str] | None:
    with SqliteDatabase(directory).reading(THINGS) as connection:
        return None if connection is None else find_names(connection)


def get_path(directory: Path) -> Path:
    return directory / "things.sqlite3"


def get_modes(directory: Path) -> set[int]:
    return {stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()}


def test_keeps_what_is_written(tmp_path: Path) -> None:
    write(tmp_path)
    assert read(tmp_path) == ["receipt"]


async def test_reads_and_writes_in_threads_of_the_state_directory(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path)
    nothing = list[str]()
    assert await database.read(THINGS, find_names, missing=nothing) is nothing
    statement = insert(things).values(name="receipt")
    await database.write(THINGS, lambda connection: connection.execute(statement))
    assert await database.read(THINGS, find_names, missing=nothing) == ["receipt"]


def test_error_rolls_back_the_transaction(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), SqliteDatabase(tmp_path).writing(THINGS) as connection:
        _write_and_fail(connection)
    assert read(tmp_path) == []


def _write_and_fail(connection: Connection) -> None:
    connection.execute(insert(things).values(name="receipt"))
    raise RuntimeError


def test_a_reader_sees_one_moment(tmp_path: Path) -> None:
    write(tmp_path)
    with SqliteDatabase(tmp_path).reading(THINGS) as connection:
        assert connection is not None
        assert find_names(connection) == ["receipt"]
        write(tmp_path, "another")
        assert find_names(connection) == ["receipt"]


def test_creates_the_directory_for_its_owner_only(tmp_path: Path) -> None:
    write(tmp_path / "new" / "state")
    assert stat.S_IMODE((tmp_path / "new" / "state").stat().st_mode) == 0o700


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that keeps what was written in the log, as a process does that is still writing."""
    write(tmp_path)
    connection = sqlite3.connect(get_path(tmp_path))
    connection.execute("INSERT INTO things VALUES ('another')")
    connection.commit()
    yield connection
    connection.close()


@pytest.mark.usefixtures("writer")
def test_files_are_private_in_a_directory_that_is_not(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert len(list(tmp_path.iterdir())) == 3  # with SQLite's own files
    assert get_modes(tmp_path) == {0o600}
    assert read(tmp_path) == ["another", "receipt"]
    assert get_modes(tmp_path) == {0o600}


def test_makes_files_of_an_earlier_release_private(tmp_path: Path) -> None:
    write(tmp_path)
    get_path(tmp_path).chmod(0o644)
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
    path = get_path(tmp_path)
    path.touch()
    with pytest.raises(DatabaseError, match=r"no such table.*restore it from a backup"):
        read(tmp_path)
    assert path.stat().st_size == 0


@pytest.mark.usefixtures("writer")
def test_reads_what_a_writer_has_not_moved_into_the_file_yet(tmp_path: Path) -> None:
    assert read(tmp_path) == ["another", "receipt"]


def test_reads_in_a_directory_without_the_right_to_write() -> None:
    with open_directory() as folder:
        write(folder)
        folder.chmod(0o500)
        assert read(folder) == ["receipt"]
        with pytest.raises(DatabaseError, match="may read and write"):
            write(folder, "another")


def test_reports_a_file_that_changes_while_it_is_read_without_coordination() -> None:
    with open_directory() as folder:
        write(folder)
        folder.chmod(0o500)
        with pytest.raises(DatabaseError, match="changed while it was read"):
            _read_while_another_writes(folder)


def _read_while_another_writes(folder: Path) -> None:
    with SqliteDatabase(folder).reading(THINGS):
        folder.chmod(0o700)
        write(folder, "another")


def test_names_the_cause_of_a_directory_that_cannot_be_read() -> None:
    with open_directory() as folder:
        write(folder)
        folder.chmod(0)
        with pytest.raises(DatabaseError, match="may read and write"):
            read(folder)


def test_reads_on_a_full_disk_and_leaves_no_half_of_a_file() -> None:
    with small_disk(256 * 1024) as folder:
        write(folder)
        fill_disk(folder)
        assert [read(folder), read(folder)] == [["receipt"]] * 2
        with pytest.raises(DatabaseError, match="The disk is full") as caught, SqliteDatabase(folder).writing(MORE):
            pass
        assert caught.value.is_full
        assert [file.name for file in folder.iterdir() if "more" in file.name] == []
