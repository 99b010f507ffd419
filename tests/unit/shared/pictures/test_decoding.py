"""Tests of decoding pictures of every kind, and of rejecting everything else."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shared.arrays import Pixels
from shared.pictures.decoding import Picture, decode_picture
from shared.pictures.header import PictureLimits
from shared.problems import ProblemError
from tests.support.printed_pages import draw_lines

LIMITS = PictureLimits(max_pixels=1_000_000, max_side=2_000, min_side=8)
BLUE = (0, 0, 255)  # as Pillow has it: red, green, blue
LUMA_OF_BLUE = 29


def _save(image: Image.Image, name: str = "PNG", **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def _noise(width: int = 40, height: int = 30) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _decode_pixels(image: Image.Image) -> Pixels:
    return decode_picture(_save(image), LIMITS).pixels


def _decode_rejected(data: bytes, limits: PictureLimits = LIMITS) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        decode_picture(data, limits)
    return caught.value


def _png_header(width: int, height: int) -> bytes:
    """Build a PNG whose header has a size but which has almost no data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("name", "expected"), [("PNG", "PNG"), ("JPEG", "JPEG"), ("WEBP", "WebP")])
def test_decodes_all_formats_to_luma(name: str, expected: str) -> None:
    picture = decode_picture(_save(Image.new("RGB", (40, 30), BLUE), name), LIMITS)
    assert (picture.width, picture.height, picture.format) == (40, 30, expected)
    assert picture.pixels.shape == (30, 40)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.flags.c_contiguous
    assert picture.pixels.flags.writeable
    assert int(picture.pixels[15, 20]) == pytest.approx(LUMA_OF_BLUE, abs=4)


def test_pixels_keep_their_positions() -> None:
    noise = _noise()
    np.testing.assert_allclose(decode_picture(_save(Image.fromarray(noise)), LIMITS).pixels, _luma(noise), atol=1)


def test_decodes_tall_pictures() -> None:
    noise = _noise(9, 1300)
    np.testing.assert_allclose(decode_picture(_save(Image.fromarray(noise)), LIMITS).pixels, _luma(noise), atol=1)


@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"progressive": True}, {"keep_rgb": True}])
def test_decodes_jpegs_of_all_kinds_to_luma(options: dict[str, object]) -> None:
    smooth = np.asarray(cv2.GaussianBlur(_noise(60, 80), (0, 0), 6), np.uint8)
    picture = decode_picture(_save(Image.fromarray(smooth), "JPEG", quality=95, **options), LIMITS)
    np.testing.assert_allclose(picture.pixels, _luma(smooth), atol=6)


