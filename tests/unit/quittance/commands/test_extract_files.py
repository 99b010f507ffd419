"""The files that `extract` reads: folders, patterns, zips, and names of all kinds."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.archives import make_zip
from tests.support.command_line import run_command


@pytest.mark.usefixtures("gateway")
def test_reads_the_pictures_in_a_folder(picture: Path, tmp_path: Path) -> None:
    pile = tmp_path / "pile" / "deep"
    pile.mkdir(parents=True)
    (pile / "b.PNG").write_bytes(picture.read_bytes())
    (pile / "a.png").write_bytes(picture.read_bytes())
    (pile / "notes.txt").write_text("not a picture")
    result = run_command("extract", "--format", "jsonl", tmp_path / "pile")
    assert result.exit_code == 0, result.output
    files = [json.loads(line)["file"] for line in result.stdout.splitlines()]
    assert files == [str(pile / "a.png"), str(pile / "b.PNG")]


@pytest.mark.usefixtures("gateway")
def test_reads_the_files_that_match_a_pattern(picture: Path, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("b.png", "a.png", "deep/c.png", "a.txt"):
        (tmp_path / name).write_bytes(picture.read_bytes())
    picture.unlink()
    for pattern, names in (("*.png", ["a.png", "b.png"]), ("**/*.png", ["a.png", "b.png", "deep/c.png"])):
        result = run_command("extract", "--format", "jsonl", tmp_path / pattern)
        assert result.exit_code == 0, result.output
        files = [Path(json.loads(line)["file"]) for line in result.stdout.splitlines()]
        assert [str(file.relative_to(tmp_path)) for file in files] == names
    result = run_command("extract", tmp_path / "*.jpg")
    assert result.exit_code == 1
    assert "*.jpg: no file matches" in result.stderr


@pytest.mark.usefixtures("gateway")
def test_reads_the_files_in_zips(picture: Path, damaged: Path, tmp_path: Path) -> None:
    data = picture.read_bytes()
    pile = tmp_path / "pile"
    pile.mkdir()
    archive = pile / "march.zip"
    archive.write_bytes(
        make_zip(("b.png", data), ("../deep/a.png", data), ("c.jpg", damaged.read_bytes()), ("__MACOSX/._b.png", data))
    )
    (pile / "z.png").write_bytes(data)
    for named in (pile, pile / "*", archive):
        result = run_command("extract", "--format", "jsonl", named)
        files = [json.loads(line)["file"] for line in result.stdout.splitlines()]
        others = [] if named == archive else [str(pile / "z.png")]
        assert files == [str(archive / "b.png"), str(archive / "deep" / "a.png"), *others]
        assert result.exit_code == 1
        assert f"{archive / 'c.jpg'}: The picture is damaged" in result.stderr
        assert f"1 of {3 + len(others)} files could not be read" in result.stderr
    renamed = archive.rename(tmp_path / "march")
    assert len(run_command("extract", "--format", "jsonl", renamed).stdout.splitlines()) == 2


@pytest.mark.usefixtures("gateway")
def test_reports_zips_that_cannot_be_read(picture: Path, tmp_path: Path) -> None:
    good = make_zip(("a.png", picture.read_bytes()), ("b.zip", make_zip(("c.png", b"content"))))
    (tmp_path / "cut.zip").write_bytes(good[:-10])
    (tmp_path / "empty.zip").write_bytes(make_zip())
    (tmp_path / "nested.zip").write_bytes(good)
    result = run_command("extract", "--format", "jsonl", tmp_path / "*.zip")
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 1
    assert f"{tmp_path / 'cut.zip'}: The zip is damaged." in result.stderr
    assert f"{tmp_path / 'empty.zip'}: The zip is empty." in result.stderr
    assert f"{tmp_path / 'nested.zip' / 'b.zip'}: The file is a zip in a zip." in result.stderr


@pytest.mark.usefixtures("gateway")
def test_draws_each_of_several_files_of_one_name(picture: Path, tmp_path: Path) -> None:
    data = picture.read_bytes()
    (tmp_path / "a.zip").write_bytes(make_zip(("1/receipt.png", data), ("2/receipt.png", data)))
    result = run_command("extract", picture, tmp_path / "a.zip", "--draw", tmp_path / "drawn")
    assert result.exit_code == 0, result.output
    drawn = sorted(path.name for path in (tmp_path / "drawn").iterdir())
    assert drawn == ["receipt-read-2.png", "receipt-read-3.png", "receipt-read.png"]


@pytest.mark.usefixtures("gateway")
def test_merges_the_pictures_in_a_zip(picture: Path, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(make_zip(("1.png", picture.read_bytes()), ("2.png", picture.read_bytes())))
    result = run_command("extract", "--format", "jsonl", "--merge", tmp_path / "a.zip")
    assert [json.loads(line)["file"] for line in result.stdout.splitlines()] == [str(tmp_path / "a.zip" / "1.png")]


@pytest.mark.usefixtures("gateway")
def test_reports_what_may_not_be_read(monkeypatch: pytest.MonkeyPatch, picture: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    secret = tmp_path / "secret.png"
    secret.write_bytes(picture.read_bytes())
    scan, access = os.scandir, os.access

    def scan_unlocked(path: Path) -> Any:  # root may read everything
        if Path(path) == locked:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scan_unlocked)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) not in (locked, secret) and access(path, mode))
    result = run_command("extract", tmp_path, "--format", "jsonl")
    assert result.exit_code == 1
    assert [json.loads(line)["file"] for line in result.stdout.splitlines()] == [str(picture)]
    for path in (locked, secret):
        assert f"{path}: you may not read it" in result.stderr
    assert "2 of 3 files could not be read" in result.stderr


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize("output_format", ["table", "json", "jsonl", "csv"])
def test_names_of_files_are_neither_markup_nor_commands_to_the_terminal(
    output_format: str, picture: Path, damaged: Path, tmp_path: Path
) -> None:
    (tmp_path / "[").mkdir()
    names = [b"[/b].png", b"\x1b[31m.png", b"t\xe9.png"]
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(picture.read_bytes())
    damaged.rename(os.fsdecode(os.fsencode(tmp_path) + b"/bad\x1b\xe9.jpg"))
    for arguments in ((tmp_path,), (tmp_path / "[/b].png",)):
        result = run_command("extract", "--format", output_format, *arguments)
        assert isinstance(result.exception, SystemExit | None), result.exception
        assert "b].png" in result.output
        assert "\x1b" not in result.output
        assert result.output.encode()
    assert "t\N{REPLACEMENT CHARACTER}.png" in run_command("extract", tmp_path).stdout


@pytest.mark.usefixtures("gateway")
def test_prefers_an_existing_file_to_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "[1].png").write_bytes(b"content")
    assert run_command("extract", tmp_path / "[1].png").exit_code == 0
