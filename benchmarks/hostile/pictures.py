"""Hostile pictures: PNG, JPEG, WebP, GIF, BMP, TIFF, HEIC and AVIF."""

from __future__ import annotations

import struct
from io import BytesIO

from PIL import Image

from benchmarks.hostile.case import File, bomb, box, chunk, jpeg_segment, jpeg_with, patched, png, rows, saved, slip

_HUGE = 30_000
_MIB = 2**20


def _idat(size: tuple[int, int] = (64, 64), channels: int = 3) -> bytes:
    return chunk(b"IDAT", rows(*size, channels))


def _text_bomb() -> bytes:
    return chunk(b"zTXt", b"Comment\0\0" + bomb(256 * _MIB))


def _frames(kind: str, count: int) -> bytes:
    sheets = [Image.new("RGB", (32, 32), (shade % 256, 0, 0)) for shade in range(count)]
    return saved(kind, sheets[0], save_all=True, append_images=sheets[1:])


PNGS = (
    File("PNG that says 30,000 x 30,000", lambda: png(_idat(), size=(_HUGE, _HUGE)), "refused"),
    File("PNG that says 2^31-1 wide", lambda: png(_idat(), size=(2**31 - 1, 1)), "refused"),
    File("PNG that says 2^32-1 on both sides", lambda: png(_idat(), size=(2**32 - 1, 2**32 - 1)), "refused"),
    File("PNG without width", lambda: png(_idat(), size=(0, 64)), "refused"),
    File("PNG of a single pixel", lambda: png(_idat((1, 1)), size=(1, 1)), "refused"),
    File("PNG of one row of 60,000", lambda: png(_idat((60_000, 1)), size=(60_000, 1)), "refused"),
    File(
        "PNG of 10,000 x 4,000 in 40 KB",
        lambda: png(chunk(b"IDAT", rows(10_000, 4_000, 1)), size=(10_000, 4_000), color=0),
    ),
    File("PNG with rows for ten times its height", lambda: png(_idat((64, 640)))),
    File("PNG with rows of 1 GiB behind its own", lambda: png(chunk(b"IDAT", bomb(1024 * _MIB)))),
    File("PNG with a color profile of 256 MiB", lambda: png(chunk(b"iCCP", b"x\0\0" + bomb(256 * _MIB)), _idat())),
    File("PNG with a comment of 256 MiB", lambda: png(_text_bomb(), _idat())),
    File("PNG with a comment of 256 MiB at its end", lambda: png(_idat(), _text_bomb())),
    File("PNG with 100,000 comments", lambda: png(chunk(b"tEXt", b"a\0b") * 100_000, _idat())),
    File("PNG with a wrong checksum", lambda: png(chunk(b"IDAT", rows(64, 64), crc=1))),
    File("PNG with half its rows", lambda: png(_idat((64, 32)))),
    File("PNG without rows", png, "refused"),
    File("PNG of a depth there is not", lambda: png(_idat(), depth=3), "refused"),
    File("PNG of a color type there is not", lambda: png(_idat(), color=5), "refused"),
    File("PNG with a palette and none", lambda: png(_idat(channels=1), color=3)),
    File("PNG with a chunk longer than itself", lambda: png(struct.pack(">I", 2**32 - 1) + b"IDATxx"), "refused"),
    File("PNG of the signature alone", lambda: b"\x89PNG\r\n\x1a\n", "refused"),
    File("PNG with two headers", lambda: png(png()[8:33], _idat())),
    File(
        "PNG interlaced, 4,000 x 4,000", lambda: png(chunk(b"IDAT", bomb(49 * _MIB)), size=(4_000, 4_000), interlace=1)
    ),
    File(
        "PNG of 16 bit with transparency",
        lambda: png(chunk(b"IDAT", rows(2_000, 2_000, 8)), size=(2_000, 2_000), depth=16, color=6),
    ),
    File("PNG film of 300 frames", lambda: _frames("PNG", 300)),
    File("PNG film that says 2^31 frames", lambda: png(chunk(b"acTL", struct.pack(">II", 2**31, 0)), _idat())),
)


def _jpeg_says(size: tuple[int, int]) -> bytes:
    data = saved("JPEG")
    return patched(data, data.index(b"\xff\xc0") + 5, struct.pack(">HH", *size))


