"""Tests of decoding a page once for several services."""

from __future__ import annotations

import asyncio
from io import BytesIO

import pytest
from PIL import Image

from shared.pictures import memory
from shared.pictures.decoding import Picture, decode_picture
from shared.pictures.header import PictureLimits
from shared.pictures.memory import decode_once, decoding_shared
from shared.problems import ProblemError

LIMITS = PictureLimits()


def encode_png(width: int, height: int = 100) -> bytes:
    file = BytesIO()
    Image.new("RGB", (width, height), "white").save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Record the decoded files, in order."""
    files: list[bytes] = []

    async def decode(data: bytes, limits: PictureLimits) -> Picture:
        files.append(data)
        return decode_picture(data, limits)

    monkeypatch.setattr(memory, "_decode", decode)
    return files


async def test_keeps_nothing_outside_a_block(decoded: list[bytes]) -> None:
    data = encode_png(100)
    assert (await decode_once(data, LIMITS)).pixels.flags.writeable
    await decode_once(data, LIMITS)
    assert decoded == [data] * 2


async def test_page_is_decoded_once_per_block(decoded: list[bytes]) -> None:
    data = encode_png(100)
    for _ in range(2):
        with decoding_shared():
            first = await decode_once(data, LIMITS)
            assert await decode_once(bytes(bytearray(data)), LIMITS) is first
            with pytest.raises(ValueError, match="read-only"):
                first.pixels[0, 0] = 0
    assert decoded == [data] * 2


async def test_other_bytes_in_the_same_block_are_decoded(decoded: list[bytes]) -> None:
    with decoding_shared():
        assert [(await decode_once(encode_png(width), LIMITS)).width for width in (100, 101, 100)] == [100, 101, 100]
    assert len(decoded) == 2


async def test_the_limits_of_each_caller_apply(decoded: list[bytes]) -> None:
    data = encode_png(100)
    with decoding_shared():
        await decode_once(data, LIMITS)
        with pytest.raises(ProblemError, match="at most 50 per side"):
            await decode_once(data, PictureLimits(max_side=50))
    assert len(decoded) == 1


async def test_memory_of_all_blocks_together_is_bounded(decoded: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_memory", memory._Memory(2 * 100 * 100))
    small, large = encode_png(100), encode_png(101)
    with decoding_shared():
        await decode_once(small, LIMITS)
        for _ in range(2):
            with decoding_shared():
                await decode_once(large, LIMITS)
                await decode_once(large, LIMITS)
        assert decoded == [small] + [large] * 4
    with decoding_shared():
        await decode_once(large, LIMITS)
        await decode_once(large, LIMITS)
    assert decoded == [small] + [large] * 5


async def test_tasks_of_a_block_share_its_page(decoded: list[bytes]) -> None:
    async def read(data: bytes) -> list[int]:
        with decoding_shared():
            task = asyncio.create_task(decode_once(data, LIMITS))
            return [(await task).width, (await decode_once(data, LIMITS)).width]

    widths = list(range(20, 30))
    results = await asyncio.gather(*(read(encode_png(width)) for width in widths))
    assert results == [[width, width] for width in widths]
    assert len(decoded) == len(widths)
