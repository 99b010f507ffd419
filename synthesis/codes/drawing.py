"""Draw codes, and put them below a receipt."""

from __future__ import annotations

import cv2
import numpy as np
import zxingcpp

from shared.arrays import Pixels

_WHITE = 255
_MARGIN_PX = 12


def draw_modules(text: str) -> Pixels:
    """Return the modules of a QR code without a quiet zone, `(N, N)`: 1 dark, 0 light."""
    barcode = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    drawn = np.array(zxingcpp.write_barcode_to_image(barcode, scale=1, add_quiet_zones=False))
    return (drawn < _WHITE // 2).astype(np.uint8)


def draw_code(text: str, module_px: float, *, kind: zxingcpp.BarcodeFormat = zxingcpp.BarcodeFormat.QRCode) -> Pixels:
    """Draw a code.

    Args:
        text: What it says.
        module_px: Pixels per module; fractions blur the edges as scaling does.
        kind: Kind of code.

    Returns:
        `(H, W)` gray with a quiet zone.
    """
    barcode = zxingcpp.create_barcode(text, kind)
    scale = max(4, int(module_px) * 4)
    drawn = np.array(zxingcpp.write_barcode_to_image(barcode, scale=scale, add_quiet_zones=True))
    height, width = (max(1, round(side * module_px / scale)) for side in drawn.shape[:2])
    return np.asarray(cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA))


def append_code(page: Pixels, code: Pixels) -> Pixels:
    """Return a `(H, W)` gray receipt with a code centered below it."""
    width = max(page.shape[1], code.shape[1] + 2 * _MARGIN_PX)
    rows = np.full((code.shape[0] + 2 * _MARGIN_PX, width), _WHITE, np.uint8)
    left = (width - code.shape[1]) // 2
    rows[_MARGIN_PX : _MARGIN_PX + code.shape[0], left : left + code.shape[1]] = code
    sides = ((0, 0), (0, width - page.shape[1]))
    return np.vstack([np.pad(page, sides, constant_values=_WHITE), rows])
