from __future__ import annotations

import asyncio
import dataclasses
import io
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pillow_heif
import pypdfium2 as pdfium
import pytest
from PIL import Image

from gateway.documents.limits import DocumentLimits
from gateway.documents.render_process import render
from gateway.documents.renderer import ACCEPTED, Renderer
from shared.pictures.decoding import decode_picture
from shared.pictures.header import PictureLimits, identify_format
from shared.problems import ProblemError

LIMITS = DocumentLimits(max_pages=3, picture=PictureLimits(max_pixels=4_000_000, max_side=3000))
LUMA_OF_RED = 0.299


def paper(shade: int = 200, size: tuple[int, int] = (120, 200)) -> Image.Image:
    """White, with a dark band of that many rows at the top."""
    pixels = np.full((size[1], size[0], 3), 255, np.uint8)
    pixels[:20] = (shade, 0, 0)  # red
    return Image.fromarray(pixels)


def saved(kind: str, pages: list[Image.Image]) -> bytes:
    out = io.BytesIO()
    if kind == "HEIC":
        pillow_heif.from_pillow(pages[0]).save(out, quality=90)
    elif kind in ("TIFF", "PDF"):
        pages[0].save(out, kind, save_all=True, append_images=pages[1:])
    else:
        pages[0].save(out, kind)
    return out.getvalue()


def renderer(timeout_s: float = 20.0) -> Renderer:
    return Renderer(LIMITS, timeout_s=timeout_s, workers=2)


async def refused(data: bytes, renderer: Renderer) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        await renderer.pages(data)
    return caught.value


def endless() -> bytes:
    """A PDF of one page that takes long to draw: half a million rectangles, packed; more would need too much memory."""
    drawing = zlib.compress(b"0 0 90 90 re f " * 500_000, 9)
    return (
        b"%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R>>endobj\n"
        b"4 0 obj<</Filter/FlateDecode/Length %d>>stream\n%b\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%%%EOF"
    ) % (len(drawing), drawing)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP"])
