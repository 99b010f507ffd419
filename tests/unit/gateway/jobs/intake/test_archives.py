"""Zips from untrusted senders."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import pytest

from gateway.jobs.intake.archives import Entry, clean_name, is_archive, read_entries
from gateway.settings import JobLimits
from shared.problems import ProblemError
from tests.support.archives import make_zip

LIMITS = JobLimits(max_files=10, max_bytes=10_000, max_file_bytes=1_000)


def unpack(archive: bytes | bytearray, limits: JobLimits = LIMITS) -> list[Entry]:
    return list(read_entries(io.BytesIO(archive), limits))


def get_problem(archive: bytes | bytearray) -> tuple[int, str]:
    with pytest.raises(ProblemError) as raised:
        unpack(archive)
    return raised.value.status, raised.value.code


def get_code(entry: Entry) -> str:
    assert isinstance(entry.content, ProblemError)
    return entry.content.code


def test_unpacks_files_in_order_without_folders_and_clutter() -> None:
    archive = make_zip(
        ("b.jpg", b"1"), ("folder/", b""), ("folder/a.jpg", b"2"), ("__MACOSX/._b.jpg", b"3"), ("x/.DS_Store", b"4")
    )
    assert is_archive(bytes(archive[:4]))
    assert unpack(archive) == [Entry("b.jpg", b"1"), Entry("folder/a.jpg", b"2")]


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("C:\\Windows\\system.ini", "Windows/system.ini"),
        ("..\\..\\a.jpg", "a.jpg"),
        ("a\x00b\x1b[31m\n.jpg", "ab[31m.jpg"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("\udcff.jpg", ".jpg"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("Quittung für Tänzer – 晚餐.jpg", "Quittung für Tänzer – 晚餐.jpg"),
        ("x" * 1000 + ".jpg", "x" * 251 + ".jpg"),
    ],
)
def test_cleans_names(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned


def test_cleans_names_of_entries() -> None:
    assert [entry.name for entry in unpack(make_zip(("../../../root/.ssh/keys", b"1")))] == ["root/.ssh/keys"]


def test_skips_entry_that_is_too_large() -> None:
    large, small = unpack(make_zip(("bomb.jpg", bytes(50_000_000)), ("small.jpg", b"1")))
    assert get_code(large) == "upload-too-large"
    assert isinstance(large.content, ProblemError)
    assert large.content.extra["max_bytes"] == 1_000
    assert small.content == b"1"


def test_rejects_entry_larger_than_stated() -> None:
    archive = bytearray(make_zip(("bomb.jpg", bytes(100_000)), ("small.jpg", b"1")))
    for magic, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", archive, archive.index(magic) + offset, 500)
    bomb, small = unpack(archive)
    assert get_code(bomb) == "entry-damaged"
    assert small.content == b"1"


def test_overlapping_entries_stay_within_the_limits() -> None:
    """Many entries share one compressed file, as in the zip bombs of David Fifield."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    content = bytes(900)
    packed = packer.compress(content) + packer.flush()
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 0, zlib.crc32(content), len(packed), 900, 1, 0)
    body = local + b"a" + packed
    directory = b"".join(
        struct.pack(
            "<4s6H3I5H2I",
            *(b"PK\x01\x02", 20, 20, 0, 8, 0, 0, zlib.crc32(content), len(packed), 900, 1, 0, 0, 0, 0, 0, 0),
        )
        + b"a"
        for _ in range(9)
    )
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 9, 9, len(directory), len(body), 0)
    for entry in unpack(body + directory + end):
        assert entry.content == content or get_code(entry) == "entry-damaged"


def test_rejects_encrypted_entry() -> None:
    archive = bytearray(make_zip(("a.jpg", b"1"), ("b.jpg", b"2")))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        archive[archive.index(magic) + offset] |= 0x1
    encrypted, plain = unpack(archive)
    assert get_code(encrypted) == "entry-locked"
    assert plain.content == b"2"


def test_rejects_nested_zip() -> None:
    inner, other = unpack(make_zip(("inner.zip", bytes(make_zip(("a.jpg", b"1")))), ("b.jpg", b"2")))
    assert get_code(inner) == "archive-in-archive"
    assert other.content == b"2"


def test_rejects_unsupported_compression() -> None:
    assert get_code(unpack(make_zip(("a.jpg", b"1" * 99), method=zipfile.ZIP_LZMA))[0]) == "entry-unsupported"


def test_skips_damaged_entry() -> None:
    archive = bytearray(make_zip(("a.jpg", b"1" * 50), ("b.jpg", b"2"), method=zipfile.ZIP_STORED))
    archive[archive.index(b"1" * 50)] ^= 0xFF
    damaged, good = unpack(archive)
    assert get_code(damaged) == "entry-damaged"
    assert good.content == b"2"


def test_rejects_too_many_files() -> None:
    archive = make_zip(*((f"{number}.jpg", b"") for number in range(11)))
    with pytest.raises(ProblemError, match="10 files") as raised:
        unpack(archive)
    assert (raised.value.status, raised.value.code) == (413, "too-many-files")
    assert raised.value.extra == {"max_files": 10}


def test_rejects_huge_directory_before_reading_it(monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_zip(*((f"{number}", b"") for number in range(2_000)))
    monkeypatch.setattr(zipfile.ZipFile, "__init__", lambda *_: pytest.fail("the directory was read"))
    assert get_problem(archive) == (413, "too-many-files")


@pytest.mark.parametrize("cut", [4, 30, -30, -1])
def test_rejects_truncated_zip(cut: int) -> None:
    assert get_problem(make_zip(("a.jpg", b"1" * 99))[:cut]) == (422, "archive-damaged")


def test_rejects_entry_at_a_wrong_offset() -> None:
    archive = bytearray(make_zip(("a.jpg", b"1")))
    struct.pack_into("<I", archive, archive.index(b"PK\x05\x06") + 16, 2**31)
    assert [get_code(entry) for entry in unpack(archive)] == ["entry-damaged"]
