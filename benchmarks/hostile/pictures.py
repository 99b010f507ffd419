"""Hostile pictures: PNG, JPEG, WebP, GIF, BMP, TIFF, HEIC, AVIF and JPEG XL."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
from imagecodecs import jpegxl_encode
from PIL import Image

from benchmarks.hostile.case import (
    File,
    chunk,
    compress_zeros,
    draw_slip,
    encode,
    jpeg_segment,
    jpeg_with,
    media_box,
    patch,
    png,
    rows,
)
from benchmarks.reliability.attacks import build_scans

_HUGE = 30_000
_MIB = 2**20


def _pixel_data(size: tuple[int, int] = (64, 64), channels: int = 3) -> bytes:
    return chunk(b"IDAT", rows(*size, channels))


def _large_comment() -> bytes:
    return chunk(b"zTXt", b"Comment\0\0" + compress_zeros(256 * _MIB))


def _animation(kind: str, count: int) -> bytes:
    sheets = [Image.new("RGB", (32, 32), (shade % 256, 0, 0)) for shade in range(count)]
    return encode(kind, sheets[0], save_all=True, append_images=sheets[1:])


def _jpeg_xl(size: tuple[int, int], noise: int = 1) -> bytes:
    """Return a JPEG XL with gray levels below `noise`."""
    levels = np.random.default_rng(1).integers(0, noise, (size[1], size[0]), dtype=np.uint8)
    return bytes(jpegxl_encode(levels, effort=1, lossless=True))


PNGS = (
    File("PNG declaring 30,000 x 30,000", lambda: png(_pixel_data(), size=(_HUGE, _HUGE)), "rejected"),
    File("PNG declaring a width of 2^31-1", lambda: png(_pixel_data(), size=(2**31 - 1, 1)), "rejected"),
    File("PNG declaring 2^32-1 x 2^32-1", lambda: png(_pixel_data(), size=(2**32 - 1, 2**32 - 1)), "rejected"),
    File("PNG with zero width", lambda: png(_pixel_data(), size=(0, 64)), "rejected"),
    File("PNG with a single pixel", lambda: png(_pixel_data((1, 1)), size=(1, 1)), "rejected"),
    File("PNG with one row of 60,000 pixels", lambda: png(_pixel_data((60_000, 1)), size=(60_000, 1)), "rejected"),
    File(
        "PNG with 10,000 x 4,000 pixels in 40 KB",
        lambda: png(chunk(b"IDAT", rows(10_000, 4_000, 1)), size=(10_000, 4_000), color=0),
    ),
    File("PNG with ten times too many rows", lambda: png(_pixel_data((64, 640)))),
    File("PNG with 1 GiB of additional rows", lambda: png(chunk(b"IDAT", compress_zeros(1024 * _MIB)))),
    File(
        "PNG with a color profile of 256 MiB",
        lambda: png(chunk(b"iCCP", b"x\0\0" + compress_zeros(256 * _MIB)), _pixel_data()),
    ),
    File("PNG with a comment of 256 MiB", lambda: png(_large_comment(), _pixel_data())),
    File("PNG with a comment of 256 MiB at the end", lambda: png(_pixel_data(), _large_comment())),
    File("PNG with 100,000 comments", lambda: png(chunk(b"tEXt", b"a\0b") * 100_000, _pixel_data())),
    File("PNG with a wrong checksum", lambda: png(chunk(b"IDAT", rows(64, 64), crc=1))),
    File("PNG with half of its rows", lambda: png(_pixel_data((64, 32)))),
    File("PNG without rows", png, "rejected"),
    File("PNG with an unknown bit depth", lambda: png(_pixel_data(), depth=3), "rejected"),
    File("PNG with an unknown color type", lambda: png(_pixel_data(), color=5), "rejected"),
    File("PNG with a missing palette", lambda: png(_pixel_data(channels=1), color=3)),
    File("PNG with a chunk longer than itself", lambda: png(struct.pack(">I", 2**32 - 1) + b"IDATxx"), "rejected"),
    File("PNG with only a signature", lambda: b"\x89PNG\r\n\x1a\n", "rejected"),
    File("PNG with two headers", lambda: png(png()[8:33], _pixel_data())),
    File(
        "PNG, interlaced, 4,000 x 4,000",
        lambda: png(chunk(b"IDAT", compress_zeros(49 * _MIB)), size=(4_000, 4_000), interlace=1),
    ),
    File(
        "PNG with 16 bits and transparency",
        lambda: png(chunk(b"IDAT", rows(2_000, 2_000, 8)), size=(2_000, 2_000), depth=16, color=6),
    ),
    File("PNG animation with 300 frames", lambda: _animation("PNG", 300)),
    File(
        "PNG animation declaring 2^31 frames", lambda: png(chunk(b"acTL", struct.pack(">II", 2**31, 0)), _pixel_data())
    ),
)


def _jpeg_declaring(size: tuple[int, int]) -> bytes:
    data = encode("JPEG")
    return patch(data, data.index(b"\xff\xc0") + 5, struct.pack(">HH", *size))


def _many_scans() -> bytes:
    data = encode("JPEG", draw_slip((2_000, 2_000)), progressive=True)
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * 3_000 + b"\xff\xd9"


def _exif(entries: bytes, *, next_directory: int = 0, count: int | None = None) -> bytes:
    number = len(entries) // 12 if count is None else count
    directory = struct.pack("<H", number) + entries + struct.pack("<I", next_directory)
    return jpeg_segment(0xE1, b"Exif\0\0II*\0" + struct.pack("<I", 8) + directory)


def _tag(tag: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack("<HHII", tag, kind, count, value)


def _jpeg_with_marker(marker: bytes, new: bytes) -> bytes:
    return encode("JPEG").replace(marker, new, 1)


def _mpo_with_truncated_picture() -> bytes:
    buffer = BytesIO()
    draw_slip().save(buffer, "MPO", save_all=True, append_images=[draw_slip()])
    return buffer.getvalue()[:-900]


JPEGS = (
    File("JPEG declaring 30,000 x 30,000", lambda: _jpeg_declaring((_HUGE, _HUGE)), "rejected"),
    File("JPEG declaring 65,535 x 65,535", lambda: _jpeg_declaring((65_535, 65_535)), "rejected"),
    File("JPEG with zero height", lambda: _jpeg_declaring((0, 64)), "rejected"),
    File("JPEG declaring more pixels than it has", lambda: _jpeg_declaring((6_000, 6_000))),
    File("JPEG cut in half", lambda: encode("JPEG", draw_slip((900, 900)))[:6_000], "rejected"),
    File("JPEG with a single start marker", lambda: b"\xff\xd8\xff", "rejected"),
    File("JPEG with only start markers", lambda: b"\xff\xd8\xff" * 100_000, "rejected"),
    File("JPEG with 3,000 scans", _many_scans, "rejected"),
    File("JPEG with 80,000 scans of four components", lambda: build_scans(80_000), "rejected"),
    File("JPEG without Huffman tables", lambda: _jpeg_with_marker(b"\xff\xc4", b"\xff\xe5")),
    File("JPEG without quantization tables", lambda: _jpeg_with_marker(b"\xff\xdb", b"\xff\xe5")),
    File("JPEG with arithmetic coding", lambda: _jpeg_with_marker(b"\xff\xc0", b"\xff\xc9")),
    File("JPEG, lossless", lambda: _jpeg_with_marker(b"\xff\xc0", b"\xff\xc3"), "rejected"),
    File("JPEG with 12 bits", lambda: _jpeg_with_marker(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c"), "rejected"),
    File("JPEG with 100 segments of 64 KB", lambda: jpeg_with(jpeg_segment(0xE7, bytes(65_500)) * 100), "read"),
    File("JPEG with a segment longer than itself", lambda: jpeg_with(b"\xff\xe7\xff\xff")[:5_000], "rejected"),
    File("JPEG with 8 MiB after its end", lambda: encode("JPEG") + bytes(8 * _MIB), "read"),
    File("JPEG declaring restart markers that are missing", lambda: jpeg_with(jpeg_segment(0xDD, b"\0\1"))),
    File("JPEG with an unknown EXIF orientation", lambda: jpeg_with(_exif(_tag(0x0112, 3, 1, 99))), "read"),
    File(
        "JPEG with a cycle in its EXIF",
        lambda: jpeg_with(_exif(_tag(0x8769, 4, 1, 8), next_directory=8)),
        "read",
    ),
    File("JPEG with EXIF declaring 65,535 tags that are missing", lambda: jpeg_with(_exif(b"", count=65_535)), "read"),
    File("JPEG with an EXIF tag of 4 GiB", lambda: jpeg_with(_exif(_tag(0x010E, 2, 2**32 - 1, 8))), "read"),
    File("JPEG with text as EXIF", lambda: jpeg_with(jpeg_segment(0xE1, b"Exif\0\0<script>alert(1)</script>")), "read"),
    File("JPEG with a location in its EXIF", lambda: jpeg_with(_exif(_tag(0x8825, 4, 1, 8))), "read"),
    File(
        "JPEG with XMP that references a local file",
        lambda: jpeg_with(
            jpeg_segment(
                0xE1, b"http://ns.adobe.com/xap/1.0/\0<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>"
            )
        ),
        "read",
    ),
    File("JPEG with two pictures, the second truncated", _mpo_with_truncated_picture),
    File(
        "JPEG with four channels declaring three",
        lambda: encode("JPEG", draw_slip().convert("CMYK")).replace(b"Adobe", b"Adoxe"),
    ),
)


def _webp_declaring(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    extended = b"VP8X" + struct.pack("<I", 10) + b"\x10\0\0\0" + size
    image = encode("WEBP")[12:]
    return b"RIFF" + struct.pack("<I", 4 + len(extended) + len(image)) + b"WEBP" + extended + image


WEBPS = (
    File("WebP declaring 16,384 x 16,384", lambda: _webp_declaring(16_384, 16_384), "rejected"),
    File("WebP declaring 2^24 x 2^24", lambda: _webp_declaring(2**24, 2**24), "rejected"),
    File("WebP with inconsistent sizes", lambda: _webp_declaring(2_000, 2_000)),
    File("WebP with only a header", lambda: encode("WEBP", lossless=True)[:30], "rejected"),
    File("WebP declaring 4 GiB", lambda: patch(encode("WEBP"), 4, b"\xff\xff\xff\xff")),
    File("WebP cut in half", lambda: encode("WEBP", draw_slip((900, 900)))[:1_500], "rejected"),
    File("WebP animation with 300 frames", lambda: _animation("WEBP", 300), "read"),
    File(
        "WebP with a damaged alpha channel",
        lambda: encode("WEBP", draw_slip().convert("RGBA")).replace(b"ALPH", b"ALPX"),
    ),
    File("RIFF with audio", lambda: b"RIFF\x24\0\0\0WAVEfmt " + bytes(40), "rejected"),
)

OTHERS = (
    File("GIF declaring 65,535 x 65,535", lambda: b"GIF89a" + b"\xff" * 4 + b"\xf0\0\0" + bytes(64), "rejected"),
    File("GIF animation with 300 frames", lambda: _animation("GIF", 300), "read", everywhere=False),
    File("JPEG XL of 12,000 x 12,000 in a few bytes", lambda: _jpeg_xl((12_000, 12_000)), "rejected", everywhere=False),
    File("JPEG XL cut in half", lambda: _jpeg_xl((900, 900), 7)[:400], "rejected", everywhere=False),
    File("JPEG XL with only its first bytes", lambda: b"\xff\x0a" + b"\xff" * 64, "rejected", everywhere=False),
    File(
        "BMP declaring 2^31-1 x 2^31-1",
        lambda: patch(encode("BMP"), 18, struct.pack("<ii", 2**31 - 1, 2**31 - 1)),
        "rejected",
        everywhere=False,
    ),
    File("BMP declaring -2^31 rows", lambda: patch(encode("BMP"), 22, struct.pack("<i", -(2**31))), "rejected"),
    File("BMP with zero bits per pixel", lambda: patch(encode("BMP"), 28, b"\0\0")),
    File("BMP with pixels beyond its end", lambda: patch(encode("BMP"), 10, b"\xff\xff\xff\x7f")),
    File(
        "BMP, run-length encoded, without pixels",
        lambda: patch(patch(encode("BMP", draw_slip().convert("P")), 30, b"\1"), 18, struct.pack("<ii", 6_000, 6_000)),
    ),
    File("BMP, truncated", lambda: encode("BMP")[:400], "rejected"),
    File("icon", lambda: encode("ICO"), "rejected"),
    File("JPEG 2000", lambda: encode("JPEG2000"), "rejected"),
    File("JPEG XL", lambda: b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(64), "rejected"),
    File(
        "Photoshop", lambda: b"8BPS\0\1" + bytes(6) + b"\0\3" + struct.pack(">II", _HUGE, _HUGE) + bytes(64), "rejected"
    ),
    File("PostScript that runs a command", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%id) (r) file\n", "rejected"),
    File(
        "SVG that references a local file",
        lambda: b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
        "rejected",
    ),
    File(
        "XML with exponential entities",
        lambda: (
            b'<!DOCTYPE l [<!ENTITY a "lol">'
            + b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9))
            + b"]><l>&j;</l>"
        ),
        "rejected",
    ),
)


def _tiff(entries: list[tuple[int, int, int, int]], *, next_directory: int = 0) -> bytes:
    directory = struct.pack("<H", len(entries)) + b"".join(_tag(*entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", next_directory)


def _gray_tiff(
    width: int,
    height: int,
    *,
    compression: int = 1,
    at: int = 200,
    length: int = 4_096,
    samples: int = 1,
    next_directory: int = 0,
    data: bytes = b"",
) -> bytes:
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, compression),
        (262, 3, 1, 1),
        (273, 4, 1, at),
        (277, 3, 1, samples),
        (278, 4, 1, height),
        (279, 4, 1, length),
    ]
    head = _tiff(entries, next_directory=next_directory)
    return head.ljust(at, b"\0") + (data or bytes(length))


def _tiff_of_empty_pages(pages: int) -> bytes:
    """Return a valid page followed by empty directories of 6 bytes each."""
    first = _gray_tiff(64, 64, next_directory=6_000)
    chain = b"".join(struct.pack("<HI", 0, 6_000 + 6 * (number + 1)) for number in range(pages))
    return first.ljust(6_000, b"\0") + chain


TIFFS = (
    File("TIFF with a cycle of pages", lambda: _gray_tiff(64, 64, next_directory=8), everywhere=False),
    File("TIFF with 100,000 empty pages", lambda: _tiff_of_empty_pages(100_000), everywhere=False),
    File("TIFF declaring 2^31 x 2^31", lambda: _gray_tiff(2**31, 2**31), "rejected", everywhere=False),
    File("TIFF declaring 9,000 x 4,000 in 4 KB", lambda: _gray_tiff(9_000, 4_000), "rejected", everywhere=False),
    File(
        "TIFF with pixels beyond its end",
        lambda: patch(_gray_tiff(64, 64), 10 + 5 * 12 + 8, b"\xff\xff\xff\x7f"),
        "rejected",
        everywhere=False,
    ),
    File("TIFF with 65,535 channels", lambda: _gray_tiff(64, 64, samples=65_535), "rejected", everywhere=False),
    File(
        "TIFF, deflated, 1 GiB in 1 MB",
        lambda: _gray_tiff(64, 64, compression=8, length=2**20, data=compress_zeros(1024 * _MIB)),
        everywhere=False,
    ),
    File("TIFF, deflated, with other data", lambda: _gray_tiff(64, 64, compression=8), "rejected", everywhere=False),
    File(
        "TIFF, LZW, with other data", lambda: _gray_tiff(64, 64, compression=5, data=b"\xff" * 4_096), everywhere=False
    ),
    File(
        "TIFF, fax, with other data", lambda: _gray_tiff(64, 64, compression=4, data=b"\x12" * 4_096), everywhere=False
    ),
    File("TIFF, JPEG, with other data", lambda: _gray_tiff(64, 64, compression=7), "rejected", everywhere=False),
    File(
        "TIFF with an unknown compression",
        lambda: _gray_tiff(64, 64, compression=60_000),
        "rejected",
        everywhere=False,
    ),
    File("TIFF with only a header", lambda: b"II*\0\x08\0\0\0", "rejected", everywhere=False),
    File("BigTIFF", lambda: b"II+\0\x08\0\0\0" + bytes(64), "rejected"),
    File("TIFF with 21 pages", lambda: _animation("TIFF", 21), "rejected", everywhere=False),
    File(
        "TIFF with a tag of 4 GiB",
        lambda: _tiff([(256, 4, 1, 64), (257, 4, 1, 64), (270, 2, 2**32 - 1, 8)]),
        "rejected",
        everywhere=False,
    ),
)


def _heic(kind: bytes = b"heic", *boxes: bytes) -> bytes:
    return media_box(b"ftyp", kind + bytes(4) + b"mif1" + kind) + b"".join(boxes)


def _ispe(size: tuple[int, int]) -> bytes:
    data = encode("AVIF")
    return patch(data, data.index(b"ispe") + 8, struct.pack(">II", *size))


HEIFS = (
    File("HEIC with only its first box", _heic, "rejected", everywhere=False),
    File(
        "HEIC with a box of 4 GiB",
        lambda: _heic(b"heic", media_box(b"meta", bytes(64), size=2**32 - 1)),
        "rejected",
        everywhere=False,
    ),
    File(
        "HEIC with a box inside itself",
        lambda: _heic(b"heic", media_box(b"meta", bytes(4) + media_box(b"meta", bytes(64), size=9_999))),
        "rejected",
        everywhere=False,
    ),
    File(
        "HEIC declaring 65,535 items that are missing",
        lambda: _heic(b"heic", media_box(b"meta", bytes(4) + media_box(b"iinf", b"\0\0\0\0\xff\xff"))),
        "rejected",
        everywhere=False,
    ),
    File(
        "HEIC with nested boxes, 10,000 levels",
        lambda: _heic(b"heic", *[media_box(b"meta", bytes(4), size=90_000)] * 10_000),
        "rejected",
        everywhere=False,
    ),
    File("AVIF declaring 65,535 x 65,535", lambda: _ispe((65_535, 65_535)), "rejected", everywhere=False),
    File("AVIF with inconsistent sizes", lambda: _ispe((2_000, 2_000)), everywhere=False),
    File("AVIF cut in half", lambda: encode("AVIF", draw_slip((900, 900)))[:900], "rejected", everywhere=False),
    File("AVIF with the generic brand", lambda: patch(encode("AVIF"), 8, b"mif1"), "read", everywhere=False),
    File("AVIF declaring to be a HEIC", lambda: patch(encode("AVIF"), 8, b"heic"), everywhere=False),
    File("AVIF animation", lambda: _animation("AVIF", 30), "read", everywhere=False),
    File(
        "video",
        lambda: media_box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41") + media_box(b"mdat", bytes(999)),
        "rejected",
    ),
)

FILES = (*PNGS, *JPEGS, *WEBPS, *OTHERS, *TIFFS, *HEIFS)
