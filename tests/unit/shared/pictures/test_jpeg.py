"""What the markers of a JPEG say about its size and the cost of decoding it."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from shared.pictures.jpeg import read_structure

COLORS = {"L": 1, "RGB": 3, "CMYK": 4}


def encode(mode: str = "RGB", size: tuple[int, int] = (40, 30), **options: object) -> bytes:
    buffer = BytesIO()
    Image.new(mode, size).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def add_scans(data: bytes, components: int, count: int, between: bytes = b"") -> bytes:
    """Add empty scans of the first components, which any decoder visits."""
    ids = b"".join(bytes([number + 1, 0]) for number in range(components))
    scan = b"\xff\xda" + (6 + len(ids)).to_bytes(2, "big") + bytes([components]) + ids + b"\0\0\x10"
    return data[:-2] + (between + scan) * count + data[-2:]


@pytest.mark.parametrize("mode", COLORS)
def test_reads_a_baseline_picture(mode: str) -> None:
    structure = read_structure(encode(mode))
    assert (structure.size, structure.scans, structure.visits) == ((40, 30), 1, 40 * 30 * COLORS[mode])
    assert structure.find_excess() is None


@pytest.mark.parametrize("mode", COLORS)
def test_progressive_pictures_of_any_size_are_allowed(mode: str) -> None:
    data = encode(mode, (2000, 2000), progressive=True)
    structure = read_structure(data)
    assert structure.scans > 3
    assert structure.find_excess() is None


@pytest.mark.parametrize("components", [1, 2, 3, 4])
@pytest.mark.parametrize("between", [b"", b"\xff", b"garbage", b"\xff\xd0", b"\xff\0"], ids=repr)
def test_every_scan_is_counted_whatever_stands_between(components: int, between: bytes) -> None:
    data = add_scans(encode("CMYK", progressive=True), components, 100, between)
    before = read_structure(encode("CMYK", progressive=True))
    structure = read_structure(data)
    assert structure.scans == before.scans + 100
    assert structure.visits == before.visits + 100 * components * 40 * 30
    assert "scans" in str(structure.find_excess())


def test_few_scans_of_a_large_picture_are_too_many() -> None:
    large = add_scans(encode("CMYK", (5000, 5000), progressive=True), 4, 40)
    assert "visit more than" in str(read_structure(large).find_excess())


def test_markers_in_segments_and_after_the_end_do_not_count() -> None:
    scan = b"\xff\xda\0\x0c\x03\x01\0\x02\0\x03\0\0\x3f\0"
    data = encode(comment=scan * 200) + scan * 200
    assert read_structure(data).scans == 1


def test_the_walk_over_tiny_segments_ends() -> None:
    structure = read_structure(b"\xff\xd8" + b"\xff\xe0\0\x02" * 1_000_000)
    assert structure.segments < 10_000
    assert "segments" in str(structure.find_excess())


def test_fill_bytes_are_skipped_in_one_pass() -> None:
    assert read_structure(b"\xff\xd8" + b"\xff" * 5_000_000).segments == 0
