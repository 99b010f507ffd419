"""Find QR codes and barcodes on a page with zxing-cpp. Runs in a process that can be killed.

Symbols are those of ISO/IEC 18004 (QR), 24778 (Aztec), 15420 (EAN, UPC), 15417 (Code 128), 16388 (Code 39) and 16390
(interleaved 2 of 5). PDF417 and Data Matrix, which receipts hardly ever print, would take longer than all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import zxingcpp
from PIL import Image, ImageFilter
from zxingcpp import BarcodeFormat, ContentType

from gateway.codes.density import find_dense
from shared.arrays import Pixels

if TYPE_CHECKING:  # the process need not load the contracts
    from shared.contracts import CodeFormat

_MATRIX: dict[BarcodeFormat, CodeFormat] = {BarcodeFormat.QRCode: "qr_code", BarcodeFormat.Aztec: "aztec"}
_LINEAR: dict[BarcodeFormat, CodeFormat] = {
    BarcodeFormat.EAN13: "ean_13",
    BarcodeFormat.EAN8: "ean_8",
    BarcodeFormat.UPCA: "upc_a",
    BarcodeFormat.UPCE: "upc_e",
    BarcodeFormat.Code128: "code_128",
    BarcodeFormat.Code39: "code_39",
    BarcodeFormat.ITF: "itf",
}
# Bars are long: they are read from fewer pixels than the small modules of a QR code, and from the mean of so many
# pixels along them. That is faster than reading every row, and there is less noise.
_MAX_LINEAR_PIXELS = 4_000_000
_ALONG_BARS = 4
_MAX_CODES = 16
# Reading enlarged pixels takes 40 ms per million.
_ENLARGED, _MAX_ENLARGED_PIXELS = 2, 1_000_000
_SHARPEN = ImageFilter.UnsharpMask(radius=1.0, percent=150, threshold=0)
_MIN_MARGIN_PX = 8
_MAX_CHARACTERS = 8_000
# Codes without a check digit are found in other print; short ones say nothing.
_MIN_CHARACTERS = 6


def find_codes(pixels: Pixels) -> list[dict[str, Any]]:
    """Return the codes on a page, from top to bottom, at most 16.

    Args:
        pixels: `(H, W)` gray, dark print on light ground.

    Returns:
        For each code its `format`, `text`, and `quad` in pixels, clockwise from the top left of the code.
    """
    found = list(_read(pixels, _MATRIX))
    if not found:
        found = list(_read_enlarged(pixels))
    scale = min(1.0, (_MAX_LINEAR_PIXELS / pixels.size) ** 0.5)
    page = Image.fromarray(_reduce(pixels, scale))
    for is_turned in (False, True):
        found += _read_bars(page, scale, is_turned=is_turned)
    found.sort(key=lambda code: min(y for _, y in code["quad"]))
    return found[:_MAX_CODES]


def _read_bars(page: Image.Image, scale: float, *, is_turned: bool) -> Iterator[dict[str, Any]]:
    """Yield the barcodes whose bars run down a page or, if it is turned, across; it was scaled by a factor."""
    factors = (_ALONG_BARS, 1) if is_turned else (1, _ALONG_BARS)
    reduced = page.reduce(factors)
    if is_turned:
        reduced = reduced.transpose(Image.Transpose.TRANSPOSE)
    for code in _read(np.asarray(reduced), _LINEAR, has_any_size=False):
        corners = [corner[::-1] for corner in code["quad"]] if is_turned else code["quad"]
        code["quad"] = _order_clockwise([[x * factors[0] / scale, y * factors[1] / scale] for x, y in corners])
        yield code


def _order_clockwise(quad: list[list[float]]) -> list[list[float]]:
    """Exchange the upper and the lower corners of a code that was read as mirrored: transposed or upside down."""
    (x0, y0), (x1, y1), _, (x3, y3) = quad
    is_clockwise = (x1 - x0) * (y3 - y0) >= (y1 - y0) * (x3 - x0)
    return quad if is_clockwise else quad[::-1]


def _read_enlarged(pixels: Pixels) -> Iterator[dict[str, Any]]:
    """Read small and blurred codes, sharpened and enlarged, where there seem to be some.

    Of codes on photographs that are not read otherwise, this reads about half (`python -m benchmarks.codes`).
    """
    parts = find_dense(pixels) if pixels.size <= _MAX_ENLARGED_PIXELS else _find_damaged(pixels)
    texts = set()
    for left, top, right, bottom in parts:
        part = pixels[top:bottom, left:right]
        if 0 < part.size <= _MAX_ENLARGED_PIXELS:
            for code in _read(_enlarge(part), _MATRIX, scale=_ENLARGED, offset=(left, top)):
                # One code may be found as several.
                if code["text"] not in texts:
                    texts.add(code["text"])
                    yield code


def _enlarge(pixels: Pixels) -> Pixels:
    image = Image.fromarray(np.ascontiguousarray(pixels)).filter(_SHARPEN)
    size = image.width * _ENLARGED, image.height * _ENLARGED
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC))


def _find_damaged(pixels: Pixels) -> Iterator[tuple[int, int, int, int]]:
    """Yield left, top, right and bottom of codes that were found but not read, with a margin."""
    height, width = pixels.shape
    for barcode in _scan(pixels, _MATRIX, return_errors=True)[:_MAX_CODES]:
        if barcode.valid:
            continue
        corners = _list_corners(barcode)
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        margin = max(max(xs) - min(xs), max(ys) - min(ys)) // 5 + _MIN_MARGIN_PX
        yield (
            *(max(0, min(xs) - margin), max(0, min(ys) - margin)),
            *(min(width, max(xs) + margin), min(height, max(ys) + margin)),
        )


def _reduce(pixels: Pixels, scale: float) -> Pixels:
    if scale == 1.0:
        return pixels
    height, width = pixels.shape
    size = round(width * scale), round(height * scale)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def _read(
    pixels: Pixels,
    formats: dict[BarcodeFormat, CodeFormat],
    *,
    scale: float = 1.0,
    offset: tuple[int, int] = (0, 0),
    has_any_size: bool = True,
) -> Iterator[dict[str, Any]]:
    """Yield the codes on a part of a page at an offset, of which the pixels are as many times as large.

    Only if they may have any size, turned and very large ones are found, too.
    """
    for barcode in _scan(pixels, formats, has_any_size=has_any_size):
        text = _decode_text(barcode)
        name = formats.get(barcode.format)
        if name is None or not _MIN_CHARACTERS <= len(text) <= _MAX_CHARACTERS:
            continue
        quad = [[offset[0] + x / scale, offset[1] + y / scale] for x, y in _list_corners(barcode)]
        yield {"format": name, "text": text, "quad": quad}


def _scan(
    pixels: Pixels,
    formats: dict[BarcodeFormat, CodeFormat],
    *,
    has_any_size: bool = True,
    return_errors: bool = False,
) -> Any:
    return zxingcpp.read_barcodes(
        pixels,
        formats=zxingcpp.BarcodeFormats(list(formats)),
        try_rotate=has_any_size,
        try_downscale=has_any_size,
        # Light text was inverted when the picture was decoded.
        try_invert=False,
        text_mode=zxingcpp.TextMode.Plain,
        return_errors=return_errors,
    )


def _list_corners(barcode: Any) -> list[tuple[int, int]]:
    place = barcode.position
    corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
    return [(corner.x, corner.y) for corner in corners]


def _decode_text(barcode: Any) -> str:
    if barcode.content_type in (ContentType.Text, ContentType.GS1):
        return str(barcode.text)
    return bytes(barcode.bytes).decode("latin-1")