async def test_pictures_pass_as_they_are(kind: str) -> None:
    data = saved(kind, [paper()])
    assert await renderer().pages(data) == [data]


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "HEIC", "AVIF", "PDF"])
async def test_other_formats_become_pictures_with_their_colors(kind: str) -> None:
    data = saved(kind, [paper()])
    assert identify_format(data) == kind
    (page,) = await renderer().pages(data)
    pixels = np.asarray(Image.open(io.BytesIO(page)).convert("RGB"))
    height, width = pixels.shape[:2]
    assert height / width == pytest.approx(200 / 120, rel=0.02)
    top, below = pixels[height // 20, width // 2], pixels[height // 2, width // 2]
    np.testing.assert_allclose(top, (200, 0, 0), atol=25)
    np.testing.assert_allclose(below, (255, 255, 255), atol=10)


@pytest.mark.parametrize("kind", ["TIFF", "PDF"])
async def test_every_page_is_rendered_in_order(kind: str) -> None:
    pages = await renderer().pages(saved(kind, [paper(shade) for shade in (90, 160, 250)]))
    shades = [int(decode_picture(page, LIMITS.picture).pixels[4, 40]) for page in pages]
    np.testing.assert_allclose(shades, np.array((90, 160, 250)) * LUMA_OF_RED, atol=4)


@pytest.mark.parametrize("kind", ["TIFF", "PDF"])
async def test_one_page_is_shown_as_it_is_read(kind: str) -> None:
    data = saved(kind, [paper(shade) for shade in (90, 160, 250)])
    picture, media_type = await renderer().page(data, 1)
    assert (media_type, identify_format(picture)) == ("image/webp", "WebP")
    read, shown = (
        decode_picture((await renderer().pages(data))[1], LIMITS.picture),
        decode_picture(picture, LIMITS.picture),
    )
    assert (shown.width, shown.height) == (read.width, read.height)
    assert int(shown.pixels[4, 40]) == pytest.approx(160 * LUMA_OF_RED, abs=4)


async def test_a_picture_is_its_own_only_page() -> None:
    data = saved("PNG", [paper()])
    assert await renderer().page(data, 0) == (data, "image/png")


@pytest.mark.parametrize(("kind", "count"), [("PNG", 1), ("HEIC", 1), ("PDF", 2)])
async def test_a_page_that_is_not_there_is_told(kind: str, count: int) -> None:
    with pytest.raises(ProblemError) as caught:
        await renderer().page(saved(kind, [paper()] * count), count)
    assert (caught.value.status, caught.value.code, caught.value.extra) == (404, "no-such-page", {"pages": count})


async def test_too_many_pages_are_refused_with_the_limit() -> None:
    problem = await refused(saved("PDF", [paper()] * 4), renderer())
    assert (problem.status, problem.code) == (413, "too-many-pages")
    assert problem.extra == {"pages": 4, "max_pages": 3}


async def test_a_tiff_too_large_is_refused_before_it_is_decoded() -> None:
    problem = await refused(saved("TIFF", [paper(size=(3100, 100))]), renderer())
    assert (problem.status, problem.code) == (413, "picture-too-large")


async def test_a_large_page_of_a_pdf_is_rendered_smaller() -> None:
    document = pdfium.PdfDocument.new()
    document.new_page(5000, 8000)
    out = io.BytesIO()
    document.save(out)
    (page,) = await renderer().pages(out.getvalue())
    size = decode_picture(page, LIMITS.picture)
    assert size.width * size.height <= 4_000_000
    assert size.height <= 3000


@pytest.mark.parametrize("kind", ["TIFF", "HEIC", "AVIF", "PDF", "BMP"])
async def test_files_cut_off_are_told_to_be_damaged(kind: str) -> None:
    data = saved(kind, [paper()])
    problem = await refused(data[: len(data) // 3], renderer())
    assert (problem.status, problem.code) == (422, "picture-damaged")
    assert kind in problem.detail


async def test_unknown_formats_are_told_what_is_accepted() -> None:
    problem = await refused(saved("GIF", [paper()]), renderer())
    assert (problem.status, problem.code) == (415, "unsupported-format")
    assert "a GIF" in problem.detail
    assert problem.extra["accepted"] == list(ACCEPTED)


async def test_a_document_that_takes_too_long_is_killed() -> None:
    problem = await refused(saved("PDF", [paper()]), renderer(timeout_s=0.01))
    assert (problem.status, problem.code) == (422, "document-too-slow")


async def test_a_page_that_keeps_a_processor_busy_is_ended() -> None:
    slow = Renderer(dataclasses.replace(LIMITS, page_s=1), timeout_s=60, workers=1)
    problem = await refused(endless(), slow)
    assert (problem.status, problem.code, problem.extra) == (422, "document-too-slow", {"max_seconds": 1})


def test_pages_that_are_too_large_together_are_refused() -> None:
    limits = DocumentLimits(max_pages=9, picture=PictureLimits(max_pixels=120 * 200))
    assert len(list(render(saved("TIFF", [paper()] * 4), "TIFF", limits))) == 4
    with pytest.raises(ProblemError, match="document-too-large"):
        list(render(saved("TIFF", [paper()] * 5), "TIFF", limits))


async def test_a_renderer_that_dies_is_a_problem_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    problem = await refused(saved("PDF", [paper()]), renderer())
    assert (problem.status, problem.code) == (422, "picture-damaged")


async def test_rendering_ends_with_its_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[asyncio.subprocess.Process] = []
    running = asyncio.Event()
    start = asyncio.create_subprocess_exec

    async def remembered(*command: str, **streams: Any) -> asyncio.subprocess.Process:
        started.append(await start(*command, **streams))
        running.set()
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", remembered)
    task = asyncio.create_task(renderer().pages(saved("PDF", [paper()])))
    await running.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert started[0].returncode == -signal.SIGKILL


def locked() -> bytes:
    """A PDF of one page whose encryption dictionary asks for a password."""
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>endobj\n"
        b"4 0 obj<</Filter/Standard/V 1/R 2/P -4/O<" + b"41" * 32 + b">/U<" + b"42" * 32 + b">>>endobj\n"
        b"trailer<</Root 1 0 R/Encrypt 4 0 R/ID[<00><00>]>>\n%%EOF"
    )


@pytest.mark.parametrize(
    ("make", "code"), [(locked, "document-locked"), (lambda: b"%PDF-1.7\n%%EOF", "picture-damaged")]
)
def test_documents_that_cannot_be_opened_say_why(make: Callable[[], bytes], code: str) -> None:
    with pytest.raises(ProblemError) as caught:
        list(render(make(), "PDF", LIMITS))
    assert caught.value.code == code
    assert caught.value.status == 422


def test_the_renderer_loads_no_more_than_it_needs() -> None:
    """A process is started for each document: what it loads, everybody waits for."""
    program = (
        "import sys, gateway.documents.render_process; "
        "print([one for one in ('fastapi', 'redis', 'cv2') if one in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
