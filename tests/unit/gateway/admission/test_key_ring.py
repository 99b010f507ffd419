"""API keys in memory: concurrent callers at startup, and a file that is lost while the gateway runs."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.admission.access import check_exposure
from gateway.admission.api_keys import ApiKey, KeyRing, KeyStore
from gateway.settings import GatewaySettings
from gateway.storage.database.sqlite import SqliteDatabase
from quittance.cli import app as command_line
from shared.startup import StartupError
from tests.support.disks import fill_disk, open_directory, small_disk
from tests.support.gateway import assert_problem, make_picture, run_gateway

CALLERS = 12


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyStore:
    monkeypatch.setattr("gateway.admission.api_keys._MAX_AGE_S", 0.0)
    return KeyStore(SqliteDatabase(tmp_path))


class SlowStore(KeyStore):
    """Counts readings of the file, and lets each wait until it is released."""

    def __init__(self, directory: Path) -> None:
        super().__init__(SqliteDatabase(directory))
        self.readings = 0
        self.released = asyncio.Event()

    async def find_all(self) -> list[ApiKey]:
        self.readings += 1
        await self.released.wait()
        return await super().find_all()


async def test_concurrent_callers_wait_for_the_first_reading_and_share_it(tmp_path: Path) -> None:
    key, secret = KeyStore(SqliteDatabase(tmp_path)).create("books")
    slow = SlowStore(tmp_path)
    ring = KeyRing(slow)
    callers = [asyncio.create_task(ring.any_created()) for _ in range(CALLERS)]
    finders = [asyncio.create_task(ring.find(secret)) for _ in range(CALLERS)]
    await asyncio.sleep(0.05)
    assert not any(task.done() for task in (*callers, *finders))
    slow.released.set()
    assert await asyncio.gather(*callers) == [True] * CALLERS
    assert await asyncio.gather(*finders) == [key] * CALLERS
    assert slow.readings == 1


@pytest.mark.parametrize("loss", ["moved", "truncated", "replaced"])
async def test_a_lost_file_does_not_open_the_gateway(store: KeyStore, tmp_path: Path, loss: str) -> None:
    key, secret = store.create("books")
    ring = KeyRing(store)
    assert await ring.any_created()
    assert ring.problem is None
    file = tmp_path / "keys.sqlite3"
    content = file.read_bytes()
    if loss == "truncated":
        file.write_bytes(b"")
    else:
        file.unlink()
    if loss == "replaced":
        KeyStore(SqliteDatabase(tmp_path)).create("another")
    assert await ring.any_created()
    assert await ring.find(secret) == key
    assert ring.problem is not None
    assert "last known keys" in ring.problem
    file.write_bytes(content)
    assert await ring.find(secret) == key
    assert ring.problem is None


async def test_a_damaged_file_at_startup_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "keys.sqlite3").write_bytes(b"not a database" * 100)
    with pytest.raises(StartupError, match=r"keys\.sqlite3"):
        await KeyRing(KeyStore(SqliteDatabase(tmp_path))).load()


@pytest.mark.parametrize("content", ["nothing", "no table", "no rows"])
async def test_a_file_without_keys_at_startup_does_not_open_the_gateway(
    store: KeyStore, tmp_path: Path, content: str
) -> None:
    store.create("books")
    file = tmp_path / "keys.sqlite3"
    if content == "nothing":
        file.write_bytes(b"")
    else:
        with sqlite3.connect(file) as connection:
            connection.execute("DROP TABLE keys" if content == "no table" else "DELETE FROM keys")
    for host in ("127.0.0.1", "192.0.2.1"):
        with pytest.raises(StartupError, match=r"keys\.sqlite3") as caught:
            check_exposure(GatewaySettings(state_directory=tmp_path), host)
        assert "backup" in str(caught.value)
    with pytest.raises(StartupError, match=r"keys\.sqlite3"):
        await KeyRing(store).load()


async def test_keys_are_read_in_a_directory_without_the_right_to_write() -> None:
    with open_directory() as folder:
        _, secret = KeyStore(SqliteDatabase(folder)).create("books")
        folder.chmod(0o500)
        ring = KeyRing(KeyStore(SqliteDatabase(folder)))
        await ring.load()
        assert (await ring.find(secret)) is not None


@pytest.mark.parametrize("arguments", [["create", "more"], ["revoke", "books"]])
def test_a_full_disk_is_reported_on_the_command_line(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    with small_disk(256 * 1024) as folder:
        KeyStore(SqliteDatabase(folder)).create("books")
        fill_disk(folder)
        monkeypatch.setenv("QUITTANCE_STATE_DIRECTORY", str(folder))
        result = CliRunner().invoke(command_line, ["keys", *arguments])
        assert result.exit_code == 1
        assert "The disk is full: free some space in" in result.stderr
        assert [key.revoked for key in KeyStore(SqliteDatabase(folder)).list()] == [None]


@pytest.mark.parametrize("arguments", [["create", "more"], ["list"], ["revoke", "books"]])
def test_an_unusable_directory_is_reported_on_the_command_line(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    with open_directory() as folder:
        KeyStore(SqliteDatabase(folder)).create("books")
        folder.chmod(0)
        monkeypatch.setenv("QUITTANCE_STATE_DIRECTORY", str(folder))
        result = CliRunner().invoke(command_line, ["keys", *arguments])
        assert (result.exit_code, "may read and write" in result.stderr) == (1, True)


async def test_readiness_reports_lost_keys(store: KeyStore, tmp_path: Path) -> None:
    store.create("books")
    async with run_gateway(GatewaySettings(access="auto", state_directory=tmp_path)) as gateway:
        assert (await gateway.http.get("/readyz")).status_code == 200
        (tmp_path / "keys.sqlite3").unlink()
        assert_problem(await gateway.post(make_picture()), 401, "key-missing")
        assert_problem(await gateway.http.get("/readyz"), 503, "impaired")


OLD_SCHEMA = """
CREATE TABLE keys (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, hash BLOB NOT NULL, rate_limit TEXT, created TEXT NOT NULL, revoked TEXT
);
CREATE UNIQUE INDEX names_in_use ON keys (name) WHERE revoked IS NULL;
INSERT INTO keys VALUES ('0123abcd', 'books', x'00', '5/minute', '2026-11-01T00:00:00+00:00', NULL);
"""


def test_keys_of_an_earlier_release_get_groups_of_their_own(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "keys.sqlite3") as connection:
        connection.executescript(OLD_SCHEMA)
    store = KeyStore(SqliteDatabase(tmp_path))
    (old,) = store.list()
    assert (old.name, old.rate_limit, old.group, old.is_operator) == ("books", "5/minute", "0123abcd", False)
    store.create("colleague", group=old.group)
    store.revoke("books")
    assert [(key.name, key.group, key.revoked is None) for key in store.list()] == [
        ("books", "0123abcd", False),
        ("colleague", "0123abcd", True),
    ]


async def test_simultaneous_upgrades_of_the_file_do_not_collide(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "keys.sqlite3") as connection:
        connection.executescript(OLD_SCHEMA)
    await asyncio.gather(
        *(asyncio.to_thread(KeyStore(SqliteDatabase(tmp_path)).create, f"key {number}") for number in range(8))
    )
    assert len(KeyStore(SqliteDatabase(tmp_path)).list()) == 9
