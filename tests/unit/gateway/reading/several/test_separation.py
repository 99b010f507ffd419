"""Tests of confirming by the text that areas are separate receipts."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.reading.several.separation import confirm_areas
from shared.contracts import Extracted, Fields, Line, Quad, ReceiptArea


def area(x: int, y: int, score: float) -> ReceiptArea:
    return ReceiptArea(outline=((x, y), (x + 100, y), (x + 100, y + 100), (x, y + 100)), score=score)


def line(x: float, y: float, text: str) -> Line:
    quad: Quad = ((x, y), (x + 40, y), (x + 40, y + 10), (x, y + 10))
    return Line(quad=quad, text=text, confidence=0.9)


def print_receipt(x: int, y: int, total: str | None, date: str | None) -> list[Line]:
    texts = ["SHOP", "MILK 1.00", "TEA 2.00"]
    texts += [f"TOTAL {total}"] if total else []
    texts += [f"DATE {date}"] if date else []
    return [line(x + 10, y + 10 + 15 * row, text) for row, text in enumerate(texts)]


async def extract(lines: list[Line]) -> Extracted:
    """Find the last total and the last date."""
    fields: dict[str, Any] = {}
    base = {"confidence": 0.9, "page": 0, "quad": lines[0].quad, "lines": [0]}
    for one in lines:
        word, _, value = one.text.partition(" ")
        if word == "TOTAL":
            fields["total"] = base | {"value": value, "amount": value, "currency": None}
        if word == "DATE":
            fields["date"] = base | {"value": value, "iso": value}
    return Extracted(fields=Fields.model_validate(fields))


async def test_edge_between_receipts_is_enough() -> None:
    areas = [area(0, 0, 0.95), area(150, 0, 0.95)]
    lines = print_receipt(0, 0, None, None) + print_receipt(150, 0, None, None)
    assert await confirm_areas(areas, lines, extract) == [one.outline for one in areas]


async def test_area_without_text_is_no_receipt() -> None:
    areas = [area(0, 0, 0.95), area(150, 0, 0.95)]
    assert await confirm_areas(areas, print_receipt(0, 0, "1.00", "2024-01-01"), extract) == []


@pytest.mark.parametrize("date", ["2024-01-02", None])
async def test_without_an_edge_both_receipts_must_be_complete(date: str | None) -> None:
    areas = [area(0, 0, 0.7), area(150, 0, 0.7)]
    lines = print_receipt(0, 0, "1.00", "2024-01-02") + print_receipt(150, 0, "1.00", date)
    assert len(await confirm_areas(areas, lines, extract)) == (2 if date else 0)


@pytest.mark.parametrize(
    ("total", "date", "count"),
    [("5.00", "2024-01-03", 2), ("3.00", "2024-01-03", 0), ("5.00", "2024-01-02", 0), (None, None, 0)],
)
async def test_receipts_above_each_other_must_differ(total: str | None, date: str | None, count: int) -> None:
    areas = [area(0, 0, 0.5), area(0, 150, 0.5)]
    lines = print_receipt(0, 0, "3.00", "2024-01-02") + print_receipt(0, 150, total, date)
    assert len(await confirm_areas(areas, lines, extract)) == count


async def test_joins_parts_of_one_receipt() -> None:
    areas = [area(0, 0, 0.5), area(0, 120, 0.5), area(0, 240, 0.5)]
    lines = print_receipt(0, 0, None, None) + print_receipt(0, 120, "3.00", "2024-01-02")
    lines += print_receipt(0, 240, "4.00", "2024-01-05")
    first, second = await confirm_areas(areas, lines, extract)
    assert first[0][1] == pytest.approx(0, abs=1)
    assert first[2][1] == pytest.approx(220, abs=1)
    assert second == areas[2].outline


async def test_separates_a_certain_receipt_from_others() -> None:
    areas = [area(0, 0, 0.95), area(150, 0, 0.5), area(150, 150, 0.5)]
    lines = print_receipt(0, 0, None, None) + print_receipt(150, 0, "3.00", None) + print_receipt(150, 150, None, None)
    first, second = await confirm_areas(areas, lines, extract)
    assert first == areas[0].outline
    assert second[2][1] == pytest.approx(250, abs=1)
