"""Find QR codes and barcodes on a page with zxing-cpp. Runs in a process that can be killed.

Symbols are those of ISO/IEC 18004 (QR), 24778 (Aztec), 15420 (EAN, UPC), 15417 (Code 128), 16388 (Code 39) and 16390
(interleaved 2 of 5). PDF417 and Data Matrix, which receipts hardly ever print, would take longer than all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import zxingcpp
from PIL import Image
from zxingcpp import BarcodeFormat, ContentType

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
# Bars are long: they are read from fewer pixels than the small modules of a QR code.
_MAX_LINEAR_PIXELS = 4_000_000
_MAX_CODES = 16
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
    found = list(_read(pixels, _MATRIX, 1.0))
    scale = min(1.0, (_MAX_LINEAR_PIXELS / pixels.size) ** 0.5)
    found += _read(_reduce(pixels, scale), _LINEAR, scale)
    found.sort(key=lambda code: min(y for _, y in code["quad"]))
    return found[:_MAX_CODES]


def _reduce(pixels: Pixels, scale: float) -> Pixels:
    if scale == 1.0:
        return pixels
    height, width = pixels.shape
    size = round(width * scale), round(height * scale)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def _read(pixels: Pixels, formats: dict[BarcodeFormat, CodeFormat], scale: float) -> Iterator[dict[str, Any]]:
    barcodes = zxingcpp.read_barcodes(
        pixels,
        formats=zxingcpp.BarcodeFormats(list(formats)),
        # Light text was inverted when the picture was decoded.
        try_invert=False,
        text_mode=zxingcpp.TextMode.Plain,
    )
    for barcode in barcodes:
        text = _decode_text(barcode)
        name = formats.get(barcode.format)
        if name is None or not _MIN_CHARACTERS <= len(text) <= _MAX_CHARACTERS:
            continue
        place = barcode.position
        corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
        yield {"format": name, "text": text, "quad": [[corner.x / scale, corner.y / scale] for corner in corners]}


def _decode_text(barcode: Any) -> str:
    if barcode.content_type in (ContentType.Text, ContentType.GS1):
        return str(barcode.text)
    return bytes(barcode.bytes).decode("latin-1")