def _many_scans() -> bytes:
    data = saved("JPEG", slip((2_000, 2_000)), progressive=True)
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * 3_000 + b"\xff\xd9"


def _exif(entries: bytes, *, next_directory: int = 0, count: int | None = None) -> bytes:
    number = len(entries) // 12 if count is None else count
    directory = struct.pack("<H", number) + entries + struct.pack("<I", next_directory)
    return jpeg_segment(0xE1, b"Exif\0\0II*\0" + struct.pack("<I", 8) + directory)


def _tag(tag: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack("<HHII", tag, kind, count, value)


def _jpeg_replaced(marker: bytes, new: bytes) -> bytes:
    return saved("JPEG").replace(marker, new, 1)


def _mpo_with_a_broken_second_picture() -> bytes:
    buffer = BytesIO()
    slip().save(buffer, "MPO", save_all=True, append_images=[slip()])
    return buffer.getvalue()[:-900]


JPEGS = (
    File("JPEG that says 30,000 x 30,000", lambda: _jpeg_says((_HUGE, _HUGE)), "refused"),
    File("JPEG that says 65,535 x 65,535", lambda: _jpeg_says((65_535, 65_535)), "refused"),
    File("JPEG without height", lambda: _jpeg_says((0, 64)), "refused"),
    File("JPEG that is larger than its data", lambda: _jpeg_says((6_000, 6_000))),
    File("JPEG cut in half", lambda: saved("JPEG", slip((900, 900)))[:6_000], "refused"),
    File("JPEG of its start alone", lambda: b"\xff\xd8\xff", "refused"),
    File("JPEG of nothing but starts", lambda: b"\xff\xd8\xff" * 100_000, "refused"),
    File("JPEG of 3,000 scans", _many_scans, "refused"),
    File("JPEG without tables", lambda: _jpeg_replaced(b"\xff\xc4", b"\xff\xe5")),
    File("JPEG without quantization", lambda: _jpeg_replaced(b"\xff\xdb", b"\xff\xe5")),
    File("JPEG arithmetically coded", lambda: _jpeg_replaced(b"\xff\xc0", b"\xff\xc9")),
    File("JPEG of the lossless kind", lambda: _jpeg_replaced(b"\xff\xc0", b"\xff\xc3"), "refused"),
    File("JPEG of 12 bits", lambda: _jpeg_replaced(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c"), "refused"),
    File("JPEG with 100 segments of 64 KB", lambda: jpeg_with(jpeg_segment(0xE7, bytes(65_500)) * 100), "read"),
    File("JPEG with a segment longer than itself", lambda: jpeg_with(b"\xff\xe7\xff\xff")[:5_000], "refused"),
    File("JPEG with 8 MiB behind its end", lambda: saved("JPEG") + bytes(8 * _MIB), "read"),
    File("JPEG with restarts where there are none", lambda: jpeg_with(jpeg_segment(0xDD, b"\0\1"))),
    File("JPEG whose EXIF turns it in a way there is not", lambda: jpeg_with(_exif(_tag(0x0112, 3, 1, 99))), "read"),
    File(
        "JPEG whose EXIF leads back to itself",
        lambda: jpeg_with(_exif(_tag(0x8769, 4, 1, 8), next_directory=8)),
        "read",
    ),
    File("JPEG whose EXIF has 65,535 tags and none", lambda: jpeg_with(_exif(b"", count=65_535)), "read"),
    File("JPEG whose EXIF has a tag of 4 GiB", lambda: jpeg_with(_exif(_tag(0x010E, 2, 2**32 - 1, 8))), "read"),
    File(
        "JPEG whose EXIF is text", lambda: jpeg_with(jpeg_segment(0xE1, b"Exif\0\0<script>alert(1)</script>")), "read"
    ),
    File("JPEG whose EXIF tells a place", lambda: jpeg_with(_exif(_tag(0x8825, 4, 1, 8))), "read"),
    File(
        "JPEG with XMP that refers to a file",
        lambda: jpeg_with(
            jpeg_segment(
                0xE1, b"http://ns.adobe.com/xap/1.0/\0<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>"
            )
        ),
        "read",
    ),
    File("JPEG of two pictures, the second cut off", _mpo_with_a_broken_second_picture),
    File(
        "JPEG of four colors that says it has three",
        lambda: saved("JPEG", slip().convert("CMYK")).replace(b"Adobe", b"Adoxe"),
    ),
)


def _webp_says(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    extended = b"VP8X" + struct.pack("<I", 10) + b"\x10\0\0\0" + size
    image = saved("WEBP")[12:]
    return b"RIFF" + struct.pack("<I", 4 + len(extended) + len(image)) + b"WEBP" + extended + image


WEBPS = (
    File("WebP that says 16,384 x 16,384", lambda: _webp_says(16_384, 16_384), "refused"),
    File("WebP that says 2^24 x 2^24", lambda: _webp_says(2**24, 2**24), "refused"),
    File("WebP of another size inside than outside", lambda: _webp_says(2_000, 2_000)),
    File("WebP of its header alone", lambda: saved("WEBP", lossless=True)[:30], "refused"),
    File("WebP that says it is 4 GiB", lambda: patched(saved("WEBP"), 4, b"\xff\xff\xff\xff")),
    File("WebP cut in half", lambda: saved("WEBP", slip((900, 900)))[:1_500], "refused"),
    File("WebP film of 300 frames", lambda: _frames("WEBP", 300), "read"),
    File("WebP with a damaged alpha", lambda: saved("WEBP", slip().convert("RGBA")).replace(b"ALPH", b"ALPX")),
    File("RIFF that is a sound", lambda: b"RIFF\x24\0\0\0WAVEfmt " + bytes(40), "refused"),
)

OTHERS = (
    File("GIF that says 65,535 x 65,535", lambda: b"GIF89a" + b"\xff" * 4 + b"\xf0\0\0" + bytes(64), "refused"),
    File("GIF film of 300 frames", lambda: _frames("GIF", 300), "refused"),
    File(
        "BMP that says 2^31-1 x 2^31-1",
        lambda: patched(saved("BMP"), 18, struct.pack("<ii", 2**31 - 1, 2**31 - 1)),
        "refused",
        everywhere=False,
    ),
    File("BMP upside down of 2^31 rows", lambda: patched(saved("BMP"), 22, struct.pack("<i", -(2**31))), "refused"),
    File("BMP of no bits", lambda: patched(saved("BMP"), 28, b"\0\0")),
    File("BMP whose pixels begin beyond its end", lambda: patched(saved("BMP"), 10, b"\xff\xff\xff\x7f")),
    File(
        "BMP run-length coded without pixels",
        lambda: patched(patched(saved("BMP", slip().convert("P")), 30, b"\1"), 18, struct.pack("<ii", 6_000, 6_000)),
    ),
    File("BMP cut off", lambda: saved("BMP")[:400], "refused"),
    File("icon", lambda: saved("ICO"), "refused"),
    File("JPEG 2000", lambda: saved("JPEG2000"), "refused"),
    File("JPEG XL", lambda: b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(64), "refused"),
    File(
        "Photoshop", lambda: b"8BPS\0\1" + bytes(6) + b"\0\3" + struct.pack(">II", _HUGE, _HUGE) + bytes(64), "refused"
    ),
    File("PostScript that runs a program", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%id) (r) file\n", "refused"),
    File(
        "SVG that names a file",
        lambda: b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
        "refused",
    ),
    File(
        "XML that explodes",
        lambda: (
            b'<!DOCTYPE l [<!ENTITY a "lol">'
            + b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9))
            + b"]><l>&j;</l>"
        ),
        "refused",
    ),
)


def _tiff(entries: list[tuple[int, int, int, int]], *, next_directory: int = 0, behind: bytes = b"") -> bytes:
    directory = struct.pack("<H", len(entries)) + b"".join(_tag(*entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", next_directory) + behind


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


def _deep_tiff(pages: int) -> bytes:
    """Directories of nothing in a row, each 6 bytes, led to from a good one."""
    first = _gray_tiff(64, 64, next_directory=6_000)
    chain = b"".join(struct.pack("<HI", 0, 6_000 + 6 * (number + 1)) for number in range(pages))
    return first.ljust(6_000, b"\0") + chain


TIFFS = (
    File("TIFF whose page leads back to itself", lambda: _gray_tiff(64, 64, next_directory=8), everywhere=False),
    File("TIFF of 100,000 pages of nothing", lambda: _deep_tiff(100_000), everywhere=False),
    File("TIFF that says 2^31 x 2^31", lambda: _gray_tiff(2**31, 2**31), "refused", everywhere=False),
    File("TIFF that says 9,000 x 4,000 and holds 4 KB", lambda: _gray_tiff(9_000, 4_000), "refused", everywhere=False),
    File(
        "TIFF whose pixels are beyond its end",
        lambda: patched(_gray_tiff(64, 64), 10 + 5 * 12 + 8, b"\xff\xff\xff\x7f"),
        "refused",
        everywhere=False,
    ),
    File("TIFF of 65,535 colors a pixel", lambda: _gray_tiff(64, 64, samples=65_535), "refused", everywhere=False),
    File(
        "TIFF deflated, 1 GiB in 1 MB",
        lambda: _gray_tiff(64, 64, compression=8, length=2**20, data=bomb(1024 * _MIB)),
        everywhere=False,
    ),
    File("TIFF deflated, of other data", lambda: _gray_tiff(64, 64, compression=8), "refused", everywhere=False),
    File(
        "TIFF in LZW of other data", lambda: _gray_tiff(64, 64, compression=5, data=b"\xff" * 4_096), everywhere=False
    ),
    File(
        "TIFF in fax of other data", lambda: _gray_tiff(64, 64, compression=4, data=b"\x12" * 4_096), everywhere=False
    ),
    File("TIFF in JPEG of other data", lambda: _gray_tiff(64, 64, compression=7), "refused", everywhere=False),
    File(
        "TIFF in a compression there is not",
        lambda: _gray_tiff(64, 64, compression=60_000),
        "refused",
        everywhere=False,
    ),
    File("TIFF of its header alone", lambda: b"II*\0\x08\0\0\0", "refused", everywhere=False),
    File("TIFF of the large kind", lambda: b"II+\0\x08\0\0\0" + bytes(64), "refused"),
    File("TIFF of 21 pages", lambda: _frames("TIFF", 21), "refused", everywhere=False),
    File(
        "TIFF with a tag of 4 GiB",
        lambda: _tiff([(256, 4, 1, 64), (257, 4, 1, 64), (270, 2, 2**32 - 1, 8)]),
        "refused",
        everywhere=False,
    ),
)


def _heic(kind: bytes = b"heic", *boxes: bytes) -> bytes:
    return box(b"ftyp", kind + bytes(4) + b"mif1" + kind) + b"".join(boxes)


def _ispe(size: tuple[int, int]) -> bytes:
    data = saved("AVIF")
    return patched(data, data.index(b"ispe") + 8, struct.pack(">II", *size))


HEIFS = (
    File("HEIC of its first box alone", _heic, "refused", everywhere=False),
    File(
        "HEIC with a box of 4 GiB",
        lambda: _heic(b"heic", box(b"meta", bytes(64), size=2**32 - 1)),
        "refused",
        everywhere=False,
    ),
    File(
        "HEIC with a box inside itself",
        lambda: _heic(b"heic", box(b"meta", bytes(4) + box(b"meta", bytes(64), size=9_999))),
        "refused",
        everywhere=False,
    ),
    File(
        "HEIC with 65,535 items and none",
        lambda: _heic(b"heic", box(b"meta", bytes(4) + box(b"iinf", b"\0\0\0\0\xff\xff"))),
        "refused",
        everywhere=False,
    ),
    File(
        "HEIC of boxes inside boxes, 10,000 deep",
        lambda: _heic(b"heic", *[box(b"meta", bytes(4), size=90_000)] * 10_000),
        "refused",
        everywhere=False,
    ),
    File("AVIF that says 65,535 x 65,535", lambda: _ispe((65_535, 65_535)), "refused", everywhere=False),
    File("AVIF of another size inside than outside", lambda: _ispe((2_000, 2_000)), everywhere=False),
    File("AVIF cut in half", lambda: saved("AVIF", slip((900, 900)))[:900], "refused", everywhere=False),
    File("AVIF by the brand of all pictures", lambda: patched(saved("AVIF"), 8, b"mif1"), "read", everywhere=False),
    File("AVIF that says it is a HEIC", lambda: patched(saved("AVIF"), 8, b"heic"), everywhere=False),
    File("AVIF film", lambda: _frames("AVIF", 30), "read", everywhere=False),
    File("video", lambda: box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41") + box(b"mdat", bytes(999)), "refused"),
)

FILES = (*PNGS, *JPEGS, *WEBPS, *OTHERS, *TIFFS, *HEIFS)
