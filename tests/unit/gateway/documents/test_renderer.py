"""Rendering of documents, in the renderer's own process and called directly."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import signal
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pillow_heif
import pypdfium2 as pdfium
import pytest
from imagecodecs import jpegxl_encode
from PIL import Image

from gateway.documents.limits import DocumentLimits
from gateway.documents.renderer import ACCEPTED_FORMATS, PageImage, Renderer
from gateway.documents.rendering import RenderOptions, render
from shared.pictures.decoding import decode_picture
from shared.pictures.header import PictureLimits, identify_format
from shared.problems import ProblemError
from shared.service.request_context import use_caller
from tests.support.documents import build_text_pdf
from tests.support.einvoices import attach, write_einvoice

LIMITS = DocumentLimits(max_pages=3, picture=PictureLimits(max_pixels=4_000_000, max_side=3000))
LUMA_OF_RED = 0.299


def draw_page(red: int = 200, size: tuple[int, int] = (120, 200)) -> Image.Image:
    """Draw a white page with 20 rows of a shade of red at the top."""
    pixels = np.full((size[1], size[0], 3), 255, np.uint8)
    pixels[:20] = (red, 0, 0)
    return Image.fromarray(pixels)


def encode(kind: str, pages: list[Image.Image]) -> bytes:
    out = io.BytesIO()
    if kind == "HEIC":
        pillow_heif.from_pillow(pages[0]).save(out, quality=90)
    elif kind == "JPEG XL":
        out.write(jpegxl_encode(np.asarray(pages[0]), level=95))
    elif kind in ("TIFF", "PDF"):
        pages[0].save(out, kind, save_all=True, append_images=pages[1:])
    else:
        pages[0].save(out, kind)
    return out.getvalue()


RENDERERS: list[Renderer] = []


@pytest.fixture(autouse=True)
async def close_renderers() -> AsyncIterator[None]:
    yield
    while RENDERERS:
        await RENDERERS.pop().aclose()


def build_renderer(timeout_s: float = 20.0, *, max_processes: int = 2, **limits: Any) -> Renderer:
    renderer = Renderer(dataclasses.replace(LIMITS, **limits), timeout_s=timeout_s, max_processes=max_processes)
    RENDERERS.append(renderer)
    return renderer


async def get_problem(data: bytes, renderer: Renderer) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        await renderer.render_pages(data)
    return caught.value


def build_slow_pdf() -> bytes:
    """Build a PDF of one page that is slow to draw: half a million rectangles; more would need too much memory."""
    drawing = zlib.compress(b"0 0 90 90 re f " * 500_000, 9)
    return (
        b"%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R>>endobj\n"
        b"4 0 obj<</Filter/FlateDecode/Length %d>>stream\n%b\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%%%EOF"
    ) % (len(drawing), drawing)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP"])
async def test_pictures_are_returned_unchanged(kind: str) -> None:
    data = encode(kind, [draw_page()])
    assert await build_renderer().render_pages(data) == [PageImage(data, f"image/{kind.lower()}", draw_page().size)]


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "HEIC", "AVIF", "JPEG XL", "GIF", "PDF"])
async def test_shows_other_formats_in_color_and_reads_them_in_gray(kind: str) -> None:
    data = encode(kind, [draw_page()])
    assert identify_format(data) == kind
    (page,) = await build_renderer().render_pages(data)
    shown, _ = await build_renderer().show_page(data, 0)
    for picture, red in ((page.data, (200 * LUMA_OF_RED,) * 3), (shown, (200, 0, 0))):
        pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
        height, width = pixels.shape[:2]
        assert height / width == pytest.approx(200 / 120, rel=0.02)
        np.testing.assert_allclose(pixels[height // 20, width // 2], red, atol=25)
        np.testing.assert_allclose(pixels[height // 2, width // 2], (255, 255, 255), atol=10)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP", "HEIC", "AVIF", "JPEG XL", "GIF", "TIFF", "BMP"])
async def test_reduces_large_pictures(kind: str) -> None:
    data = encode(kind, [draw_page(size=(600, 1000))])
    (page,) = await build_renderer(enough_pixels=150_000).render_pages(data)
    assert page.full_size == (600, 1000)
    assert page.size is not None
    assert 75_000 <= page.size[0] * page.size[1] <= 150_000
    pixels = decode_picture(page.data, LIMITS.picture).pixels
    # Decoding may have inverted the picture, which has hardly any print.
    assert abs(int(pixels[2, 50]) - int(pixels[-2, 50])) == pytest.approx(255 - 200 * LUMA_OF_RED, abs=8)


async def test_keeps_the_orientation_of_a_reduced_jpeg() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    draw_page(size=(1000, 600)).save(out, "JPEG", exif=exif)
    (page,) = await build_renderer(enough_pixels=150_000).render_pages(out.getvalue())
    assert page.full_size == (600, 1000)
    pixels = decode_picture(page.data, LIMITS.picture).pixels
    assert pixels.shape[0] > pixels.shape[1]
    # The top of the stored picture is shown on the right.
    assert abs(int(pixels[50, -2]) - int(pixels[50, 2])) > 150
    assert abs(int(pixels[50, 30]) - int(pixels[50, 2])) < 10


async def test_shows_pages_that_are_too_tall_for_a_webp() -> None:
    shown, media_type = await build_renderer(picture=PictureLimits()).show_page(
        encode("TIFF", [draw_page(size=(20, 20_000))]), 0
    )
    assert (media_type, identify_format(shown)) == ("image/webp", "WebP")
    assert Image.open(io.BytesIO(shown)).height == 16_383


async def test_rejects_jpegs_with_too_many_scans_before_decoding() -> None:
    out = io.BytesIO()
    draw_page(size=(600, 1000)).save(out, "JPEG", progressive=True)
    data = out.getvalue()
    scan = data[data.rindex(b"\xff\xda") : data.rindex(b"\xff\xd9")]
    problem = await get_problem(data[:-2] + scan * 80 + data[-2:], build_renderer(enough_pixels=150_000))
    assert (problem.status, problem.code) == (422, "picture-too-slow")


@pytest.mark.parametrize("kind", ["TIFF", "PDF"])
async def test_renders_all_pages_in_order(kind: str) -> None:
    pages = await build_renderer().render_pages(encode(kind, [draw_page(shade) for shade in (90, 160, 250)]))
    shades = [int(decode_picture(page.data, LIMITS.picture).pixels[4, 40]) for page in pages]
    np.testing.assert_allclose(shades, np.array((90, 160, 250)) * LUMA_OF_RED, atol=4)


@pytest.mark.parametrize("kind", ["TIFF", "PDF"])
async def test_shows_a_page_as_it_is_read(kind: str) -> None:
    data = encode(kind, [draw_page(shade) for shade in (90, 160, 250)])
    picture, media_type = await build_renderer().show_page(data, 1)
    assert (media_type, identify_format(picture)) == ("image/webp", "WebP")
    read, shown = (
        decode_picture((await build_renderer().render_pages(data))[1].data, LIMITS.picture),
        decode_picture(picture, LIMITS.picture),
    )
    assert (shown.width, shown.height) == (read.width, read.height)
    assert int(shown.pixels[4, 40]) == pytest.approx(160 * LUMA_OF_RED, abs=4)


async def test_a_picture_is_its_only_page() -> None:
    data = encode("PNG", [draw_page()])
    assert await build_renderer().show_page(data, 0) == (data, "image/png")


@pytest.mark.parametrize(("kind", "count"), [("PNG", 1), ("HEIC", 1), ("PDF", 2)])
async def test_rejects_unknown_page_numbers(kind: str, count: int) -> None:
    with pytest.raises(ProblemError) as caught:
        await build_renderer().show_page(encode(kind, [draw_page()] * count), count)
    assert (caught.value.status, caught.value.code, caught.value.extra) == (404, "no-such-page", {"pages": count})


async def test_rejects_too_many_pages() -> None:
    problem = await get_problem(encode("PDF", [draw_page()] * 4), build_renderer())
    assert (problem.status, problem.code) == (413, "too-many-pages")
    assert problem.extra == {"pages": 4, "max_pages": 3}


async def test_rejects_a_large_tiff_before_decoding() -> None:
    problem = await get_problem(encode("TIFF", [draw_page(size=(3100, 100))]), build_renderer())
    assert (problem.status, problem.code) == (413, "picture-too-large")


async def test_renders_large_pdf_pages_smaller() -> None:
    document = pdfium.PdfDocument.new()
    document.new_page(5000, 8000)
    out = io.BytesIO()
    document.save(out)
    (page,) = await build_renderer().render_pages(out.getvalue())
    size = decode_picture(page.data, LIMITS.picture)
    assert size.width * size.height <= 4_000_000
    assert size.height <= 3000


@pytest.mark.parametrize("kind", ["TIFF", "HEIC", "AVIF", "JPEG XL", "GIF", "PDF", "BMP"])
async def test_rejects_truncated_files(kind: str) -> None:
    data = encode(kind, [draw_page()])
    problem = await get_problem(data[: len(data) // 3], build_renderer())
    assert (problem.status, problem.code) == (422, "picture-damaged")
    assert kind in problem.detail


async def test_names_the_accepted_formats() -> None:
    problem = await get_problem(b"%!PS-Adobe-3.0 EPSF-3.0", build_renderer())
    assert (problem.status, problem.code) == (415, "unsupported-format")
    assert "not a known picture" in problem.detail
    assert problem.extra["accepted"] == list(ACCEPTED_FORMATS)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"\xef\xbb\xbf\r\n" + data,
        lambda data: b"x" * 1_000 + data,
        lambda data: data[: data.rindex(b"startxref")],
        lambda data: data.replace(b"startxref\n", b"startxref\n9"),
        lambda data: data + bytes(5_000),
    ],
    ids=["byte order mark", "other bytes before the header", "no cross-reference", "wrong offset", "padding"],
)
async def test_reads_damaged_pdfs_that_can_be_repaired(damage: Callable[[bytes], bytes]) -> None:
    pages = await build_renderer().render_pages(damage(encode("PDF", [draw_page()] * 2)))
    assert [decode_picture(page.data, LIMITS.picture).width for page in pages] == [334, 334]


@pytest.mark.parametrize("pixels", [np.uint16(200 * 257), np.float32(200 / 255)], ids=["16 bit", "floating point"])
async def test_reads_jpeg_xl_of_any_depth(pixels: np.generic) -> None:
    data = bytes(jpegxl_encode(np.full((40, 30), pixels), lossless=True))
    (page,) = await build_renderer().render_pages(data)
    assert decode_picture(page.data, LIMITS.picture).pixels == pytest.approx(200, abs=1)


async def test_kills_slow_renderers() -> None:
    problem = await get_problem(encode("PDF", [draw_page()]), build_renderer(timeout_s=0.01))
    assert (problem.status, problem.code) == (422, "document-too-slow")


async def test_limits_cpu_time_per_page() -> None:
    slow = build_renderer(60, page_s=1, max_processes=1)
    problem = await get_problem(build_slow_pdf(), slow)
    assert (problem.status, problem.code, problem.extra) == (422, "document-too-slow", {"max_seconds": 1})


def test_rejects_documents_with_too_many_pixels() -> None:
    limits = DocumentLimits(max_pages=9, picture=PictureLimits(max_pixels=120 * 200))
    assert len(list(render(encode("TIFF", [draw_page()] * 4), "TIFF", RenderOptions(limits)))) == 4
    with pytest.raises(ProblemError, match="document-too-large"):
        list(render(encode("TIFF", [draw_page()] * 5), "TIFF", RenderOptions(limits)))


async def test_renderer_that_does_not_start_is_not_a_problem_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    problem = await get_problem(encode("PDF", [draw_page()]), build_renderer())
    assert (problem.status, problem.code) == (503, "overloaded")


async def test_documents_of_one_caller_do_not_hold_up_another() -> None:
    slow = build_renderer(60, page_s=1, max_processes=1)
    order: list[str] = []

    async def show(caller: str, data: bytes) -> None:
        with use_caller(caller):
            try:
                await slow.show_page(data, 0)
                order.append(caller)
            except ProblemError as error:
                order.append(error.code)

    tasks = [asyncio.create_task(show("a", build_slow_pdf())) for _ in range(8)]
    await asyncio.sleep(0.2)
    await show("b", encode("PDF", [draw_page()]))
    before = order.index("b")
    assert order[:before].count("document-too-slow") <= 1
    assert order[:before].count("overloaded") >= 4
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize(("enough_pixels", "at_once"), [(1_000, 1), (1_000_000, 3)])
async def test_large_heic_files_are_decoded_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch, enough_pixels: int, at_once: int
) -> None:
    renderer = build_renderer(enough_pixels=enough_pixels)
    running, most = 0, 0

    async def run(*_: Any, **__: Any) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        raise TimeoutError

    monkeypatch.setattr(renderer._pool, "run", run)
    data = encode("HEIC", [draw_page()])
    results = await asyncio.gather(*(renderer.show_page(data, 0) for _ in range(3)), return_exceptions=True)
    assert most == at_once
    assert [result.code for result in results if isinstance(result, ProblemError)] == ["document-too-slow"] * 3


async def test_canceled_rendering_kills_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[asyncio.subprocess.Process] = []
    running = asyncio.Event()
    start = asyncio.create_subprocess_exec

    async def record(*command: str, **streams: Any) -> asyncio.subprocess.Process:
        started.append(await start(*command, **streams))
        running.set()
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", record)
    task = asyncio.create_task(build_renderer().render_pages(encode("PDF", [draw_page()])))
    await running.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert started[0].returncode == -signal.SIGKILL


def build_locked_pdf() -> bytes:
    """Build a PDF of one page whose encryption dictionary requires a password."""
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>endobj\n"
        b"4 0 obj<</Filter/Standard/V 1/R 2/P -4/O<" + b"41" * 32 + b">/U<" + b"42" * 32 + b">>>endobj\n"
        b"trailer<</Root 1 0 R/Encrypt 4 0 R/ID[<00><00>]>>\n%%EOF"
    )


@pytest.mark.parametrize(
    ("make", "code"), [(build_locked_pdf, "document-locked"), (lambda: b"%PDF-1.7\n%%EOF", "picture-damaged")]
)
def test_rejects_locked_and_empty_documents(make: Callable[[], bytes], code: str) -> None:
    with pytest.raises(ProblemError) as caught:
        list(render(make(), "PDF", RenderOptions(LIMITS)))
    assert caught.value.code == code
    assert caught.value.status == 422


def test_processes_load_only_what_they_need() -> None:
    """Everyone who sends a document waits for these imports, and each of the processes keeps them in memory."""
    program = (
        "import sys, gateway.documents.render_process, gateway.codes.process; "
        "print([one for one in ('fastapi', 'pydantic', 'redis', 'cv2') if one in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


async def test_reads_the_invoice_in_a_pdf() -> None:
    document = build_text_pdf([("Total 22.61", 40, 40)])
    renderer = build_renderer()
    (page,) = await renderer.render_pages(attach(document, factur_x_xml=write_einvoice()))
    assert page.einvoice is not None
    assert (page.einvoice.syntax, page.einvoice.total, page.has_unread_einvoice) == ("cii", "22.61", False)
    (damaged,) = await renderer.render_pages(attach(document, factur_x_xml=b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"))
    assert (damaged.einvoice, damaged.has_unread_einvoice) == (None, True)
