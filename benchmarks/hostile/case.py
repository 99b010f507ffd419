"""One hostile file or request, and the ways to make its parts."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Literal

from PIL import Image, ImageDraw

Outcome = Literal["refused", "read", "either"]


@dataclass(frozen=True)
class File:
    """A hostile file.

    Attributes:
        name: What is wrong with it.
        make: Makes its bytes.
        outcome: `refused` with a 4xx problem, `read` with a 200, or `either`: then only nothing worse may happen.
        everywhere: Whether services that take pictures only must do the same as the gateway; else they may refuse it.
    """

    name: str
    make: Callable[[], bytes]
    outcome: Outcome = "either"
    everywhere: bool = True


@dataclass(frozen=True)
class Call:
    """A hostile request to one application.

    Attributes:
        name: What is wrong with it.
        app: gateway, detector, recognizer or extractor.
        path: With the query.
        body: Makes its bytes.
        headers: Of the request.
        outcome: As of `File`.
    """

    name: str
    app: str
    path: str
    body: Callable[[], bytes]
    headers: dict[str, str] = field(default_factory=dict)
    outcome: Outcome = "either"


def slip(size: tuple[int, int] = (240, 120), text: str = "TOTAL 9.00") -> Image.Image:
    """A small picture with a line of text."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((12, size[1] // 3), text, fill="black", font_size=24)
    return image


def saved(kind: str, image: Image.Image | None = None, **options: Any) -> bytes:
    """A picture as a file of that format."""
    buffer = BytesIO()
    (image or slip()).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes, *, crc: int | None = None) -> bytes:
    """A chunk of a PNG, with the right checksum unless another is given."""
    checksum = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def png(*chunks: bytes, size: tuple[int, int] = (64, 64), depth: int = 8, color: int = 2, interlace: int = 0) -> bytes:
    """A PNG of a header with these values and the chunks given, which need not fit it."""
    header = struct.pack(">IIBBBBB", *size, depth, color, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")


def rows(width: int, height: int, channels: int = 3) -> bytes:
    """The compressed rows of a black PNG."""
    line = bytes(1 + width * channels)
    packer = zlib.compressobj(9)
    return b"".join([*(packer.compress(line) for _ in range(height)), packer.flush()])


def bomb(size: int) -> bytes:
    """`size` zero bytes, deflated: about a thousandth of it."""
    packer, block = zlib.compressobj(9), bytes(2**20)
    return b"".join([*(packer.compress(block) for _ in range(size // len(block))), packer.flush()])


def patched(data: bytes, at: int, new: bytes) -> bytes:
    """A file with some of its bytes replaced."""
    return data[:at] + new + data[at + len(new) :]


def jpeg_segment(marker: int, data: bytes) -> bytes:
    """A segment of a JPEG with its length."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def jpeg_with(segments: bytes, image: Image.Image | None = None) -> bytes:
    """A JPEG with further segments behind its start."""
    data = saved("JPEG", image)
    return data[:2] + segments + data[2:]


def box(kind: bytes, data: bytes, *, size: int | None = None) -> bytes:
    """A box of an ISO base media file, such as HEIC and AVIF are."""
    return struct.pack(">I", len(data) + 8 if size is None else size) + kind + data
