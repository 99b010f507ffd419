"""A hostile file and a hostile request, and functions to build their parts."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Literal

from PIL import Image, ImageDraw

Outcome = Literal["rejected", "read", "either"]


@dataclass(frozen=True)
class File:
    """A hostile file.

    Attributes:
        name: What is wrong with it.
        make: Returns its bytes.
        outcome: Expected outcome: `rejected` with a 4xx problem, `read` with a 200, or `either` of these.
        everywhere: Whether the outcome also holds for the services, which accept pictures only; otherwise they may also
            reject it.
    """

    name: str
    make: Callable[[], bytes]
    outcome: Outcome = "either"
    everywhere: bool = True


@dataclass(frozen=True)
class Call:
    """A hostile request to one app.

    Attributes:
        name: What is wrong with it.
        app: gateway, detector, recognizer or extractor.
        path: Path and query.
        body: Returns its bytes.
        headers: Headers of the request.
        outcome: Expected outcome, as for `File`.
    """

    name: str
    app: str
    path: str
    body: Callable[[], bytes]
    headers: dict[str, str] = field(default_factory=dict)
    outcome: Outcome = "either"


def draw_slip(size: tuple[int, int] = (240, 120), text: str = "TOTAL 9.00") -> Image.Image:
    """Return a small picture with a line of text."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((12, size[1] // 3), text, fill="black", font_size=24)
    return image


def encode(kind: str, image: Image.Image | None = None, **options: Any) -> bytes:
    """Return a picture, by default a slip, in a file format."""
    buffer = BytesIO()
    (image or draw_slip()).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes, *, crc: int | None = None) -> bytes:
    """Return a PNG chunk, with the correct checksum unless another is given."""
    checksum = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def png(*chunks: bytes, size: tuple[int, int] = (64, 64), depth: int = 8, color: int = 2, interlace: int = 0) -> bytes:
    """Return a PNG with these header values and chunks, which need not match."""
    header = struct.pack(">IIBBBBB", *size, depth, color, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")


def rows(width: int, height: int, channels: int = 3) -> bytes:
    """Return the compressed rows of a black PNG."""
    line = bytes(1 + width * channels)
    packer = zlib.compressobj(9)
    return b"".join([*(packer.compress(line) for _ in range(height)), packer.flush()])


def compress_zeros(size: int) -> bytes:
    """Return `size` zero bytes, deflated to about a thousandth."""
    packer, block = zlib.compressobj(9), bytes(2**20)
    return b"".join([*(packer.compress(block) for _ in range(size // len(block))), packer.flush()])


def patch(data: bytes, at: int, new: bytes) -> bytes:
    """Return a file with some of its bytes replaced."""
    return data[:at] + new + data[at + len(new) :]


def jpeg_segment(marker: int, data: bytes) -> bytes:
    """Return a JPEG segment with its length."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def jpeg_with(segments: bytes, image: Image.Image | None = None) -> bytes:
    """Return a JPEG with additional segments after its start."""
    data = encode("JPEG", image)
    return data[:2] + segments + data[2:]


def media_box(kind: bytes, data: bytes, *, size: int | None = None) -> bytes:
    """Return a box of an ISO base media file, such as HEIC and AVIF."""
    return struct.pack(">I", len(data) + 8 if size is None else size) + kind + data
