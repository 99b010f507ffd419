"""Zips that strangers send."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import pytest

from gateway.jobs.intake.archives import Entry, clean_name, is_archive, read_entries
from gateway.settings import JobLimits
from shared.problems import ProblemError

LIMITS = JobLimits(max_files=10, max_bytes=10_000, max_file_bytes=1_000)


def zipped(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytearray:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return bytearray(buffer.getvalue())


def entries(archive: bytes | bytearray, limits: JobLimits = LIMITS) -> list[Entry]:
    return list(read_entries(io.BytesIO(bytes(archive)), limits))


def refusal(archive: bytes | bytearray, limits: JobLimits = LIMITS) -> tuple[int, str]:
    with pytest.raises(ProblemError) as raised:
        entries(archive, limits)
    return raised.value.status, raised.value.code


def code(entry: Entry) -> str:
    assert isinstance(entry.content, ProblemError)
    return entry.content.code


def test_files_come_in_their_order_without_folders_and_clutter() -> None:
    archive = zipped(
        ("b.jpg", b"1"), ("folder/", b""), ("folder/a.jpg", b"2"), ("__MACOSX/._b.jpg", b"3"), ("x/.DS_Store", b"4")
    )
    assert is_archive(bytes(archive[:4]))
    assert entries(archive) == [Entry("b.jpg", b"1"), Entry("folder/a.jpg", b"2")]


@pytest.mark.parametrize(
    ("name", "shown"),
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
def test_a_name_leads_nowhere(name: str, shown: str) -> None:
    assert clean_name(name) == shown


def test_the_name_of_an_entry_leads_nowhere() -> None:
    assert [entry.name for entry in entries(zipped(("../../../root/.ssh/keys", b"1")))] == ["root/.ssh/keys"]


def test_an_entry_that_is_too_large_is_not_unpacked_and_the_others_are() -> None:
    large, small = entries(zipped(("bomb.jpg", bytes(50_000_000)), ("small.jpg", b"1")))
    assert code(large) == "upload-too-large"
    assert isinstance(large.content, ProblemError)
    assert large.content.extra["max_bytes"] == 1_000
    assert small.content == b"1"


def test_an_entry_that_tells_a_smaller_size_than_it_has_is_damaged() -> None:
    archive = zipped(("bomb.jpg", bytes(100_000)), ("small.jpg", b"1"))
    for magic, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", archive, archive.index(magic) + offset, 500)
    bomb, small = entries(archive)
    assert code(bomb) == "entry-damaged"
    assert small.content == b"1"


def test_entries_that_lie_over_each_other_stay_within_the_limits() -> None:
    """Many names for one packed file, as in the bombs of David Fifield."""
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
    for entry in entries(body + directory + end):
        assert entry.content == content or code(entry) == "entry-damaged"


def test_an_entry_with_a_password_is_told() -> None:
    archive = zipped(("a.jpg", b"1"), ("b.jpg", b"2"))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        archive[archive.index(magic) + offset] |= 0x1
    locked, free = entries(archive)
    assert code(locked) == "entry-locked"
    assert free.content == b"2"


def test_a_zip_in_a_zip_is_not_unpacked() -> None:
    inner, other = entries(zipped(("inner.zip", bytes(zipped(("a.jpg", b"1")))), ("b.jpg", b"2")))
    assert code(inner) == "archive-in-archive"
    assert other.content == b"2"


def test_an_unusual_packing_is_told() -> None:
    assert code(entries(zipped(("a.jpg", b"1" * 99), method=zipfile.ZIP_LZMA))[0]) == "entry-unsupported"


def test_an_entry_with_wrong_data_is_told_and_the_others_come() -> None:
    archive = zipped(("a.jpg", b"1" * 50), ("b.jpg", b"2"), method=zipfile.ZIP_STORED)
    archive[archive.index(b"1" * 50)] ^= 0xFF
    damaged, good = entries(archive)
    assert code(damaged) == "entry-damaged"
    assert good.content == b"2"


def test_more_files_than_a_job_may_have_are_refused_with_the_limit() -> None:
    archive = zipped(*((f"{number}.jpg", b"") for number in range(11)))
    with pytest.raises(ProblemError, match="10 files") as raised:
        entries(archive)
    assert (raised.value.status, raised.value.code) == (413, "too-many-files")
    assert raised.value.extra == {"max_files": 10}


def test_a_directory_that_would_fill_the_memory_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    archive = zipped(*((f"{number}", b"") for number in range(2_000)))
    monkeypatch.setattr(zipfile.ZipFile, "__init__", lambda *_: pytest.fail("the directory was read"))
    assert refusal(archive) == (413, "too-many-files")


@pytest.mark.parametrize("cut", [4, 30, -30, -1])
def test_a_zip_that_is_cut_off_is_damaged(cut: int) -> None:
    assert refusal(zipped(("a.jpg", b"1" * 99))[:cut]) == (422, "archive-damaged")


def test_entries_elsewhere_than_the_directory_tells_are_damaged() -> None:
    archive = zipped(("a.jpg", b"1"))
    struct.pack_into("<I", archive, archive.index(b"PK\x05\x06") + 16, 2**31)
    assert [code(entry) for entry in entries(archive)] == ["entry-damaged"]
