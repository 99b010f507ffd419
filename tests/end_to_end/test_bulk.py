"""Bulk extraction on a small cluster of this machine: sources of all kinds, bad ones too, and a second run."""

from __future__ import annotations

import asyncio
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from quittance.client import open_embedded_client
from quittance_client import Receipt
from shared.contracts import Split
from tests.support.archives import make_zip

pytest.importorskip("ray", reason="bulk extraction needs `pip install quittance[bulk]`")

from bulk.options import BulkOptions, StageOptions
from bulk.output import OutputFolder
from bulk.run import run_bulk
from bulk.summary import Summary

# The pixels of a few receipts.
_STORE_BYTES = 100 * 2**20


@pytest.fixture
def archive(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a picture, a PDF of two pages, a broken file and a zip with a picture."""
    # Otherwise, Ray's processes wait for all other tests.
    monkeypatch.setenv("RAY_worker_niceness", "0")
    samples, folder = repository / "tests" / "samples", tmp_path / "archive"
    folder.mkdir()
    (folder / "malaysia.jpg").write_bytes((samples / "malaysia.jpg").read_bytes())
    (folder / "broken.jpg").write_bytes((samples / "malaysia.jpg").read_bytes()[:5_000])
    (folder / "shard.zip").write_bytes(make_zip(("2025/france.png", (samples / "france.png").read_bytes())))
    pages = io.BytesIO()
    with Image.open(samples / "malaysia.jpg") as first, Image.open(samples / "france.png") as second:
        first.convert("L").save(pages, "PDF", save_all=True, append_images=[second.convert("L")])
    (folder / "both.pdf").write_bytes(pages.getvalue())
    return folder


def run(
    folder: Path, output: Path, *, split: Split | None = None, rows_per_file: int = 256
) -> tuple[Summary, list[Summary]]:
    reports: list[Summary] = []
    options = BulkOptions(
        (str(folder),),
        str(output),
        cpus=2,
        split=split,
        rows_per_file=rows_per_file,
        object_store_bytes=_STORE_BYTES,
        stages=StageOptions.from_environment(),
    )
    return run_bulk(options, reports.append), reports


def read_rows(output: Path) -> dict[tuple[str, str | None, int | None], dict[str, Any]]:
    rows = [row for table in OutputFolder(str(output)).read() for row in table.to_pylist()]
    keyed = {(Path(row["source"]).name, row["member"], row["page"]): row for row in rows}
    assert len(keyed) == len(rows)
    return keyed


async def read_with_gateway(path: Path) -> Receipt:
    async with open_embedded_client() as client:
        return await client.receipts.read(path)


@pytest.mark.usefixtures("weights")
def test_reads_an_archive_and_later_what_was_added(repository: Path, archive: Path) -> None:
    output = archive / "out"
    summary, reports = run(archive, output, split="pages")
    assert (summary.total, summary.documents, summary.rows) == (4, 4, 5)
    assert len(reports) >= 2
    rows = read_rows(output)
    zipped = rows["shard.zip", "2025/france.png", None]
    assert rows.keys() == {
        ("malaysia.jpg", None, None),
        ("broken.jpg", None, None),
        ("shard.zip", "2025/france.png", None),
        ("both.pdf", None, 0),
        ("both.pdf", None, 1),
    }
    assert {key[0]: row["error"]["code"] for key, row in rows.items() if row["error"]} == {
        "broken.jpg": "picture-damaged"
    }
    assert summary.errors == {"picture-damaged": 1}
    assert zipped["fields"]["total"]["amount"] == "121.95"
    assert rows["both.pdf", None, 1]["fields"]["total"]["amount"] == "121.95"

    # The same receipt as from the gateway.
    receipt = asyncio.run(read_with_gateway(repository / "tests" / "samples" / "malaysia.jpg"))
    read = rows["malaysia.jpg", None, None]
    assert read["id"] == receipt.id
    assert [line["text"] for line in read["lines"]] == [line.text for line in receipt.lines]
    assert receipt.fields.total is not None
    assert read["fields"]["total"]["amount"] == receipt.fields.total.amount
    assert read["models"] == receipt.models.model_dump()

    files = OutputFolder(str(output)).find_files()
    (archive / "later.jpg").write_bytes((archive / "broken.jpg").read_bytes())
    again, _ = run(archive, output, split="pages")
    assert (again.skipped, again.documents, again.errors) == (4, 1, {"picture-damaged": 1})
    assert set(files) < set(OutputFolder(str(output)).find_files())
    assert read_rows(output).keys() == rows.keys() | {("later.jpg", None, None)}


@pytest.mark.usefixtures("weights")
def test_a_tar_is_divided_among_a_pool_per_stage(repository: Path, archive: Path) -> None:
    for path in archive.glob("*"):
        path.unlink()
    samples = repository / "tests" / "samples"
    with tarfile.open(archive / "shard.tar", "w") as tar:
        for number in range(3):
            tar.add(samples / "malaysia.jpg", f"{number}.jpg")
    summary, _ = run(archive, archive / "out", rows_per_file=2)
    assert (summary.total, summary.documents, summary.errors) == (None, 3, {})
    rows = read_rows(archive / "out")
    assert rows.keys() == {("shard.tar", f"{number}.jpg", None) for number in range(3)}
    assert {row["fields"]["total"]["amount"] for row in rows.values()} == {"60.55"}
    assert sorted(table.num_rows for table in OutputFolder(str(archive / "out")).read()) == [1, 2]
