"""The processes that read codes."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import numpy as np
import pytest
from PIL import Image

from gateway.codes import reader as module
from gateway.codes.reader import CodeReader, CodesUnreadError
from gateway.documents.renderer import PageImage
from shared.pictures.header import PictureLimits
from synthesis.codes.drawing import append_code, draw_code

TEXT = "O-7DBCDA8A56EE426DBCDA8A56EE426D1A"


@pytest.fixture
async def reader() -> AsyncIterator[CodeReader]:
    reader = CodeReader(PictureLimits(), timeout_s=30, max_processes=1)
    reader.start()
    yield reader
    await reader.aclose()


def page(data: bytes | None = None) -> PageImage:
    if data is None:
        file = io.BytesIO()
        drawn = append_code(np.full((300, 300), 255, np.uint8), draw_code(TEXT, 4))
        Image.fromarray(drawn).save(file, "PNG")
        data = file.getvalue()
    return PageImage(data, "image/png", None)


async def test_reads_codes_of_a_file(reader: CodeReader) -> None:
    (code,) = await reader.read(page(), 2, timeout_s=30)
    assert (code.page, code.format, code.text) == (2, "qr_code", TEXT)
    assert code.content is not None
    assert (code.content.standard, code.content.country) == ("sk-ekasa", "SK")
    assert reader.busy_s() == 0


async def test_damaged_pictures_have_no_codes(reader: CodeReader) -> None:
    for data in (b"", b"\xff\xd8\xff", page().data[:200]):
        assert await reader.read(page(data), 0, timeout_s=30) == []
    assert len(await reader.read(page(), 0, timeout_s=30)) == 1


async def test_gives_up_in_time(reader: CodeReader, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CodesUnreadError):
        await reader.read(page(), 0, timeout_s=0)
    # A process that was taken over may answer anything.
    monkeypatch.setattr(module, "_build_code", lambda found, number: found["missing"])
    with pytest.raises(CodesUnreadError):
        await reader.read(page(), 0, timeout_s=30)
