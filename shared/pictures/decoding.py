"""Decoding of pictures that strangers send: JPEG, PNG and WebP, within limits, never trusting a byte.

The format is told by the first bytes, not by a name or a content type. The size is read from the header and checked
before anything is decoded. No other decoder of Pillow is ever reached. `decode_picture` uses a processor for up to a
second: call it in a thread.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from shared.arrays import Pixels
from shared.problems import ProblemError

# The plugins are called directly: `Image.open` would warn and raise by a limit that is global to the process. They are
# told the first frame only, as a JPEG with several pictures (MPO) or an animated WebP holds one page here.
_DECODERS: dict[str, Callable[[BytesIO], ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WebP": WebPImageFile,
}
FORMATS = tuple(_DECODERS)
_ACCEPTED = "Send a JPEG, PNG or WebP."

# Formats that people send and that are not decoded here.
_OTHERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"GIF8", "GIF"),
    (0, b"BM", "BMP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"%PDF", "PDF"),
    (0, b"\0\0\0\x0cJXL ", "JPEG XL"),
)
# ISO 23008-12 and the AVIF specification: brands tell how the pictures in such a file are coded. The first one may be
# that of all pictures (mif1, msf1), and then only those behind it tell.
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_BRANDS_OF_ALL = frozenset({b"mif1", b"msf1"})
_MOST_BRAND_BYTES = 1024
# A progressive JPEG may repeat a scan of nothing without end, and each costs a pass over the whole picture.
# The marker, length and number of components of a scan: other data behind a picture, such as a film, hardly match.
_MOST_JPEG_SCANS = 64
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
class PictureLimits:
    """Sizes of pictures that are accepted, in pixels."""

    max_pixels: int = 40_000_000
    max_side: int = 10_000
    min_side: int = 8


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
    """Decodes a JPEG, PNG or WebP of any kind: gray, palette, 16 bit, CMYK, transparent (laid on white), turned.

    Args:
        data: The whole file.
        limits: Sizes that are accepted; checked before decoding.

    Returns:
        The picture; of several frames, the first.

    Raises:
        ProblemError: 422 `empty-body`, 415 `unsupported-format`, 413 `picture-too-large`, 422 `picture-too-small`,
            422 `picture-damaged`.
    """
    if not data:
        raise ProblemError(422, "empty-body", "There is no picture", f"The body is empty. {_ACCEPTED}")
    name = format_of(data)
    if name not in _DECODERS:
        raise unsupported(data, FORMATS)
    if name == "JPEG" and len(_SCAN.findall(data)) > _MOST_JPEG_SCANS:
        raise damaged(name, f"it has more than {_MOST_JPEG_SCANS} scans")
    if name == "WebP" and (size := _webp_size(data)):  # its decoder reserves memory as soon as it is made
        check_size(size, limits)
    try:
        with _DECODERS[name](BytesIO(data)) as image:
            check_size(image.size, limits)
            image.draft("L", None)  # the colors of a JPEG need not be decoded
            image.load()
            pixels = _gray_pixels(upright(image))
    except ProblemError:
        raise
    except Exception as error:  # decoders let anything escape for damaged files: OSError, SyntaxError, ValueError, ...
        raise damaged(name, "it is cut off or its data are wrong") from error
    return Picture(pixels, name)


def format_of(data: bytes) -> str | None:
    """The format of a file by its first bytes: JPEG, PNG, WebP, or another that people send; None if it is unknown."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    if data.startswith(b"ftyp", 4):
        return _by_brand(data)
    return next((name for start, magic, name in _OTHERS if data.startswith(magic, start)), None)


def _by_brand(data: bytes) -> str | None:
    """HEIC or AVIF, by the brands in the first box of a file (ISO 14496-12, section 4.3); None if it has neither."""
    end = min(int.from_bytes(data[:4], "big"), _MOST_BRAND_BYTES)
    first, brands = data[8:12], {data[at : at + 4] for at in (8, *range(16, end, 4))}
    if first not in _HEIC_BRANDS and brands & _AVIF_BRANDS:
        return "AVIF"
    return "HEIC" if brands & (_HEIC_BRANDS | _BRANDS_OF_ALL) else None


def unsupported(data: bytes, accepted: Sequence[str]) -> ProblemError:
    """The problem of a file in a format that is not read; names it and those that are."""
    name = format_of(data)
    found = "no picture known here" if name is None else f"{'an' if name[0] in 'AEIO' else 'a'} {name}"
    return ProblemError(
        415,
        "unsupported-format",
        "The format is not supported",
        f"By its first bytes this is {found}. Send a {', '.join(accepted[:-1])} or {accepted[-1]}.",
        extra={"accepted": list(accepted)},
    )


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Reads width and height from a WebP header (RFC 9649, section 2.5 to 2.7); None if it is too short."""
    head = data[20:30]
    if len(head) < 10:
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        return int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF


def check_size(size: tuple[int, int], limits: PictureLimits) -> None:
    """Raise a ProblemError if a picture of that width and height in pixels is too large or too small."""
    width, height = size
    told = f"The picture has {width:,} x {height:,} pixels"
    extra = {"width": width, "height": height}
    if max(size) > limits.max_side or width * height > limits.max_pixels:
        raise ProblemError(
            413,
            "picture-too-large",
            "The picture is too large",
            f"{told}; at most {limits.max_side:,} a side and {limits.max_pixels:,} in all are allowed.",
            extra=extra | {"max_side": limits.max_side, "max_pixels": limits.max_pixels},
        )
    if min(size) < limits.min_side:
        raise ProblemError(
            422,
            "picture-too-small",
            "The picture is too small",
            f"{told}; at least {limits.min_side:,} a side are needed to read anything.",
            extra=extra | {"min_side": limits.min_side},
        )


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


def damaged(name: str, reason: str) -> ProblemError:
    """The problem of a file of that format that cannot be decoded, and why."""
    return ProblemError(
        422,
        "picture-damaged",
        "The picture is damaged",
        f"The {name} cannot be decoded: {reason}. Send the whole, undamaged file.",
    )
