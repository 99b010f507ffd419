"""The stages of bulk extraction without Ray: they find the same receipts and codes as the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from quittance.client import open_embedded_client
from quittance_client import Receipt

pytest.importorskip("ray", reason="bulk extraction needs `pip install quittance[bulk]`")

from bulk.stages.detection import DetectStage
from bulk.stages.extraction import ExtractStage
from bulk.stages.recognition import RecognizeStage
from bulk.stages.rendering import RenderStage
from bulk.stages.stage import Stage
from bulk.units import Unit, units_to_table

SETTINGS: dict[str, Any] = {"threads": 1, "device": "cpu"}


@pytest.fixture
def stages(weights: None) -> Iterator[list[Any]]:
    with ExitStack() as stack:
        created: list[Stage] = [
            RenderStage({}),
            DetectStage(SETTINGS),
            RecognizeStage(SETTINGS, SETTINGS, split="auto"),
            ExtractStage(SETTINGS, (SETTINGS, SETTINGS), split="auto", threshold=0.8),
        ]
        for stage in created:
            stack.callback(stage.close)
        yield created


@pytest.fixture
def pages(repository: Path, tmp_path: Path) -> Path:
    """A document: two receipts beside each other on a dark table, and one alone."""
    document = tmp_path / "three.pdf"
    with (
        Image.open(repository / "tests" / "samples" / "malaysia.jpg") as first,
        Image.open(repository / "tests" / "samples" / "france.png") as second,
    ):
        left, right = first.convert("L"), second.convert("L").resize((first.width, first.height))
        table = Image.new("L", (2 * first.width + 240, first.height + 160), 60)
        table.paste(left, (80, 80))
        table.paste(right, (first.width + 160, 80))
        table.save(document, "PDF", save_all=True, append_images=[second.convert("L")])
    return document


async def read_with_gateway(path: Path) -> list[Receipt]:
    async with open_embedded_client() as client:
        return await client.receipts.read_separately(path, split="auto")


def test_stages_separate_receipts_like_the_gateway(stages: list[Any], pages: Path) -> None:
    render, *others = stages
    (table,) = render(units_to_table([Unit(str(pages))]))
    for stage in others:
        table = stage(table)
    rows = table.to_pylist()
    expected = asyncio.run(read_with_gateway(pages))
    assert [row["page"] for row in rows] == [0, 0, 1]
    assert [row["id"] for row in rows] == [receipt.id for receipt in expected]
    for row, receipt in zip(rows, expected, strict=True):
        assert [line["text"] for line in row["lines"]] == [line.text for line in receipt.lines]
        assert [code["text"] for code in row["codes"]] == [code.text for code in receipt.codes]
        total = receipt.fields.total
        assert (row["fields"]["total"] or {}).get("amount") == (None if total is None else total.amount)
        assert [page["outline"] for page in row["pages"]] == [
            None if page.outline is None else [list(corner) for corner in page.outline] for page in receipt.pages
        ]
