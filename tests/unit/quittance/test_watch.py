"""Pictures that are put into a folder: each is told once it is whole."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from quittance import watch
from quittance.watch import arriving, pictures_in


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_SETTLED_S", 0.3)
    monkeypatch.setattr(watch, "_TICK_MS", 50)


class Watcher:
    def __init__(self) -> None:
        self.found: asyncio.Queue[Path] = asyncio.Queue()

    async def next(self) -> str:
        return (await asyncio.wait_for(self.found.get(), 5)).name

    async def nothing(self, seconds: float) -> bool:
        await asyncio.sleep(seconds)
        return self.found.empty()


@asynccontextmanager
async def watching(folder: Path, before: dict[Path, tuple[int, int]] | None = None) -> AsyncIterator[Watcher]:
    watcher, stop = Watcher(), asyncio.Event()
    known = pictures_in(folder) if before is None else before

    async def collect() -> None:
        async for path in arriving(folder, known, stop):
            watcher.found.put_nowait(path)

    task = asyncio.create_task(collect())
    await asyncio.sleep(0.3)
    yield watcher
    stop.set()
    await asyncio.wait_for(task, 5)


async def test_a_picture_is_told_once_and_again_when_it_changes(tmp_path: Path) -> None:
    (tmp_path / "old.jpg").write_bytes(b"was there")
    (tmp_path / "deep").mkdir()
    async with watching(tmp_path) as watcher:
        (tmp_path / "deep" / "new.PNG").write_bytes(b"1")
        (tmp_path / "notes.txt").write_text("no picture")
        assert await watcher.next() == "new.PNG"
        assert await watcher.nothing(0.8)
        (tmp_path / "old.jpg").write_bytes(b"another one now")
        assert await watcher.next() == "old.jpg"
        assert await watcher.nothing(0.6)


async def test_a_file_that_is_still_written_is_waited_for(tmp_path: Path) -> None:
    async with watching(tmp_path) as watcher:
        with (tmp_path / "slow.jpg").open("wb", buffering=0) as file:
            for _ in range(8):
                file.write(b"a piece")
                await asyncio.sleep(0.1)
                assert watcher.found.empty()
        assert await watcher.next() == "slow.jpg"
        assert await watcher.nothing(0.6)


async def test_a_file_whose_writer_paused_is_told_again_when_it_is_whole(tmp_path: Path) -> None:
    async with watching(tmp_path) as watcher:
        path = tmp_path / "paused.jpg"
        path.write_bytes(b"half")
        assert await watcher.next() == "paused.jpg"
        path.write_bytes(b"half and the other half")
        assert await watcher.next() == "paused.jpg"


async def test_empty_files_and_files_that_go_are_nothing(tmp_path: Path) -> None:
    async with watching(tmp_path) as watcher:
        (tmp_path / "empty.jpg").touch()
        (tmp_path / "gone.jpg").write_bytes(b"1")
        (tmp_path / "gone.jpg").unlink()
        assert await watcher.nothing(0.9)
        (tmp_path / "empty.jpg").write_bytes(b"no longer")
        assert await watcher.next() == "empty.jpg"


async def test_a_file_under_another_name_until_it_is_whole(tmp_path: Path) -> None:
    async with watching(tmp_path) as watcher:
        (tmp_path / "scan.part").write_bytes(b"all of it")
        assert await watcher.nothing(0.6)
        shutil.move(tmp_path / "scan.part", tmp_path / "scan.jpg")
        assert await watcher.next() == "scan.jpg"


async def test_what_came_while_the_models_were_loaded_is_told(tmp_path: Path) -> None:
    before = pictures_in(tmp_path)
    (tmp_path / "early.jpg").write_bytes(b"1")
    async with watching(tmp_path, before) as watcher:
        assert await watcher.next() == "early.jpg"
