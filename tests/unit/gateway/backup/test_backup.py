"""Backups of SQLite and PostgreSQL, restored into either, and written while others write."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from gateway.admission.api_keys import KeyRing, KeyStore
from gateway.backup.backup_file import BackupError
from gateway.backup.restoring import restore_backup
from gateway.backup.saving import save_backup
from gateway.caller import NO_OWNER
from gateway.corrections.store import CorrectionStore
from gateway.storage.database.database import Database, DatabaseError
from gateway.storage.database.postgres import PostgresDatabase
from gateway.storage.database.schema import HEAD, KEYS
from gateway.storage.database.sqlite import SqliteDatabase
from tests.support.disks import small_disk
from tests.support.postgres_server import PostgresServer
from tests.support.receipts import RECEIPT
from tests.support.release_0_1_0 import write_files
from tests.support.saved_state import add_correction, add_job, fill, finish_next_file, open_jobs

Open = Callable[[str], Database]


@pytest.fixture
async def open_database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    """Open new databases of some kind; the state directory of SQLite is named after its kind and number."""
    opened: list[Database] = []

    def open_new(kind: str) -> Database:
        database: Database
        if kind == "sqlite":
            database = SqliteDatabase(tmp_path / f"state-{len(opened)}")
        else:
            server: PostgresServer = request.getfixturevalue("postgres")
            database = PostgresDatabase(server.create_database())
            database.migrate()
        opened.append(database)
        return database

    yield open_new
    for database in opened:
        await database.aclose()


def get_directory(database: Database, tmp_path: Path) -> Path:
    """Return the state directory."""
    return Path(database.describe(KEYS)).parent if isinstance(database, SqliteDatabase) else tmp_path


def dump(file: Path) -> list[str]:
    """Return all that is in a file of SQLite."""
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.iterdump())


async def read_companies(database: Database) -> list[str]:
    found = (await CorrectionStore(database).find(RECEIPT.id, owner=NO_OWNER)).corrections
    return [] if found is None else [str(field.value) for field in found.fields.values()]


@pytest.mark.parametrize(
    ("source_kind", "target_kind"),
    [("sqlite", "sqlite"), ("sqlite", "postgres"), ("postgres", "sqlite")],
)
async def test_restores_everything_into_any_database(
    source_kind: str, target_kind: str, open_database: Open, tmp_path: Path
) -> None:
    source, target, file = open_database(source_kind), open_database(target_kind), tmp_path / "backup"
    secret, job_id = await fill(source, get_directory(source, tmp_path))
    saved = await asyncio.to_thread(save_backup, source, get_directory(source, tmp_path), file)
    assert str(saved) == "API keys: 1; corrected receipts: 1; jobs: 1 with 3 files, 2 of them unread"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    directory = get_directory(target, tmp_path)
    restored = await asyncio.to_thread(restore_backup, target, directory, file)
    assert restored == saved
    ring = KeyRing(KeyStore(target))
    await ring.load()
    key = await ring.find(secret)
    assert key is not None
    assert (key.name, key.group) == ("books", "office")
    assert await read_companies(target) == ["ONE"]
    # The queue has the two files that were not read, and their pictures are there.
    assert [await finish_next_file(target, directory) for _ in range(3)] == [True, True, False]
    job = await open_jobs(target, directory).find(job_id)
    assert job is not None
    assert job.to_job().state == "done"
    # What comes later gets numbers of its own.
    await add_correction(target, "TWO")
    await add_job(target, directory, 1)
    assert await finish_next_file(target, directory)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_is_complete_while_others_write(kind: str, open_database: Open, tmp_path: Path) -> None:
    source, file = open_database(kind), tmp_path / "backup"
    directory, ended = get_directory(source, tmp_path), asyncio.Event()
    await fill(source, directory)

    async def write() -> int:
        count = 0
        while not ended.is_set() or count < 5:
            await add_correction(source, f"COMPANY {count}", owner=f"group {count}")
            await add_job(source, directory, 2)
            assert await finish_next_file(source, directory)
            count += 1
        return count

    writing = asyncio.create_task(write())
    await asyncio.sleep(0.2)
    saved = await asyncio.to_thread(save_backup, source, directory, file)
    ended.set()
    assert await writing > 0
    assert list(directory.glob(".backup-*")) == []
    # Every file that is not done has its picture, and a message in the queue unless its job was just arriving.
    with sqlite3.connect(file) as backup:
        open_files = set(
            backup.execute("SELECT job_id, number FROM files WHERE state IN ('queued', 'running')").fetchall()
        )
        pictures = set(backup.execute("SELECT job_id, number FROM contents").fetchall())
        queued = {tuple(data.decode().split()) for (data,) in backup.execute("SELECT data FROM messages")}
    assert open_files <= pictures
    without_message = {job for job, number in open_files if (job, str(number)) not in queued}
    assert len(without_message) <= 1
    target = open_database("sqlite")
    assert await asyncio.to_thread(restore_backup, target, get_directory(target, tmp_path), file) == saved


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_replaces_only_if_told_to(kind: str, open_database: Open, tmp_path: Path) -> None:
    source, target, file = open_database("sqlite"), open_database(kind), tmp_path / "backup"
    directory = get_directory(target, tmp_path)
    secret, job_id = await fill(source, get_directory(source, tmp_path))
    await asyncio.to_thread(save_backup, source, get_directory(source, tmp_path), file)
    for value in ("OLD", "OLDER", "OLDEST"):
        await add_correction(target, value)
    old_job = await add_job(target, directory)
    running = CorrectionStore(target)
    assert [one.value for one in (await running.find("f" * 32, owner=NO_OWNER)).taught] == ["OLDEST"]
    with pytest.raises(BackupError, match=r"has 1 corrected receipts.*--force"):
        await asyncio.to_thread(restore_backup, target, directory, file)
    assert await read_companies(target) == ["OLDEST"]
    await asyncio.to_thread(restore_backup, target, directory, file, replaces=True)
    assert await read_companies(target) == ["ONE"]
    # A gateway that runs notices.
    assert [one.value for one in (await running.find("f" * 32, owner=NO_OWNER)).taught] == ["ONE"]
    store = open_jobs(target, directory)
    assert not await store.exists(old_job)
    assert await store.exists(job_id)
    await asyncio.to_thread(restore_backup, target, directory, file, replaces=True)
    assert [await finish_next_file(target, directory) for _ in range(3)] == [True, True, False]
    ring = KeyRing(KeyStore(target))
    await ring.load()
    assert await ring.find(secret) is not None


async def test_leaves_out_jobs_and_keeps_those_that_exist(open_database: Open, tmp_path: Path) -> None:
    source, target, file = open_database("sqlite"), open_database("sqlite"), tmp_path / "backup"
    _, job_id = await fill(source, get_directory(source, tmp_path))
    directory = get_directory(target, tmp_path)
    await asyncio.to_thread(save_backup, source, get_directory(source, tmp_path), tmp_path / "all")
    saved = await asyncio.to_thread(save_backup, source, get_directory(source, tmp_path), file, with_jobs=False)
    assert (saved.rows["keys"], saved.rows["jobs"], saved.rows["messages"]) == (1, 0, 0)
    other = await add_job(target, directory)
    await asyncio.to_thread(restore_backup, target, directory, tmp_path / "all", with_jobs=False)
    assert await read_companies(target) == ["ONE"]
    assert await open_jobs(target, directory).exists(other)
    assert not await open_jobs(target, directory).exists(job_id)


async def test_never_opens_a_gateway_that_asks_for_keys(open_database: Open, tmp_path: Path) -> None:
    source, target = open_database("sqlite"), open_database("sqlite")
    await add_correction(source, "ONE")
    await asyncio.to_thread(save_backup, source, get_directory(source, tmp_path), tmp_path / "keyless")
    # Without keys there is no file, which would say that the keys were lost.
    empty = open_database("sqlite")
    await asyncio.to_thread(restore_backup, empty, get_directory(empty, tmp_path), tmp_path / "keyless")
    await KeyRing(KeyStore(empty)).load()
    await asyncio.to_thread(KeyStore(target).create, "books")
    with pytest.raises(BackupError, match="anyone may call"):
        await asyncio.to_thread(
            restore_backup, target, get_directory(target, tmp_path), tmp_path / "keyless", replaces=True
        )
    assert [key.name for key in KeyStore(target).list()] == ["books"]


async def test_a_restore_that_fails_leaves_no_file_without_keys(
    open_database: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target, file = open_database("sqlite"), open_database("sqlite"), tmp_path / "backup"
    await fill(source, get_directory(source, tmp_path))
    await asyncio.to_thread(save_backup, source, get_directory(source, tmp_path), file)

    def fail(*_: object) -> None:
        raise OSError("the disk is broken")

    monkeypatch.setattr("gateway.backup.restoring._replace", fail)
    with pytest.raises((OSError, DatabaseError), match="the disk is broken"):
        await asyncio.to_thread(restore_backup, target, get_directory(target, tmp_path), file)
    assert list(get_directory(target, tmp_path).iterdir()) == []
    await KeyRing(KeyStore(target)).load()


def test_refuses_what_is_not_a_backup(tmp_path: Path) -> None:
    target = SqliteDatabase(tmp_path / "target")
    file = tmp_path / "backup"
    save_backup(SqliteDatabase(tmp_path / "source"), tmp_path / "source", file)
    with pytest.raises(BackupError, match="exists"):
        save_backup(target, tmp_path / "target", file)
    complete = file.read_bytes()
    broken = {
        "is not a backup": b"",
        "damaged, or not a backup": b"picture" * 2000,
        "damaged": complete[: len(complete) // 2],
        "is not a backup of": complete[:68] + bytes(4) + complete[72:],
    }
    for message, data in broken.items():
        (tmp_path / "broken").write_bytes(data)
        with pytest.raises(BackupError, match=message):
            restore_backup(target, tmp_path / "target", tmp_path / "broken")
    with pytest.raises(BackupError, match="does not exist"):
        restore_backup(target, tmp_path / "target", tmp_path / "absent")
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(BackupError, match="later release"):
        restore_backup(target, tmp_path / "target", file)
    assert not (tmp_path / "target").exists()


async def test_restores_backups_of_an_earlier_release(open_database: Open, tmp_path: Path) -> None:
    """Check with a backup as a release with the schema before would have written it."""
    source, file = open_database("sqlite"), tmp_path / "backup"
    await fill(source, get_directory(source, tmp_path))
    await asyncio.to_thread(save_backup, source, get_directory(source, tmp_path), file)
    with sqlite3.connect(file) as connection:
        connection.executescript(
            "DROP INDEX files_by_revision; DROP INDEX corrections_by_change; DROP TABLE counters; DROP TABLE contents;"
            "ALTER TABLE jobs DROP COLUMN webhook_error; ALTER TABLE jobs DROP COLUMN webhook_delivered;"
            "UPDATE alembic_version SET version_num = '0002'; PRAGMA user_version = 7"
        )
    before = file.read_bytes()
    target = open_database("sqlite")
    restored = await asyncio.to_thread(restore_backup, target, get_directory(target, tmp_path), file)
    assert restored.rows["keys"] == restored.rows["receipts"] == 1
    assert await read_companies(target) == ["ONE"]
    assert file.read_bytes() == before


async def test_changes_nothing_in_the_database_of_another_release(open_database: Open, tmp_path: Path) -> None:
    write_files(tmp_path / "old")
    before = dump(tmp_path / "old" / "keys.sqlite3")
    with pytest.raises(DatabaseError, match="quittance migrate"):
        save_backup(SqliteDatabase(tmp_path / "old"), tmp_path / "old", tmp_path / "backup")
    assert dump(tmp_path / "old" / "keys.sqlite3") == before
    database = open_database("postgres")
    assert isinstance(database, PostgresDatabase)
    with create_engine(database._url).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :later"), {"later": f"{int(HEAD) + 1:04}"})
    with pytest.raises(DatabaseError, match="later release"):
        save_backup(database, tmp_path, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


async def test_a_full_disk_leaves_no_half_of_a_backup(open_database: Open, tmp_path: Path) -> None:
    source = open_database("sqlite")
    for number in range(40):
        await add_correction(source, "ONE", owner=f"group {number} " + "x" * 5000)
    with small_disk(256 * 1024) as folder:
        with pytest.raises(BackupError, match=r"backup cannot be written .*space"):
            await asyncio.to_thread(save_backup, source, get_directory(source, tmp_path), folder / "backup")
        assert list(folder.iterdir()) == []
    assert await read_companies(source) == []
