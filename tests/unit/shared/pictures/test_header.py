"""Format and size of a picture, read without decoding it."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from shared.pictures.header import PictureLimits, identify_format, read_header
from shared.problems import ProblemError

LIMITS = PictureLimits()
PICTURE = Image.new("RGB", (40, 30))


def encode(image: Image.Image, name: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def encode_with_exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(PICTURE, "JPEG", exif=exif, icc_profile=bytes(200_000))


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (encode(PICTURE, "JPEG"), "JPEG"),
        (encode(PICTURE, "JPEG", progressive=True, comment=b"\xff\xc0" * 9), "JPEG"),
        (encode_with_exif(6), "JPEG"),
        (encode(PICTURE, "MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))]), "JPEG"),
        (encode(PICTURE, "PNG"), "PNG"),
        (encode(PICTURE.convert("P"), "PNG", interlace=1), "PNG"),
        (encode(PICTURE, "WEBP"), "WebP"),
        (encode(PICTURE, "WEBP", lossless=True), "WebP"),
        (encode(PICTURE.convert("RGBA"), "WEBP", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0"), "WebP"),
    ],
)
def test_reads_size_as_stored(data: bytes, name: str) -> None:
    header = read_header(data, LIMITS)
    assert (header.format, header.size, header.is_picture) == (name, (40, 30), True)
    assert header.media_type == f"image/{name.lower()}"


def test_reads_size_behind_fill_bytes() -> None:
    data = encode(PICTURE, "JPEG")
    assert read_header(data[:2] + b"\xff\xff\xff" + data[2:], LIMITS).size == (40, 30)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_size_of_a_damaged_header_is_unknown(name: str) -> None:
    data = encode(PICTURE, name)
    assert [read_header(data[:length], LIMITS).size for length in range(12, 20)] == [None] * 8
    assert read_header(data[:12] + bytes(4) + data[16:20], LIMITS).size is None


def test_search_for_the_size_of_a_jpeg_ends() -> None:
    assert read_header(b"\xff\xd8" + b"\xff\xe0\0\x02" * 1_000_000, LIMITS).size is None


@pytest.mark.parametrize(("size", "code"), [((10_001, 8), "picture-too-large"), ((7, 50), "picture-too-small")])
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_rejects_sizes_outside_the_limits(name: str, size: tuple[int, int], code: str) -> None:
    with pytest.raises(ProblemError) as caught:
        read_header(encode(Image.new("L", size), name), PictureLimits(max_side=10_000))
    assert caught.value.code == code


def test_rejects_an_empty_body() -> None:
    with pytest.raises(ProblemError, match="empty-body"):
        read_header(b"", LIMITS)


def test_other_formats_have_no_size() -> None:
    for data, name in ((encode(PICTURE, "BMP"), "BMP"), (b"%PDF-1.7\n", "PDF"), (b"TOTAL 9.00", None)):
        header = read_header(data, LIMITS)
        assert (header.format, header.size, header.is_picture) == (name, None, False)


@pytest.mark.parametrize(
    ("brands", "name"),
    [
        (b"heic....mif1heic", "HEIC"),
        (b"mif1....mif1heic", "HEIC"),
        (b"msf1....hevc", "HEIC"),
        (b"avif....mif1avif", "AVIF"),
        (b"mif1....mif1miafavif", "AVIF"),
        (b"avis....msf1avif", "AVIF"),
        (b"heic....mif1avif", "HEIC"),
        (b"mif1....", "HEIC"),
        (b"isom....iso2avc1mp41", None),
        (b"avi", None),
    ],
)
def test_identifies_heic_and_avif_by_all_brands(brands: bytes, name: str | None) -> None:
    box = (8 + len(brands)).to_bytes(4, "big") + b"ftyp" + brands
    # There are no brands after the box, and the box may give a wrong length.
    assert identify_format(box + b"heicavif") == name
    assert identify_format(b"\xff\xff\xff\xff" + box[4:] + bytes(2000)) == name
