"""Decoding of pictures that strangers send: JPEG, PNG and WebP, within limits, never trusting a byte.

The format is told by the first bytes, not by a name or a content type. The size is read from the header and checked
before anything is decoded. No other decoder of Pillow is ever reached. `decode_picture` uses a processor for up to a
second: call it in a thread.
"""

from __future__ import annotations

import re
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
from shared.pictures.header import FORMATS, PictureLimits, check_size, damaged_picture, read_header, unsupported_format
from shared.problems import ProblemError

# The plugins are called directly: `Image.open` would warn and raise by a limit that is global to the process. They are
# told the first frame only, as a JPEG with several pictures (MPO) or an animated WebP holds one page here.
_DECODERS: dict[str, Callable[[BytesIO], ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WebP": WebPImageFile,
}
# A progressive JPEG may repeat an empty scan any number of times, and each costs a pass over the whole picture. The
# pattern is the marker, length and number of components of a scan: other data after a picture, such as a video, hardly
# ever match it.
_MAX_JPEG_SCANS = 64
_SCAN = re.compile(rb"\xff\xda\x00[\x06\x08\x0a\x0c][\x01-\x04]")
_STRIP = 512  # rows
_ORIENTATION_TAG = 0x0112
_ORIENTATIONS = {  # EXIF 2.32, tag Orientation: what undoes it
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
    """A decoded picture, turned as its EXIF orientation says.

    Attributes:
        pixels: H x W, gray (the luma of ITU-R BT.601), uint8, contiguous: nothing that reads receipts sees colors.
        format: JPEG, PNG or WebP.
    """

    pixels: Pixels
    format: str

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return int(self.pixels.shape[0])


def decode_picture(data: bytes, limits: PictureLimits) -> Picture:
    """Decode a JPEG, PNG or WebP of any kind: gray, palette, 16 bit, CMYK, transparent (laid on white), rotated.

    Args:
        data: The whole file.
        limits: Accepted sizes; checked before decoding.

    Returns:
        The picture; of several frames, the first.

    Raises:
        ProblemError: 422 `empty-body`, 415 `unsupported-format`, 413 `picture-too-large`, 422 `picture-too-small`,
            422 `picture-damaged`.
    """
    # The header is checked first because the decoder of WebP allocates the picture as soon as it is created.
    name = read_header(data, limits).format
    if name not in _DECODERS:
        raise unsupported_format(name, FORMATS)
    if name == "JPEG" and len(_SCAN.findall(data)) > _MAX_JPEG_SCANS:
        raise damaged_picture(name, f"it has more than {_MAX_JPEG_SCANS} scans")
    try:
        with _DECODERS[name](BytesIO(data)) as image:
            check_size(image.size, limits)
            # The color channels of a JPEG need not be decoded.
            image.draft("L", None)
            image.load()
            pixels = _gray_pixels(upright(image))
    except ProblemError:
        raise
    # Decoders raise anything for damaged files: OSError, SyntaxError, ValueError, ...
    except Exception as error:
        raise damaged_picture(name, "it is cut off or its data are wrong") from error
    return Picture(pixels, name)


def upright(image: Image.Image) -> Image.Image:
    """Turn a picture as its EXIF orientation says."""
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # damaged EXIF data do not make the picture unreadable; Pillow raises many kinds
        return image
    turn = _ORIENTATIONS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _gray_pixels(image: Image.Image) -> Pixels:
    """The pixels of a loaded picture of any mode, `(H, W)`; what is transparent lies on white."""
    if image.mode.startswith("I"):
        return _shallow(image)
    image = _on_white(image)
    return np.array(image if image.mode == "L" else image.convert("L"))


def bgr_pixels(image: Image.Image) -> Pixels:
    """The pixels of a loaded picture of any mode, `(H, W, 3)`, blue first; what is transparent lies on white."""
    if image.mode.startswith("I"):
        return np.repeat(_shallow(image)[:, :, None], 3, axis=2)
    image = _on_white(image)
    if image.mode != "RGB":
        image = image.convert("RGB")
    width, height = image.size
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    for top in range(0, height, _STRIP):  # in strips, as Pillow takes twice the memory of what it hands over
        strip = image.crop((0, top, width, min(top + _STRIP, height)))
        pixels[top : top + _STRIP] = np.frombuffer(strip.tobytes("raw", "BGR"), np.uint8).reshape(-1, width, 3)
    return pixels


def _shallow(image: Image.Image) -> Pixels:
    """Gray of 16 bit, which Pillow would clip to 255 instead of scaling, in 8 bit."""
    return np.asarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255), np.uint8)


def _on_white(image: Image.Image) -> Image.Image:
    """A picture without transparency."""
    if not image.has_transparency_data:
        return image
    clear = image if image.mode == "RGBA" else image.convert("RGBA")
    paper = Image.new("RGB", clear.size, "white")
    paper.paste(clear, mask=clear.getchannel("A"))
    return paper
