"""Decode untrusted JPEG, PNG and WebP files within limits.

The format is detected from the first bytes, not from a name or a content type. The size is read from the header and
checked before anything is decoded. No other decoder of Pillow is used. Services decode in another process, see
`shared.pictures.memory`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

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
from shared.problems import ProblemError

# The plugins are called directly, because `Image.open` applies a limit that is global to the process. They decode the
# first frame only: a JPEG with several pictures (MPO) or an animated WebP is one page.
_DECODERS: dict[str, Callable[[BytesIO], ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WebP": WebPImageFile,
}
_STRIP_ROWS = 512
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


@dataclass(frozen=True)
class Picture:
    """A decoded picture, with its EXIF orientation applied.

    Attributes:
        pixels: `(H, W)` gray (the luma of ITU-R BT.601), contiguous. No network uses colors.
        format: JPEG, PNG or WebP.
    """

    pixels: Pixels
    format: str

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.pixels.shape[0])


def decode_picture(data: bytes, limits: PictureLimits) -> Picture:
    """Decode a JPEG, PNG or WebP of any kind: gray, palette, 16 bit, CMYK, transparent (on white), rotated.

    Args:
        data: The whole file.
        limits: Accepted sizes, checked before decoding.

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
            # The color channels of a JPEG need not be decoded.
            image.draft("L", None)
            image.load()
            pixels = _gray_pixels(apply_orientation(image))
    except ProblemError:
        raise
    # Decoders raise anything for damaged files: OSError, SyntaxError, ValueError, ...
    except Exception as error:
        raise damaged_picture_problem(name, "it is truncated or damaged") from error
    return Picture(pixels, name)


def apply_orientation(image: Image.Image) -> Image.Image:
    """Turn a picture according to its EXIF orientation."""
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # Pillow raises anything for damaged EXIF data, which do not make the picture unreadable
        return image
    turn = _ORIENTATIONS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _gray_pixels(image: Image.Image) -> Pixels:
    """Return the gray pixels `(H, W)` of a loaded picture of any mode, with transparency on white."""
    if image.mode.startswith("I"):
        return _reduce_depth(image)
    image = _put_on_white(image)
    return np.array(image if image.mode == "L" else image.convert("L"))


def bgr_pixels(image: Image.Image) -> Pixels:
    """Return the pixels `(H, W, 3)` of a loaded picture of any mode, blue first, with transparency on white."""
    if image.mode.startswith("I"):
        return np.repeat(_reduce_depth(image)[:, :, None], 3, axis=2)
    image = _put_on_white(image)
    if image.mode != "RGB":
        image = image.convert("RGB")
    width, height = image.size
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    # In strips, because Pillow needs twice the memory of the pixels that it returns.
    for top in range(0, height, _STRIP_ROWS):
        strip = image.crop((0, top, width, min(top + _STRIP_ROWS, height)))
        pixels[top : top + _STRIP_ROWS] = np.frombuffer(strip.tobytes("raw", "BGR"), np.uint8).reshape(-1, width, 3)
    return pixels


def _reduce_depth(image: Image.Image) -> Pixels:
    """Scale 16-bit gray to 8 bits; Pillow would clip it to 255."""
    return np.asarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255), np.uint8)


def _put_on_white(image: Image.Image) -> Image.Image:
    """Replace transparency by white."""
    if not image.has_transparency_data:
        return image
    transparent = image if image.mode == "RGBA" else image.convert("RGBA")
    paper = Image.new("RGB", transparent.size, "white")
    paper.paste(transparent, mask=transparent.getchannel("A"))
    return paper
