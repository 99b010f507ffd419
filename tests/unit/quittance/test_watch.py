"""Watching a folder: each picture is reported once it is complete."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from quittance import watch
from quittance.watch import find_pictures, watch_folder


@pytest.fixture(autouse=True)
def _short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_SETTLED_S", 0.3)
    monkeypatch.setattr(watch, "_TICK_MS", 50)


class Watcher:
    """Collects the pictures that are reported."""

    def __init__(self) -> None:
        self.found: asyncio.Queue[Path] = asyncio.Queue()

    async def next(self) -> str:
        return (await asyncio.wait_for(self.found.get(), 5)).name

    async def is_quiet(self, seconds: float) -> bool:
        await asyncio.sleep(seconds)
        return self.found.empty()


@asynccontextmanager
async def watching(folder: Path, known: dict[Path, tuple[int, int]] | None = None) -> AsyncIterator[Watcher]:
    watcher, stop = Watcher(), asyncio.Event()
    files = find_pictures(folder) if known is None else known

    async def collect() -> None:
        async for path in watch_folder(folder, files, stop):
            watcher.found.put_nowait(path)

    task = asyncio.create_task(collect())
    await asyncio.sleep(0.3)
    yield watcher
    stop.set()
    await asyncio.wait_for(task, 5)


async def test_reports_a_picture_once_and_again_when_it_changes(tmp_path: Path) -> None:
    (tmp_path / "old.jpg").write_bytes(b"existing")
    (tmp_path / "deep").mkdir()
    async with watching(tmp_path) as watcher:
        (tmp_path / "deep" / "new.PNG").write_bytes(b"1")
        (tmp_path / "notes.txt").write_text("not a picture")
        assert await watcher.next() == "new.PNG"
        (tmp_path / "march.zip").write_bytes(b"1")
        assert await watcher.next() == "march.zip"
        assert await watcher.is_quiet(0.8)
        (tmp_path / "old.jpg").write_bytes(b"different now")
        assert await watcher.next() == "old.jpg"
        assert await watcher.is_quiet(0.6)


async def test_waits_for_a_file_that_is_being_written(tmp_path: Path) -> None:
    async with watching(tmp_path) as watcher:
        with (tmp_path / "slow.jpg").open("wb", buffering=0) as file:
            for _ in range(8):
                file.write(b"a piece")
                await asyncio.sleep(0.1)
                assert watcher.found.empty()
        assert await watcher.next() == "slow.jpg"
        assert await watcher.is_quiet(0.6)


async def test_reports_a_file_again_if_its_writer_paused(tmp_path: Path) -> None:
    async with watching(tmp_path) as watcher:
        path = tmp_path / "paused.jpg"
        path.write_bytes(b"half")
        assert await watcher.next() == "paused.jpg"
        path.write_bytes(b"half and the other half")
        assert await watcher.next() == "paused.jpg"


async def test_ignores_empty_files_and_files_that_disappear(tmp_path: Path) -> None:
    async with watching(tmp_path) as watcher:
        (tmp_path / "empty.jpg").touch()
        (tmp_path / "gone.jpg").write_bytes(b"1")
        (tmp_path / "gone.jpg").unlink()
        assert await watcher.is_quiet(0.9)
        (tmp_path / "empty.jpg").write_bytes(b"no longer empty")
        assert await watcher.next() == "empty.jpg"


async def test_reports_a_file_that_is_renamed_when_complete(tmp_path: Path) -> None:
    async with watching(tmp_path) as watcher:
        (tmp_path / "scan.part").write_bytes(b"complete")
        assert await watcher.is_quiet(0.6)
        shutil.move(tmp_path / "scan.part", tmp_path / "scan.jpg")
        assert await watcher.next() == "scan.jpg"


async def test_reports_files_that_arrived_before_the_watch_started(tmp_path: Path) -> None:
    known = find_pictures(tmp_path)
    (tmp_path / "early.jpg").write_bytes(b"1")
    async with watching(tmp_path, known) as watcher:
        assert await watcher.next() == "early.jpg"
