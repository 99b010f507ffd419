"""Read the format of a file, and the size of a JPEG, PNG or WebP, from its first bytes.

Nothing is decoded, so this takes microseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.pictures.jpeg import read_size as read_jpeg_size
from shared.problems import ProblemError

FORMATS = ("JPEG", "PNG", "WebP")
_ACCEPTED = "Send a JPEG, PNG or WebP."

# Offset, first bytes, and name of formats that are not decoded here.
_OTHER_FORMATS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"GIF8", "GIF"),
    (0, b"BM", "BMP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
    (0, b"%PDF", "PDF"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\0\x0cJXL ", "JPEG XL"),
    (0, b"PK\x03\x04", "zip archive"),
)
# Readers of PDF accept other bytes before the header, such as those of a mail or a byte order mark.
_PDF_HEADER, _MAX_PDF_OFFSET = b"%PDF-", 1024
# Namespaces of invoices in XML, of which the root element has one: UN/CEFACT Cross Industry Invoice, and UBL.
_INVOICE_NAMESPACES = (
    b"urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:",
    b"urn:oasis:names:specification:ubl:schema:xsd:Invoice-2",
    b"urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2",
)
_UTF8_MARK, _MAX_XML_OFFSET = b"\xef\xbb\xbf", 4096
# ISO 23008-12 and the AVIF specification: brands say how the pictures in a file are coded. If the first brand is a
# general one (mif1, msf1), the following ones say it.
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_GENERAL_BRANDS = frozenset({b"mif1", b"msf1"})
_MAX_BRAND_BYTES = 1024


@dataclass(frozen=True)
class PictureLimits:
    """Accepted sizes of pictures, in pixels."""

    # The largest common pictures of phones have 64 megapixels: 9,248 x 6,936.
    max_pixels: int = 70_000_000
    max_side: int = 25_000
    min_side: int = 8


@dataclass(frozen=True)
class PictureHeader:
    """Format and size of a file.

    Attributes:
        format: JPEG, PNG, WebP or the name of another known format; None if it is unknown.
        size: Width and height in pixels as stored, before the EXIF orientation is applied; None if the format is not
            JPEG, PNG or WebP, or if the header is damaged.
    """

    format: str | None
    size: tuple[int, int] | None

    @property
    def is_picture(self) -> bool:
        """Whether the file is a JPEG, PNG or WebP."""
        return self.format in FORMATS

    @property
    def media_type(self) -> str:
        """Media type of a JPEG, PNG or WebP."""
        return f"image/{self.format}".lower()


def read_header(data: bytes, limits: PictureLimits) -> PictureHeader:
    """Read the format of a file, and the size of a JPEG, PNG or WebP.

    Raises:
        ProblemError: 422 `empty-body`, 413 `picture-too-large` or 422 `picture-too-small`.
    """
    if not data:
        raise ProblemError(422, "empty-body", "There is no picture", f"The body is empty. {_ACCEPTED}")
    name = identify_format(data)
    read_size = {"JPEG": read_jpeg_size, "PNG": _png_size, "WebP": _webp_size}.get(name or "")
    size = None if read_size is None else read_size(data)
    if size is not None:
        check_size(size, limits)
    return PictureHeader(name, size)


def identify_format(data: bytes) -> str | None:
    """Detect the format from the first bytes: JPEG, PNG, WebP or another common one; None if it is unknown."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    if data.startswith(b"ftyp", 4):
        return _identify_brand(data)
    found = next((name for start, magic, name in _OTHER_FORMATS if data.startswith(magic, start)), None)
    if found is None and _PDF_HEADER in data[: _MAX_PDF_OFFSET + len(_PDF_HEADER)]:
        return "PDF"
    return "XML invoice" if found is None and _is_invoice(data[:_MAX_XML_OFFSET]) else found


def check_size(size: tuple[int, int], limits: PictureLimits) -> None:
    """Raise `ProblemError` if a width and height in pixels are too large (413) or too small (422)."""
    width, height = size
    found = f"The picture has {width:,} x {height:,} pixels"
    extra = {"width": width, "height": height}
    if max(size) > limits.max_side or width * height > limits.max_pixels:
        raise ProblemError(
            413,
            "picture-too-large",
            "The picture is too large",
            f"{found}; at most {limits.max_side:,} per side and {limits.max_pixels:,} in total are allowed.",
            extra=extra | {"max_side": limits.max_side, "max_pixels": limits.max_pixels},
        )
    if min(size) < limits.min_side:
        raise ProblemError(
            422,
            "picture-too-small",
            "The picture is too small",
            f"{found}; at least {limits.min_side:,} per side are needed.",
            extra=extra | {"min_side": limits.min_side},
        )


def unsupported_format_problem(name: str | None, accepted: Sequence[str]) -> ProblemError:
    """Describe a file in an unsupported format: 415 `unsupported-format`, with the accepted formats."""
    found = "not a known picture format" if name is None else f"{'an' if name[0] in 'AEIO' else 'a'} {name}"
    return ProblemError(
        415,
        "unsupported-format",
        "The format is not supported",
        f"By its first bytes, this is {found}. Send a {', '.join(accepted[:-1])} or {accepted[-1]}.",
        extra={"accepted": list(accepted)},
    )


def slow_picture_problem(name: str, reason: str) -> ProblemError:
    """Describe a file that would take too long to decode: 422 `picture-too-slow`, with its format and the reason."""
    return ProblemError(
        422,
        "picture-too-slow",
        "The picture takes too long to decode",
        f"The {name} was not decoded: {reason}. Save the picture again as an ordinary JPEG or PNG.",
    )


def damaged_picture_problem(name: str, reason: str) -> ProblemError:
    """Describe a file that cannot be decoded: 422 `picture-damaged`, with its format and the reason."""
    return ProblemError(
        422,
        "picture-damaged",
        "The picture is damaged",
        f"The {name} cannot be decoded: {reason}. Send the whole, undamaged file.",
    )


def _is_invoice(start: bytes) -> bool:
    """Return whether a file begins as an invoice in XML, in an encoding that contains ASCII."""
    is_xml = start.removeprefix(_UTF8_MARK).lstrip().startswith(b"<")
    return is_xml and any(namespace in start for namespace in _INVOICE_NAMESPACES)


def _identify_brand(data: bytes) -> str | None:
    """Return HEIC or AVIF by the brands in the first box of a file (ISO 14496-12, 4.3); None if it has neither."""
    end = min(int.from_bytes(data[:4], "big"), _MAX_BRAND_BYTES)
    first, brands = data[8:12], {data[at : at + 4] for at in (8, *range(16, end, 4))}
    if first not in _HEIC_BRANDS and brands & _AVIF_BRANDS:
        return "AVIF"
    return "HEIC" if brands & (_HEIC_BRANDS | _GENERAL_BRANDS) else None


def _png_size(data: bytes) -> tuple[int, int] | None:
    """Read width and height from the IHDR chunk of a PNG (ISO 15948, 11.2.2), which comes first."""
    if data[12:16] != b"IHDR" or len(data) < 24:
        return None
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Read width and height from a WebP header (RFC 9649, sections 2.5 to 2.7)."""
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
