"""Processes that decode: reused, killed, and replaced; files that try to take them down."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared.pictures.decoding import decode_picture
from shared.pictures.header import PictureLimits
from shared.pictures.memory import decode_once, open_decoders
from shared.pictures.pool import TaskCrashedError, TaskTooSlowError, WorkerPool
from shared.problems import ProblemError

LIMITS = PictureLimits()
# Tasks that do what a hostile file may make a decoder do.
MODULE = """
import os, sys, time
from shared.problems import ProblemError
from shared.pictures.worker import serve

def spin(data, arguments):
    while True:
        pass

def sleep(data, arguments):
    time.sleep(60)

def die(data, arguments):
    os._exit(9)

def die_when_used(data, arguments):
    globals()["count"] = globals().get("count", 0) + 1
    if globals()["count"] > 1:
        os._exit(9)
    return {"pid": os.getpid()}, []

def hoard(data, arguments):
    return {}, [bytes(2 ** 31)]

def refuse(data, arguments):
    raise ProblemError(422, "refused", "Refused", "The file is refused.")

def echo(data, arguments):
    return {"environment": sorted(os.environ), "pid": os.getpid()}, [data]

serve({f.__name__: f for f in (spin, sleep, die, die_when_used, hoard, refuse, echo)})
"""


def encode(name: str = "JPEG", size: tuple[int, int] = (60, 40), **options: object) -> bytes:
    buffer = BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, name, **options)
    return buffer.getvalue()


@pytest.fixture
async def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WorkerPool]:
    (tmp_path / "hostile_tasks.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    pool = WorkerPool("hostile_tasks", size=1, max_waiting=4)
    yield pool
    await pool.aclose()


async def find_pid(pool: WorkerPool) -> int:
    return int((await pool.run("echo", b"", {}, cpu_s=5)).values["pid"])


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
async def test_pixels_are_those_of_the_decoder(name: str) -> None:
    data = encode(name)
    async with open_decoders():
        picture = await decode_once(data, LIMITS)
    np.testing.assert_array_equal(picture.pixels, decode_picture(data, LIMITS).pixels)


async def test_problems_are_those_of_the_decoder() -> None:
    async with open_decoders():
        for data in (encode()[:300], b"TOTAL 9.00", b""):
            with pytest.raises(ProblemError) as expected:
                decode_picture(data, LIMITS)
            with pytest.raises(ProblemError) as caught:
                await decode_once(data, LIMITS)
            assert (caught.value.status, caught.value.detail) == (expected.value.status, expected.value.detail)


async def test_concurrent_pictures_are_not_mixed_up() -> None:
    sizes = [(20 + number, 30) for number in range(40)]
    async with open_decoders():
        pictures = await asyncio.gather(*(decode_once(encode("PNG", size), LIMITS) for size in sizes))
    assert [(picture.width, picture.height) for picture in pictures] == sizes


async def test_processes_are_shared_and_reused_and_end_with_the_last_user(pool: WorkerPool) -> None:
    async with open_decoders() as first:
        async with open_decoders() as second:
            assert first is second
        assert (await decode_once(encode(), LIMITS)).width == 60
    assert await find_pid(pool) == await find_pid(pool)


async def test_a_task_that_uses_too_much_cpu_time_is_killed(pool: WorkerPool) -> None:
    with pytest.raises(TaskTooSlowError):
        await pool.run("spin", b"", {}, cpu_s=0.1)
    assert (await pool.run("echo", b"x", {}, cpu_s=5)).data == b"x"


async def test_a_canceled_task_is_dead_before_its_slot_is_free(pool: WorkerPool) -> None:
    pid = await find_pid(pool)
    task = asyncio.create_task(pool.run("sleep", b"", {}, cpu_s=5))
    for _ in range(100):
        await asyncio.sleep(0.01)
        if pool.stuck_s() > 0:
            break
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pool.stuck_s() > 0  # the slot is still held
    assert await find_pid(pool) != pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert pool.stuck_s() == 0


async def test_a_crash_of_a_used_process_is_tried_again_in_a_fresh_one(pool: WorkerPool) -> None:
    first = await pool.run("die_when_used", b"", {}, cpu_s=5)
    second = await pool.run("die_when_used", b"", {}, cpu_s=5)
    assert first.values["pid"] != second.values["pid"]
    with pytest.raises(TaskCrashedError):
        await pool.run("die", b"", {}, cpu_s=5)


async def test_a_process_that_died_while_idle_is_replaced(pool: WorkerPool) -> None:
    pid = await find_pid(pool)
    os.kill(pid, 9)
    assert await find_pid(pool) != pid


async def test_memory_is_bounded_and_problems_are_passed_on(pool: WorkerPool) -> None:
    with pytest.raises(ProblemError, match="memory"):
        await pool.run("hoard", b"", {}, cpu_s=5)
    with pytest.raises(ProblemError, match="refused"):
        await pool.run("refuse", b"", {}, cpu_s=5)


async def test_large_results_arrive_whole(pool: WorkerPool) -> None:
    data = np.random.default_rng(2).bytes(9_000_000)
    assert (await pool.run("echo", data, {}, cpu_s=5)).data == data


async def test_secrets_are_not_passed_on(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_WEBHOOK_SECRET", "whsec_secret")
    names = (await pool.run("echo", b"", {}, cpu_s=5)).values["environment"]
    assert not [name for name in names if name.startswith("QUITTANCE")]
