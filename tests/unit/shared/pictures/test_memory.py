"""A picture that several services of one process look at is decoded once, and no limit is lost by that."""

from __future__ import annotations

import asyncio
from io import BytesIO

import pytest
from PIL import Image

from shared.pictures import memory as picture_memory
from shared.pictures.decoding import Picture, PictureLimits, decode_picture
from shared.pictures.memory import PictureMemory, decode_once, forget, kept_pictures
from shared.problems import ProblemError

LIMITS = PictureLimits()


def png(width: int, height: int = 100) -> bytes:
    file = BytesIO()
    Image.new("RGB", (width, height), "white").save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was really decoded, in order."""
    seen: list[bytes] = []

    def decode(data: bytes, limits: PictureLimits) -> Picture:
        seen.append(data)
        return decode_picture(data, limits)

    monkeypatch.setattr(picture_memory, "decode_picture", decode)
    return seen


def test_nothing_is_kept_unless_it_is_asked_for(decoded: list[bytes]) -> None:
    data = png(100)
    assert decode_once(data, LIMITS).pixels.flags.writeable
    decode_once(data, LIMITS)
    assert decoded == [data] * 2


def test_a_picture_is_decoded_anew_once_it_is_forgotten(decoded: list[bytes]) -> None:
    data = png(100)
    forget(data)
    with kept_pictures():
        decode_once(data, LIMITS)
        forget(png(101))
        decode_once(data, LIMITS)
        assert len(decoded) == 1
        forget(data)
        decode_once(data, LIMITS)
    assert len(decoded) == 2


def test_a_picture_is_decoded_once(decoded: list[bytes]) -> None:
    data = png(100)
    with kept_pictures():
        first, other = decode_once(data, LIMITS), decode_once(png(101), LIMITS)
        assert decode_once(bytes(bytearray(data)), LIMITS) is first
        assert (first.width, other.width) == (100, 101)
        with pytest.raises(ValueError, match="read-only"):
            first.pixels[0, 0] = 0
        with kept_pictures():  # a second gateway in the process
            pass
        assert decode_once(data, LIMITS) is first
    assert len(decoded) == 2
    decode_once(data, LIMITS)
    assert len(decoded) == 3


def test_the_limits_of_who_asks_count(decoded: list[bytes]) -> None:
    data = png(100)
    with kept_pictures():
        decode_once(data, LIMITS)
        with pytest.raises(ProblemError, match="at most 50 a side"):
            decode_once(data, PictureLimits(max_side=50))
    assert len(decoded) == 1


def test_what_was_used_last_stays_and_memory_is_bounded(decoded: list[bytes]) -> None:
    memory = PictureMemory(most_bytes=2 * 100 * 100)
    one, two, three, large = png(100), png(99), png(98), png(300)
    for data in (one, two, one, three, one, large, one):
        memory.decode(data, LIMITS)
    assert decoded == [one, two, three, large]
    memory.decode(two, LIMITS)
    assert decoded[-1] is two


async def test_threads_share_it(decoded: list[bytes]) -> None:
    pictures = [png(width) for width in range(20, 30)]
    with kept_pictures():
        for _ in range(3):
            found = await asyncio.gather(*(asyncio.to_thread(decode_once, data, LIMITS) for data in pictures))
            assert [picture.width for picture in found] == list(range(20, 30))
    assert len(decoded) == len(pictures)
