"""Hostile documents: PDFs, archives, and files with two formats at once."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterable
from io import BytesIO

import pypdfium2 as pdfium

from benchmarks.hostile.case import File, chunk, compress_zeros, draw_slip, encode, jpeg_segment, jpeg_with, png, rows

_MIB = 2**20
_PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources<<>>>>"
_CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"
_PAGES = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"


def build_pdf(*objects: bytes, trailer: bytes = b"", start: int | None = None) -> bytes:
    """Return a PDF with these objects, numbered from 1, and a correct cross-reference table."""
    out = BytesIO()
    out.write(b"%PDF-1.7\n")
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%b\nendobj\n" % (number, content))
    table = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % offset for offset in offsets))
    table_offset = table if start is None else start
    out.write(b"trailer<</Size %d/Root 1 0 R%b>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, trailer, table_offset))
    return out.getvalue()


def stream(data: bytes, extra: bytes = b"") -> bytes:
    """Return a PDF object with data."""
    return b"<</Length %d%b>>stream\n%b\nendstream" % (len(data), extra, data)


def build_page(
    content: bytes, resources: bytes = b"", *more: bytes, box: bytes = b"0 0 200 200", extra: bytes = b""
) -> bytes:
    """Return a PDF with one page; further objects are numbered from 5."""
    sheet = b"<</Type/Page/Parent 2 0 R/MediaBox[%b]/Contents 4 0 R/Resources<<%b>>%b>>" % (box, resources, extra)
    return build_pdf(_CATALOG, _PAGES, sheet, stream(content), *more)


def _forms(levels: int, width: int) -> bytes:
    """Return a PDF with nested forms that draw `width` forms each: `width ** levels` drawings."""
    forms = []
    for level in range(levels):
        inner = b"" if level + 1 == levels else b"/Resources<</XObject<</F %d 0 R>>>>" % (6 + level)
        draws = b"0 0 1 1 re f" if level + 1 == levels else b"/F Do " * width
        forms.append(stream(draws, b"/Type/XObject/Subtype/Form/BBox[0 0 200 200]" + inner))
    return build_page(b"/F Do " * width, b"/XObject<</F 5 0 R>>", *forms)


def _image(width: int, height: int, data: bytes, image_filter: bytes) -> bytes:
    head = b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray/BitsPerComponent 8" % (width, height)
    return build_page(b"200 0 0 200 0 0 cm /I Do", b"/XObject<</I 5 0 R>>", stream(data, head + image_filter))


def _pdf_with_password() -> bytes:
    encryption = b"/Encrypt<</Filter/Standard/V 1/R 2/O(%b)/U(%b)/P -4>>/ID[(a)(a)]" % (b"x" * 32, b"y" * 32)
    return build_pdf(_CATALOG, _PAGES, _PAGE, stream(b""), trailer=encryption)


def _pattern(step: float) -> bytes:
    tile = b"/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 1 1]/XStep %f/YStep %f/Resources<<>>" % (
        step,
        step,
    )
    return build_page(
        b"/Pattern cs /P scn 0 0 2000 2000 re f",
        b"/Pattern<</P 5 0 R>>",
        stream(b"0 0 1 1 re f", tile),
        box=b"0 0 2000 2000",
    )


def _flate(data: bytes) -> bytes:
    return stream(data, b"/Filter/FlateDecode")


def _empty_pages(pages: int) -> bytes:
    document = pdfium.PdfDocument.new()
    for _ in range(pages):
        document.new_page(100, 100)
    out = BytesIO()
    document.save(out)
    return out.getvalue()


_ACTIONS = (
    b"<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert(1);while(true){})>>"
    b"/AA<</WC<</S/Launch/F(/bin/sh)>>>>>>"
)
_TYPE3 = (
    b"<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[1 0 0 1 0 0]/FirstChar 97/LastChar 97/Widths[9]"
    b"/Encoding<</Differences[97/a]>>/CharProcs<</a 5 0 R>>/Resources<</Font<</T 6 0 R>>>>>>"
)


PDFS = (
    File("PDF with only its first line", lambda: b"%PDF-1.7\n", "rejected", everywhere=False),
    File("PDF cut in half", lambda: encode("PDF", draw_slip((900, 900)))[:4_000], everywhere=False),
    File("PDF with a password", _pdf_with_password, "rejected", everywhere=False),
    File("PDF with 21 pages", lambda: _empty_pages(21), "rejected", everywhere=False),
    File("PDF with 10,000 pages", lambda: _empty_pages(10_000), "rejected", everywhere=False),
    File(
        "PDF declaring 2^31-1 pages",
        lambda: build_pdf(_CATALOG, b"<</Type/Pages/Kids[3 0 R]/Count 2147483647>>", _PAGE, stream(b"")),
        everywhere=False,
    ),
    File(
        "PDF declaring -5 pages",
        lambda: build_pdf(_CATALOG, b"<</Type/Pages/Kids[3 0 R]/Count -5>>", _PAGE, stream(b"")),
        everywhere=False,
    ),
    File(
        "PDF without pages",
        lambda: build_pdf(_CATALOG, b"<</Type/Pages/Kids[]/Count 0>>"),
        "rejected",
        everywhere=False,
    ),
    File(
        "PDF with a cycle of pages",
        lambda: build_pdf(_CATALOG, b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>"),
        everywhere=False,
    ),
    File(
        "PDF with a page of 10^9 x 10^9 points",
        lambda: build_page(b"", box=b"0 0 1000000000 1000000000"),
        everywhere=False,
    ),
    File("PDF with a page of zero width", lambda: build_page(b"", box=b"0 0 0 100"), everywhere=False),
    File("PDF with a page of negative width", lambda: build_page(b"", box=b"0 0 -500 -500"), everywhere=False),
    File("PDF with a page of 1 x 14,400 points", lambda: build_page(b"", box=b"0 0 1 14400"), everywhere=False),
    File("PDF with a page size that is not a number", lambda: build_page(b"", box=b"0 0 nan inf"), everywhere=False),
    File("PDF with a user unit of 75,000", lambda: build_page(b"", extra=b"/UserUnit 75000"), everywhere=False),
    File(
        "PDF with content of 1 GiB in 1 MB",
        lambda: build_pdf(_CATALOG, _PAGES, _PAGE, _flate(compress_zeros(1024 * _MIB))),
        everywhere=False,
    ),
    File(
        "PDF with content compressed 10 times",
        lambda: build_pdf(
            _CATALOG, _PAGES, _PAGE, stream(zlib.compress(b"q Q"), b"/Filter[" + b"/FlateDecode" * 10 + b"]")
        ),
        everywhere=False,
    ),
    File("PDF with nested forms, 10^9 drawings", lambda: _forms(9, 10), everywhere=False),
    File(
        "PDF with a form that draws itself",
        lambda: build_page(
            b"/F Do",
            b"/XObject<</F 5 0 R>>",
            stream(b"/F Do", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F 5 0 R>>>>"),
        ),
        everywhere=False,
    ),
    File(
        "PDF with a picture of 30,000 x 30,000",
        lambda: _image(30_000, 30_000, compress_zeros(858 * _MIB), b"/Filter/FlateDecode"),
        everywhere=False,
    ),
    File("PDF with a picture of 2^31 x 2^31", lambda: _image(2**31 - 1, 2**31 - 1, b"x", b""), everywhere=False),
    File("PDF with a damaged JBIG2", lambda: _image(900, 900, bytes(900), b"/Filter/JBIG2Decode"), everywhere=False),
    File(
        "PDF with a damaged JPEG 2000",
        lambda: _image(900, 900, encode("JPEG2000")[:200], b"/Filter/JPXDecode"),
        everywhere=False,
    ),
    File("PDF with a pattern of 10^12 tiles", lambda: _pattern(0.002), everywhere=False),
    File(
        "PDF with a million strokes",
        lambda: build_pdf(_CATALOG, _PAGES, _PAGE, _flate(zlib.compress(b"0 0 m 200 200 l 9 w S " * 1_000_000))),
        everywhere=False,
    ),
    File("PDF with 100,000 saved states", lambda: build_page(b"q " * 100_000), everywhere=False),
    File(
        "PDF with nested arrays, 100,000 levels",
        lambda: build_pdf(b"[" * 100_000 + b"]" * 100_000, _PAGES),
        everywhere=False,
    ),
    File(
        "PDF with a glyph that draws itself",
        lambda: build_page(
            b"BT /T 9 Tf (a) Tj ET", b"/Font<</T 6 0 R>>", stream(b"9 0 d0 BT /T 9 Tf (a) Tj ET"), _TYPE3
        ),
        everywhere=False,
    ),
    File(
        "PDF with a cycle in its cross-reference table",
        lambda: build_pdf(_CATALOG, _PAGES, _PAGE, stream(b""), trailer=b"/Prev 9"),
        everywhere=False,
    ),
    File(
        "PDF with a cross-reference table beyond its end",
        lambda: build_pdf(_CATALOG, _PAGES, _PAGE, stream(b""), start=10**9),
        everywhere=False,
    ),
    File(
        "PDF with a stream whose length is the stream itself",
        lambda: build_pdf(_CATALOG, _PAGES, _PAGE, b"<</Length 4 0 R>>stream\nx\nendstream"),
        everywhere=False,
    ),
    File(
        "PDF with scripts and launch actions",
        lambda: build_pdf(_ACTIONS, _PAGES, _PAGE, stream(b"")),
        "read",
        everywhere=False,
    ),
    File(
        "PDF with a link to a URL",
        lambda: build_page(
            b"", extra=b"/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/URI/URI(http://127.0.0.1:1/)>>>>]"
        ),
        "read",
        everywhere=False,
    ),
    File(
        "PDF with 999 bytes before its first line",
        lambda: b"\0" * 999 + build_pdf(_CATALOG, _PAGES, _PAGE, stream(b"")),
        "read",
        everywhere=False,
    ),
)


def build_zip(entries: Iterable[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip with these entries."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", method, compresslevel=9 if method == zipfile.ZIP_DEFLATED else None) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def _nested_zips(levels: int) -> bytes:
    data = build_zip([("0.png", bytes(16 * _MIB))])
    for level in range(levels):
        data = build_zip([(f"{level}-{copy}.zip", data) for copy in range(8)])
    return data


def _zip_with_link() -> bytes:
    entry = zipfile.ZipInfo("link.jpg")
    entry.external_attr = 0o120777 << 16
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    return out.getvalue()


def _zip_with_value(field: int, value: int) -> bytes:
    """Return a zip whose directory has a wrong value at an offset of its entry."""
    data = bytearray(build_zip([("a.jpg", encode("JPEG"))], zipfile.ZIP_STORED))
    at = data.index(b"PK\1\2") + field
    data[at : at + 4] = struct.pack("<I", value)
    return bytes(data)


def _zip_with_password() -> bytes:
    data = bytearray(build_zip([("a.jpg", encode("JPEG"))], zipfile.ZIP_STORED))
    for magic, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(magic) + flags] |= 1
    return bytes(data)


ZIPS = (
    File("zip with 1 GiB of zeros in 1 MB", lambda: build_zip([("a.png", bytes(1024 * _MIB))]), "rejected"),
    File("nested zips", lambda: _nested_zips(4), "rejected"),
    File("zip with 70,000 files", lambda: build_zip((f"{number}.jpg", b"x") for number in range(70_000)), "rejected"),
    File(
        "zip with paths out of its folder",
        lambda: build_zip([("../../../../etc/cron.d/x.jpg", encode("JPEG"))]),
        "rejected",
    ),
    File(
        "zip with absolute paths",
        lambda: build_zip([("/etc/passwd.jpg", encode("JPEG")), ("C:\\x.jpg", encode("JPEG"))]),
        "rejected",
    ),
    File("zip with a symbolic link", _zip_with_link, "rejected"),
    File("zip with a password", _zip_with_password, "rejected"),
    File("zip with an entry declaring 4 GiB", lambda: _zip_with_value(24, 2**32 - 2), "rejected"),
    File("zip with an entry beyond its end", lambda: _zip_with_value(42, 2**31), "rejected"),
    File("zip with a wrong checksum", lambda: _zip_with_value(16, 1), "rejected"),
    File(
        "zip with the same name twice",
        lambda: build_zip([("a.jpg", encode("JPEG")), ("a.jpg", encode("PNG"))]),
        "rejected",
    ),
    File("zip without entries", lambda: build_zip([]), "rejected"),
    File("zip, truncated", lambda: build_zip([("a.jpg", encode("JPEG"))])[:-30], "rejected"),
    File(
        "zip with names without letters",
        lambda: build_zip([("\x01\x1f\u202e\U0001f4a9" * 60 + ".jpg", encode("JPEG"))]),
        "rejected",
    ),
)

POLYGLOTS = (
    File("JPEG that is also a zip", lambda: encode("JPEG") + build_zip([("a.txt", b"x")]), "read"),
    File(
        "JPEG that is also a web page with a script",
        lambda: jpeg_with(jpeg_segment(0xFE, b"<script>alert(1)</script>")),
        "read",
    ),
    File("JPEG that is also a program", lambda: jpeg_with(jpeg_segment(0xFE, b"<?php system($_GET[0]); ?>")), "read"),
    File(
        "JPEG that is also a PDF",
        lambda: jpeg_with(jpeg_segment(0xFE, build_pdf(_CATALOG, _PAGES, _PAGE, stream(b"")))),
        "read",
    ),
    File(
        "PNG that is also a PDF",
        lambda: png(chunk(b"IDAT", rows(64, 64))) + build_pdf(_CATALOG, _PAGES, _PAGE, stream(b"")),
        "read",
    ),
    File(
        "PDF that is also a zip",
        lambda: build_pdf(_CATALOG, _PAGES, _PAGE, stream(b"")) + build_zip([("a.txt", b"x")]),
        everywhere=False,
    ),
    File("GIF that is also a script", lambda: b"GIF89a=1;alert(1);/*" + bytes(99), "rejected"),
    File("PNG after the first bytes of a JPEG", lambda: b"\xff\xd8\xff" + encode("PNG"), "rejected"),
    File("JPEG after the first bytes of a PNG", lambda: b"\x89PNG\r\n\x1a\n" + encode("JPEG"), "rejected"),
    File("text", lambda: b"TOTAL 9.00\n" * 99, "rejected"),
    File("one byte", lambda: b"x", "rejected"),
    File("9 MiB of zeros", lambda: bytes(9 * _MIB), "rejected"),
    File("a Python pickle", lambda: b"\x80\x04cos\nsystem\n(S'true'\ntR.", "rejected"),
)

FILES = (*PDFS, *ZIPS, *POLYGLOTS)
