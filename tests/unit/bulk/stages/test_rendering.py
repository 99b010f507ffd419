"""Files become documents with pixels, and bad ones become faults, without ending a process of this one."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from bulk.documents import read_documents, read_pixels
from bulk.stages.rendering import RenderStage
from bulk.units import Kind, Unit, units_to_table
from tests.support.archives import make_zip
from tests.support.documents import build_text_pdf


@pytest.fixture(scope="module")
def stage() -> Iterator[RenderStage]:
    stage = RenderStage({"max_upload_bytes": 100_000})
    yield stage
    stage.close()


def make_png(width: int, height: int, gray: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (width, height), gray).save(buffer, "PNG")
    return buffer.getvalue()


def test_renders_pictures_documents_and_members(stage: RenderStage, tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(make_png(30, 20, 200))
    (tmp_path / "2.pdf").write_bytes(build_text_pdf([("TOTAL 9.00", 20, 200)]))
    (tmp_path / "3.zip").write_bytes(make_zip(("a.png", make_png(10, 40, 210)), ("b.png", b"no picture")))
    (tmp_path / "4.png").write_bytes(make_png(30, 20, 200)[:40])
    units = [Unit(f"{tmp_path}/1.png"), Unit(f"{tmp_path}/2.pdf"), Unit(f"{tmp_path}/4.png")]
    (table,) = stage(units_to_table([*units, Unit(f"{tmp_path}/3.zip", Kind.ZIP, ["a.png", "b.png"])]))
    documents = read_documents(table)
    shapes = [[page.shape for page in pages] for pages in read_pixels(table, documents)]
    assert [(Path(one.source).name, one.member) for one in documents] == [
        ("1.png", None), ("2.pdf", None), ("4.png", None), ("3.zip", "a.png"), ("3.zip", "b.png")
    ]  # fmt: skip
    assert [one.fault.code if one.fault else None for one in documents] == [
        None, None, "picture-damaged", None, "unsupported-format"
    ]  # fmt: skip
    assert shapes[0] == [(20, 30)]
    assert shapes[3] == [(40, 10)]
    assert documents[1].images[0].text is not None
    assert all(one.sha256 for one in documents)


def test_a_tar_that_was_read_before_gives_an_empty_table(stage: RenderStage, tmp_path: Path) -> None:
    (tmp_path / "1.tar").write_bytes(bytes(10_240))
    tables = list(stage(units_to_table([Unit(f"{tmp_path}/1.tar", Kind.TAR, ["a.png"])])))
    assert [table.num_rows for table in tables] == [0]
    assert read_documents(tables[0]) == []
