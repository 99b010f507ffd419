"""Hostile documents: PDFs, archives, and files that are two things at once."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterable
from io import BytesIO

import pypdfium2 as pdfium

from benchmarks.hostile.case import File, bomb, chunk, jpeg_segment, jpeg_with, png, rows, saved, slip

_MIB = 2**20
_PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources<<>>>>"
_CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"
_PAGES = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"


def pdf(*objects: bytes, trailer: bytes = b"", start: int | None = None) -> bytes:
    """A PDF of these objects, numbered from 1, with a right table of them."""
    out = BytesIO()
    out.write(b"%PDF-1.7\n")
    places = []
    for number, content in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%b\nendobj\n" % (number, content))
    table = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    at = table if start is None else start
    out.write(b"trailer<</Size %d/Root 1 0 R%b>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, trailer, at))
    return out.getvalue()


def stream(data: bytes, extra: bytes = b"") -> bytes:
    """An object with data."""
    return b"<</Length %d%b>>stream\n%b\nendstream" % (len(data), extra, data)


def page(
    content: bytes, resources: bytes = b"", *more: bytes, box: bytes = b"0 0 200 200", extra: bytes = b""
) -> bytes:
    """A PDF of one page with that content; further objects are numbered from 5."""
    sheet = b"<</Type/Page/Parent 2 0 R/MediaBox[%b]/Contents 4 0 R/Resources<<%b>>%b>>" % (box, resources, extra)
    return pdf(_CATALOG, _PAGES, sheet, stream(content), *more)


def _forms(levels: int, width: int) -> bytes:
    """Forms that draw `width` forms each, `levels` deep: `width ** levels` drawings."""
    forms = []
    for level in range(levels):
        inner = b"" if level + 1 == levels else b"/Resources<</XObject<</F %d 0 R>>>>" % (6 + level)
        draws = b"0 0 1 1 re f" if level + 1 == levels else b"/F Do " * width
        forms.append(stream(draws, b"/Type/XObject/Subtype/Form/BBox[0 0 200 200]" + inner))
    return page(b"/F Do " * width, b"/XObject<</F 5 0 R>>", *forms)


def _image(width: int, height: int, data: bytes, how: bytes) -> bytes:
    head = b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray/BitsPerComponent 8" % (width, height)
    return page(b"200 0 0 200 0 0 cm /I Do", b"/XObject<</I 5 0 R>>", stream(data, head + how))


def _locked() -> bytes:
    encryption = b"/Encrypt<</Filter/Standard/V 1/R 2/O(%b)/U(%b)/P -4>>/ID[(a)(a)]" % (b"x" * 32, b"y" * 32)
    return pdf(_CATALOG, _PAGES, _PAGE, stream(b""), trailer=encryption)


def _pattern(step: float) -> bytes:
    tile = b"/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 1 1]/XStep %f/YStep %f/Resources<<>>" % (
        step,
        step,
    )
    return page(
        b"/Pattern cs /P scn 0 0 2000 2000 re f",
        b"/Pattern<</P 5 0 R>>",
        stream(b"0 0 1 1 re f", tile),
        box=b"0 0 2000 2000",
    )


def _flate(data: bytes) -> bytes:
    return stream(data, b"/Filter/FlateDecode")


def _real_pdf(pages: int) -> bytes:
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
    File("PDF of its first line alone", lambda: b"%PDF-1.7\n", "refused", everywhere=False),
    File("PDF cut in half", lambda: saved("PDF", slip((900, 900)))[:4_000], everywhere=False),
    File("PDF that asks for a password", _locked, "refused", everywhere=False),
    File("PDF of 21 pages", lambda: _real_pdf(21), "refused", everywhere=False),
    File("PDF of 10,000 pages", lambda: _real_pdf(10_000), "refused", everywhere=False),
    File(
        "PDF that says 2^31-1 pages",
        lambda: pdf(_CATALOG, b"<</Type/Pages/Kids[3 0 R]/Count 2147483647>>", _PAGE, stream(b"")),
        everywhere=False,
    ),
    File(
        "PDF of less than no pages",
        lambda: pdf(_CATALOG, b"<</Type/Pages/Kids[3 0 R]/Count -5>>", _PAGE, stream(b"")),
        everywhere=False,
    ),
    File("PDF without pages", lambda: pdf(_CATALOG, b"<</Type/Pages/Kids[]/Count 0>>"), "refused", everywhere=False),
    File(
        "PDF whose pages hold themselves",
        lambda: pdf(_CATALOG, b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>"),
        everywhere=False,
    ),
    File("PDF of a page 10^9 points wide", lambda: page(b"", box=b"0 0 1000000000 1000000000"), everywhere=False),
    File("PDF of a page without width", lambda: page(b"", box=b"0 0 0 100"), everywhere=False),
    File("PDF of a page of less than no width", lambda: page(b"", box=b"0 0 -500 -500"), everywhere=False),
    File("PDF of a page a point wide and 14,400 long", lambda: page(b"", box=b"0 0 1 14400"), everywhere=False),
    File("PDF of a page of no number", lambda: page(b"", box=b"0 0 nan inf"), everywhere=False),
    File("PDF of a page in units of 75,000", lambda: page(b"", extra=b"/UserUnit 75000"), everywhere=False),
    File(
        "PDF whose content is 1 GiB in 1 MB",
        lambda: pdf(_CATALOG, _PAGES, _PAGE, _flate(bomb(1024 * _MIB))),
        everywhere=False,
    ),
    File(
        "PDF whose content is packed 10 times",
        lambda: pdf(_CATALOG, _PAGES, _PAGE, stream(zlib.compress(b"q Q"), b"/Filter[" + b"/FlateDecode" * 10 + b"]")),
        everywhere=False,
    ),
    File("PDF of forms in forms, 10^9 drawings", lambda: _forms(9, 10), everywhere=False),
    File(
        "PDF of a form that draws itself",
        lambda: page(
            b"/F Do",
            b"/XObject<</F 5 0 R>>",
            stream(b"/F Do", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F 5 0 R>>>>"),
        ),
        everywhere=False,
    ),
    File(
        "PDF with a picture of 30,000 x 30,000",
        lambda: _image(30_000, 30_000, bomb(858 * _MIB), b"/Filter/FlateDecode"),
        everywhere=False,
    ),
    File("PDF with a picture of 2^31 x 2^31", lambda: _image(2**31 - 1, 2**31 - 1, b"x", b""), everywhere=False),
    File("PDF with a damaged JBIG2", lambda: _image(900, 900, bytes(900), b"/Filter/JBIG2Decode"), everywhere=False),
    File(
        "PDF with a damaged JPEG 2000",
        lambda: _image(900, 900, saved("JPEG2000")[:200], b"/Filter/JPXDecode"),
        everywhere=False,
    ),
    File("PDF with a pattern of 10^12 tiles", lambda: _pattern(0.002), everywhere=False),
    File(
        "PDF with a million strokes",
        lambda: pdf(_CATALOG, _PAGES, _PAGE, _flate(zlib.compress(b"0 0 m 200 200 l 9 w S " * 1_000_000))),
        everywhere=False,
    ),
    File("PDF with 100,000 states kept", lambda: page(b"q " * 100_000), everywhere=False),
    File(
        "PDF with arrays in arrays, 100,000 deep",
        lambda: pdf(b"[" * 100_000 + b"]" * 100_000, _PAGES),
        everywhere=False,
    ),
    File(
        "PDF with a letter that writes itself",
        lambda: page(b"BT /T 9 Tf (a) Tj ET", b"/Font<</T 6 0 R>>", stream(b"9 0 d0 BT /T 9 Tf (a) Tj ET"), _TYPE3),
        everywhere=False,
    ),
    File(
        "PDF whose table leads back to itself",
        lambda: pdf(_CATALOG, _PAGES, _PAGE, stream(b""), trailer=b"/Prev 9"),
        everywhere=False,
    ),
    File(
        "PDF whose table is beyond its end",
        lambda: pdf(_CATALOG, _PAGES, _PAGE, stream(b""), start=10**9),
        everywhere=False,
    ),
    File(
        "PDF whose length is its own object",
        lambda: pdf(_CATALOG, _PAGES, _PAGE, b"<</Length 4 0 R>>stream\nx\nendstream"),
        everywhere=False,
    ),
    File(
        "PDF that runs scripts and programs",
        lambda: pdf(_ACTIONS, _PAGES, _PAGE, stream(b"")),
        "read",
        everywhere=False,
    ),
    File(
        "PDF that fetches an address",
        lambda: page(
            b"", extra=b"/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/URI/URI(http://127.0.0.1:1/)>>>>]"
        ),
        "read",
        everywhere=False,
    ),
    File("PDF whose first line comes late", lambda: b"\0" * 999 + pdf(_CATALOG, _PAGES, _PAGE, stream(b"")), "refused"),
)


def zipped(entries: Iterable[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these entries."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", method, compresslevel=9 if method == zipfile.ZIP_DEFLATED else None) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def _nested(levels: int) -> bytes:
    data = zipped([("0.png", bytes(16 * _MIB))])
    for level in range(levels):
        data = zipped([(f"{level}-{copy}.zip", data) for copy in range(8)])
    return data


def _link() -> bytes:
    entry = zipfile.ZipInfo("link.jpg")
    entry.external_attr = 0o120777 << 16
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    return out.getvalue()


def _lying(field: int, value: int) -> bytes:
    """A zip whose directory tells something wrong of its entry, at that place."""
    data = bytearray(zipped([("a.jpg", saved("JPEG"))], zipfile.ZIP_STORED))
    at = data.index(b"PK\1\2") + field
    data[at : at + 4] = struct.pack("<I", value)
    return bytes(data)


def _encrypted() -> bytes:
    data = bytearray(zipped([("a.jpg", saved("JPEG"))], zipfile.ZIP_STORED))
    for magic, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(magic) + flags] |= 1
    return bytes(data)


ZIPS = (
    File("zip of 1 GiB of zeros in 1 MB", lambda: zipped([("a.png", bytes(1024 * _MIB))]), "refused"),
    File("zip of zips of zips", lambda: _nested(4), "refused"),
    File("zip of 70,000 files", lambda: zipped((f"{number}.jpg", b"x") for number in range(70_000)), "refused"),
    File(
        "zip that climbs out of its folder",
        lambda: zipped([("../../../../etc/cron.d/x.jpg", saved("JPEG"))]),
        "refused",
    ),
    File(
        "zip with a whole path",
        lambda: zipped([("/etc/passwd.jpg", saved("JPEG")), ("C:\\x.jpg", saved("JPEG"))]),
        "refused",
    ),
    File("zip with a link", _link, "refused"),
    File("zip with a password", _encrypted, "refused"),
    File("zip whose entry says 4 GiB", lambda: _lying(24, 2**32 - 2), "refused"),
    File("zip whose entry is beyond its end", lambda: _lying(42, 2**31), "refused"),
    File("zip with a wrong checksum", lambda: _lying(16, 1), "refused"),
    File("zip of the same name twice", lambda: zipped([("a.jpg", saved("JPEG")), ("a.jpg", saved("PNG"))]), "refused"),
    File("zip of nothing", lambda: zipped([]), "refused"),
    File("zip cut off", lambda: zipped([("a.jpg", saved("JPEG"))])[:-30], "refused"),
    File(
        "zip with names of no letters",
        lambda: zipped([("\x01\x1f\u202e\U0001f4a9" * 60 + ".jpg", saved("JPEG"))]),
        "refused",
    ),
)

POLYGLOTS = (
    File("JPEG that is a zip too", lambda: saved("JPEG") + zipped([("a.txt", b"x")]), "read"),
    File(
        "JPEG that is a page of script too", lambda: jpeg_with(jpeg_segment(0xFE, b"<script>alert(1)</script>")), "read"
    ),
    File("JPEG that is a program too", lambda: jpeg_with(jpeg_segment(0xFE, b"<?php system($_GET[0]); ?>")), "read"),
    File(
        "JPEG that is a PDF too",
        lambda: jpeg_with(jpeg_segment(0xFE, pdf(_CATALOG, _PAGES, _PAGE, stream(b"")))),
        "read",
    ),
    File(
        "PNG that is a PDF too",
        lambda: png(chunk(b"IDAT", rows(64, 64))) + pdf(_CATALOG, _PAGES, _PAGE, stream(b"")),
        "read",
    ),
    File(
        "PDF that is a zip too",
        lambda: pdf(_CATALOG, _PAGES, _PAGE, stream(b"")) + zipped([("a.txt", b"x")]),
        everywhere=False,
    ),
    File("GIF that is a script too", lambda: b"GIF89a=1;alert(1);/*" + bytes(99), "refused"),
    File("JPEG by its first bytes, PNG behind", lambda: b"\xff\xd8\xff" + saved("PNG"), "refused"),
    File("PNG by its first bytes, JPEG behind", lambda: b"\x89PNG\r\n\x1a\n" + saved("JPEG"), "refused"),
    File("text", lambda: b"TOTAL 9.00\n" * 99, "refused"),
    File("one byte", lambda: b"x", "refused"),
    File("9 MiB of zeros", lambda: bytes(9 * _MIB), "refused"),
    File("a picture of Python", lambda: b"\x80\x04cos\nsystem\n(S'true'\ntR.", "refused"),
)

FILES = (*PDFS, *ZIPS, *POLYGLOTS)
