"""Decode untrusted JPEG, PNG and WebP files within limits.

The format is detected from the first bytes, not from a name or a content type. The size is read from the header and
checked before anything is decoded. No other decoder of Pillow is used. Services decode in another process, see
`shared.pictures.memory`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from shared.arrays import Pixels
from shared.pictures.header import (
    FORMATS,
    PictureLimits,
    check_size,
    damaged_picture_problem,
    read_header,
    slow_picture_problem,
    unsupported_format_problem,
)
from shared.pictures.jpeg import read_structure
from shared.pictures.polarity import is_light_text
from shared.problems import ProblemError

# The plugins are called directly, because `Image.open` applies a limit that is global to the process. They decode the
# first frame only: a JPEG with several pictures (MPO) or an animated WebP is one page.
_DECODERS: dict[str, Callable[[BytesIO], ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WebP": WebPImageFile,
}
# For a mask of the pixels that are at least half opaque.
_IS_VISIBLE = [0] * 128 + [255] * 128
# Gray level below which a pixel is dark, and maximum share of dark pixels in light text. Printed paper has more ink.
_DARK, _MAX_DARK_SHARE = 128, 0.01
# EXIF 2.32, tag Orientation: the operation that undoes each value.
_ORIENTATION_TAG = 0x0112
_ORIENTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = frozenset({5, 6, 7, 8})
# DCT scaling leaves at least this share of the wanted pixels; a smaller picture would lose print.
_MIN_SCALED_SHARE = 0.5
_MAX_DCT_FACTOR = 8


@dataclass(frozen=True)
class Picture:
    """A decoded picture, with its EXIF orientation applied.

    Attributes:
        pixels: `(H, W)` gray (the luma of ITU-R BT.601), contiguous, dark text on light ground. No network uses colors.
        format: JPEG, PNG or WebP.
        full_size: Width and height in pixels of the picture as sent; `pixels` has fewer if it was reduced.
    """

    pixels: Pixels
    format: str
    full_size: tuple[int, int]

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.pixels.shape[0])


def decode_picture(data: bytes, limits: PictureLimits, enough_pixels: int | None = None) -> Picture:
    """Decode a JPEG, PNG or WebP of any kind: gray, palette, 16 bit, CMYK, transparent, rotated, inverted.

    Args:
        data: The whole file.
        limits: Accepted sizes, checked before decoding.
        enough_pixels: A picture with more pixels is reduced to so many. A JPEG need not be decoded at its full size
            for that.

    Returns:
        The picture; the first frame if there are several.

    Raises:
        ProblemError: 422 `empty-body`, 415 `unsupported-format`, 413 `picture-too-large`, 422 `picture-too-small`,
            422 `picture-too-slow`, 422 `picture-damaged`.
    """
    # The header is checked first because the decoder of WebP allocates the picture as soon as it is created.
    name = read_header(data, limits).format
    if name not in _DECODERS:
        raise unsupported_format_problem(name, FORMATS)
    if name == "JPEG" and (excess := read_structure(data).find_excess()):
        raise slow_picture_problem(name, excess)
    try:
        with _DECODERS[name](BytesIO(data)) as image:
            check_size(image.size, limits)
            full_size = image.size
            # The color channels of a JPEG need not be decoded, nor its finest frequencies.
            factor = _choose_dct_factor(full_size, enough_pixels)
            image.draft("L", (full_size[0] // factor, full_size[1] // factor))
            image.load()
            if read_orientation(image) in _SIDEWAYS:
                full_size = full_size[::-1]
            gray = reduce_picture(flatten_picture(apply_orientation(image), "L"), enough_pixels)
            pixels = np.array(gray)
            if is_light_text(pixels):
                pixels = 255 - pixels
    except ProblemError:
        raise
    # Decoders raise anything for damaged files: OSError, SyntaxError, ValueError, ...
    except Exception as error:
        raise damaged_picture_problem(name, "it is truncated or damaged") from error
    return Picture(pixels, name, full_size)


def _choose_dct_factor(size: tuple[int, int], enough_pixels: int | None) -> int:
    """Return the factor, 1, 2, 4 or 8, by which a JPEG is reduced while it is decoded."""
    if enough_pixels is None:
        return 1
    factor = 1
    while factor < _MAX_DCT_FACTOR and size[0] * size[1] >= (2 * factor) ** 2 * _MIN_SCALED_SHARE * enough_pixels:
        factor *= 2
    return factor


def read_orientation(image: Image.Image) -> int:
    """Return the EXIF orientation of a picture, 1 to 8; 1 if it has none."""
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # Pillow raises anything for damaged EXIF data, which do not make the picture unreadable
        return 1
    return orientation if orientation in _ORIENTATIONS else 1


def apply_orientation(image: Image.Image) -> Image.Image:
    """Turn a picture according to its EXIF orientation."""
    turn = _ORIENTATIONS.get(read_orientation(image))
    return image if turn is None else image.transpose(turn)


def flatten_picture(image: Image.Image, mode: Literal["L", "RGB"]) -> Image.Image:
    """Convert a loaded picture of any mode to 8 bits per channel, with transparency replaced by paper."""
    if image.mode.startswith("I"):
        image = Image.fromarray(_reduce_depth(image))
    image = _put_on_paper(image)
    return image if image.mode == mode else image.convert(mode)


def reduce_picture(image: Image.Image, max_pixels: int | None, max_side: int | None = None) -> Image.Image:
    """Scale a picture of 8 bits per channel down until it is within limits, without aliasing."""
    width, height = image.size
    by_pixels = 1.0 if max_pixels is None else math.sqrt(max_pixels / (width * height))
    by_side = 1.0 if max_side is None else max_side / max(width, height)
    scale = min(by_pixels, by_side)
    if scale >= 1.0:
        return image
    size = max(1, math.floor(width * scale)), max(1, math.floor(height * scale))
    return image.resize(size, Image.Resampling.BILINEAR)


def _reduce_depth(image: Image.Image) -> Pixels:
    """Scale 16-bit gray to 8 bits; Pillow would clip it to 255."""
    values = np.asarray(image)
    if values.dtype != np.uint16:
        values = values.clip(0, 0xFFFF).astype(np.uint16)
    return (values >> 8).astype(np.uint8)


def _put_on_paper(image: Image.Image) -> Image.Image:
    """Replace transparency by white, or by black if nothing visible is dark: light text needs a dark ground."""
    if not image.has_transparency_data:
        return image
    transparent = image if image.mode == "RGBA" else image.convert("RGBA")
    alpha = transparent.getchannel("A")
    shades = transparent.convert("L").histogram(alpha.point(_IS_VISIBLE))
    is_light = sum(shades) > 0 and sum(shades[:_DARK]) <= _MAX_DARK_SHARE * sum(shades)
    paper = Image.new("RGB", transparent.size, "black" if is_light else "white")
    paper.paste(transparent, mask=alpha)
    return paper