def _luma(colors: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the luma of RGB pixels, ITU-R BT.601."""
    return np.asarray(colors @ np.array([0.299, 0.587, 0.114]), np.float64)


def _center(image: Image.Image, name: str = "PNG", **options: object) -> int:
    picture: Picture = decode_picture(_save(image, name, **options), LIMITS)
    assert picture.pixels.shape == (20, 20)
    return int(picture.pixels[10, 10])


def test_decodes_gray_palette_and_bilevel_pictures() -> None:
    assert _center(Image.new("L", (20, 20), 77)) == 77
    assert _center(Image.new("1", (20, 20), 1)) == 255
    assert _center(Image.new("RGB", (20, 20), BLUE).quantize(4)) == LUMA_OF_BLUE


def test_sixteen_bit_gray_is_scaled_not_clipped() -> None:
    deep = Image.fromarray(np.full((20, 20), 77 * 257, dtype=np.uint16))
    assert _center(deep) == 77


def test_reduces_pictures_to_enough_pixels() -> None:
    smooth = Image.linear_gradient("L").resize((640, 400), Image.Resampling.BILINEAR)
    for name in ("JPEG", "PNG", "WEBP"):
        picture = decode_picture(_save(smooth, name), LIMITS, enough_pixels=40_000)
        assert picture.full_size == (640, 400)
        assert 20_000 <= picture.pixels.size <= 40_000
        # Row 0 is black, the last one white.
        np.testing.assert_allclose(picture.pixels[:, 9], np.linspace(0, 255, picture.height), atol=6)


def test_does_not_enlarge_pictures() -> None:
    picture = decode_picture(_save(Image.fromarray(_noise())), LIMITS, enough_pixels=1_000_000)
    assert picture.full_size == (picture.width, picture.height)


def test_decodes_cmyk_jpegs() -> None:
    blue = _center(Image.new("CMYK", (20, 20), (255, 255, 0, 0)), "JPEG")
    yellow = _center(Image.new("CMYK", (20, 20), (0, 0, 255, 0)), "JPEG")
    assert blue < 60
    assert yellow > 200


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGBA", (20, 20), (0, 0, 0, 0)),
        Image.new("LA", (20, 20), (0, 0)),
    ],
    ids=["RGBA", "LA"],
)
def test_transparency_becomes_white(image: Image.Image) -> None:
    assert _center(image) == 255


def test_transparent_colors_become_white() -> None:
    assert _center(Image.new("L", (20, 20), 5), transparency=5) == 255
    assert _center(Image.new("RGB", (20, 20), BLUE).quantize(4), transparency=0) == 255


def test_light_text_becomes_dark() -> None:
    page, _ = draw_lines(1.0)
    ink = Image.fromarray(255 - page[..., 0])
    white = Image.new("L", ink.size, 255)
    dark = _decode_pixels(Image.fromarray(page))
    negative = _decode_pixels(Image.fromarray(255 - page))
    on_transparent = _decode_pixels(Image.merge("LA", (white, ink)))
    for pixels in (dark, negative, on_transparent):
        assert np.median(pixels) > 200
        assert np.count_nonzero(pixels < 100) > 0.7 * np.count_nonzero(page[..., 0] < 100) > 0


def test_cutout_of_receipt_lies_on_white() -> None:
    page, _ = draw_lines(1.0)
    image = Image.fromarray(page).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, image.width, 40))
    assert _decode_pixels(image)[:40].min() == 255


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation_is_applied(orientation: int, name: str) -> None:
    upright = np.zeros((24, 16, 3), dtype=np.uint8)
    upright[:8, :8] = 255
    stored: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),  # shown turned clockwise
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }
    turned = stored[orientation](upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if name != "PNG" else {}
    data = _save(Image.fromarray(np.ascontiguousarray(turned)), name, exif=exif, **options)
    picture = decode_picture(data, LIMITS)
    assert (picture.width, picture.height) == (16, 24)
    assert picture.pixels[3, 3] > 200
    assert picture.pixels[20, 3] < 60
    assert picture.pixels[3, 12] < 60


def test_ignores_damaged_exif() -> None:
    data = _save(Image.new("RGB", (20, 20), BLUE), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff nonsense")
    assert decode_picture(data, LIMITS).width == 20


def test_decodes_the_first_of_several_frames() -> None:
    first, second = Image.new("RGB", (20, 20), BLUE), Image.new("RGB", (20, 20), (255, 0, 0))
    for name in ("WEBP", "MPO"):
        picture = decode_picture(_save(first, name, save_all=True, append_images=[second]), LIMITS)
        assert picture.format in ("WebP", "JPEG")
        assert int(picture.pixels[10, 10]) == pytest.approx(LUMA_OF_BLUE, abs=4)


def test_rejects_an_empty_body() -> None:
    assert (_decode_rejected(b"").status, _decode_rejected(b"").code) == (422, "empty-body")


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"TOTAL RM 9.00\n", "not a known picture"),
        (b"PK\x03\x04\x14\x00\x00\x00", "this is a zip archive"),
        (_save(Image.new("L", (20, 20)), "GIF"), "a GIF"),
        (_save(Image.new("L", (20, 20)), "BMP"), "a BMP"),
        (_save(Image.new("L", (20, 20)), "TIFF"), "a TIFF"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not a known picture"),
        (b"\xff", "not a known picture"),
    ],
)
def test_rejects_other_formats_by_name(data: bytes, named: str) -> None:
    problem = _decode_rejected(data)
    assert (problem.status, problem.code) == (415, "unsupported-format")
    assert named in problem.detail
    assert problem.extra["accepted"] == ["JPEG", "PNG", "WebP"]


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.9])
def test_rejects_truncated_pictures(name: str, share: float) -> None:
    data = _save(Image.fromarray(_noise(200, 200)), name)
    problem = _decode_rejected(data[: max(int(len(data) * share), 16)])
    assert (problem.status, problem.code) == (422, "picture-damaged")
    assert problem.detail.startswith(f"The {'WebP' if name == 'WEBP' else name} cannot be decoded")


def test_random_damage_raises_no_other_error() -> None:
    dice = np.random.default_rng(3)
    for name in ("JPEG", "PNG", "WEBP"):
        whole = _save(Image.fromarray(_noise()), name)
        for _ in range(100):
            data = bytearray(whole)
            for position in dice.integers(4, len(data), 4):
                data[position] = dice.integers(0, 256)
            with suppress(ProblemError):
                decode_picture(bytes(data), LIMITS)


def test_rejects_a_huge_size_by_its_header() -> None:
    problem = _decode_rejected(_png_header(30_000, 30_000), PictureLimits())
    assert (problem.status, problem.code) == (413, "picture-too-large")
    assert "30,000 x 30,000" in problem.detail
    assert "25,000 per side and 70,000,000 in total" in problem.detail
    assert problem.extra["max_side"] == 25_000


def test_rejects_a_huge_webp_before_creating_its_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("shared.pictures.decoding", fromlist=["_DECODERS"])._DECODERS, "WebP", None)
    small = _save(Image.new("RGB", (20, 20)), "WEBP")
    lossless = _save(Image.new("RGB", (20, 20)), "WEBP", lossless=True)
    extended = _save(Image.new("RGBA", (20, 20), (1, 2, 3, 4)), "WEBP")
    for data in (small, lossless, extended):
        assert "20 x 20" in _decode_rejected(data, PictureLimits(max_side=19)).detail


@pytest.mark.parametrize(("size", "fits"), [((1000, 1000), True), ((1001, 1000), False), ((2001, 10), False)])
def test_limits_are_exact(size: tuple[int, int], fits: bool) -> None:
    data = _save(Image.new("L", size))
    if fits:
        assert decode_picture(data, LIMITS).width == size[0]
    else:
        assert _decode_rejected(data).code == "picture-too-large"


@pytest.mark.parametrize("size", [(1, 1), (7, 500), (500, 7)])
def test_rejects_pictures_that_are_too_small(size: tuple[int, int]) -> None:
    problem = _decode_rejected(_save(Image.new("L", size)))
    assert (problem.status, problem.code) == (422, "picture-too-small")
    assert "at least 8 per side" in problem.detail


def test_ignores_a_video_after_the_picture() -> None:
    video = np.random.default_rng(5).integers(0, 256, 8_000_000, dtype=np.uint8).tobytes()
    assert video.count(b"\xff\xda") > 64
    assert decode_picture(_save(Image.fromarray(_noise()), "JPEG") + video, LIMITS).width == 40


def test_rejects_a_jpeg_with_too_many_scans() -> None:
    data = _save(Image.fromarray(_noise()), "JPEG", progressive=True)
    assert decode_picture(data, LIMITS).width == 40
    scan = data[data.rindex(b"\xff\xda") : -2]
    problem = _decode_rejected(data[:-2] + scan * 100 + data[-2:])
    assert (problem.status, problem.code) == (422, "picture-too-slow")
    assert "scans" in problem.detail
