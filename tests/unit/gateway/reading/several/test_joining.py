"""Joining pictures of one receipt."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gateway.reading.several.joining import join_parts
from shared.contracts import Code, EInvoice, Fields, Line, Models, Page, Receipt, ReceiptWarning, Timings

ROWS = [
    "SHOP",
    "MILK 1.00",
    "BREAD 2.50",
    "TEA 4.20",
    "BUTTER 3.10",
    "RICE 5.00",
    "SALT 0.80",
    "TOTAL 16.60",
    "THANK YOU",
]


def read(rows: Sequence[str], confidence: float = 0.9, skew: float = 0.0) -> Receipt:
    """Return a receipt with two lines per row of two words."""
    lines = []
    for number, row in enumerate(rows):
        for word, x in zip(row.rsplit(" ", 1), (10, 200), strict=False):
            y = 20 + number * 30 + skew * x
            quad = ((x, y), (x + 80, y + 80 * skew), (x + 80, y + 20 + 80 * skew), (x, y + 20))
            lines.append(Line(quad=quad, text=word, confidence=confidence))
    models = Models(detector="d", recognizer="r", extractor="e")
    times = Timings(decode=1, detect=2, recognize=3, extract=4)
    return Receipt(
        id="0" * 32, pages=[Page(width=300, height=400)], fields=Fields(), lines=lines, models=models, timings_ms=times
    )


def merge(*parts: Receipt) -> list[str]:
    return [line.text for reading in join_parts(parts, is_overlapping=True) for line in reading.lines]


def words(rows: Sequence[str]) -> list[str]:
    return [word for row in rows for word in row.rsplit(" ", 1)]


@pytest.mark.parametrize("overlap", [2, 3, 5])
@pytest.mark.parametrize("skew", [0.0, 0.05])
def test_rows_of_both_pictures_count_once(overlap: int, skew: float) -> None:
    merged = merge(read(ROWS[:6]), read(ROWS[6 - overlap :], skew=skew))
    assert merged == words(ROWS)


def test_keeps_the_more_certain_reading() -> None:
    upper, lower = read([*ROWS[:4], "BUTTFR 3.10", "R1CE 5.00"], 0.6), read(ROWS[4:], 0.95)
    assert merge(upper, lower) == words(ROWS)


def test_drops_rows_that_an_edge_cuts() -> None:
    upper, lower = read([*ROWS[:6], "~~ -"]), read(["|||", *ROWS[3:]])
    assert merge(upper, lower) == words(ROWS)


def test_joins_three_pictures() -> None:
    merged = merge(read(ROWS[:4]), read(ROWS[2:7]), read(ROWS[5:]))
    assert merged == words(ROWS)


def test_keeps_everything_without_an_overlap() -> None:
    assert merge(read(ROWS[:5]), read(ROWS[5:])) == words(ROWS)


def test_one_repeated_row_is_no_overlap() -> None:
    upper, lower = ["SHOP", "TEA 4.20"], ["TEA 4.20", "TOTAL 8.40"]
    assert merge(read(upper), read(lower)) == words([*upper, *lower])


def test_picture_without_text_is_kept_as_a_page() -> None:
    readings = join_parts([read(ROWS[:3]), read([]), read(ROWS[3:])], is_overlapping=True)
    assert [reading.page.index for reading in readings] == [0, 1, 2]
    assert [line.page for reading in readings for line in reading.lines] == [0] * 5 + [2] * 12


def test_pages_of_a_document_do_not_overlap() -> None:
    readings = join_parts([read(ROWS), read(ROWS)], is_overlapping=False)
    assert [len(reading.lines) for reading in readings] == [len(words(ROWS))] * 2
    assert [reading.detect_ms for reading in readings] == [2, 2]


def test_keeps_codes_once_and_invoices_in_xml() -> None:
    def code(text: str) -> Code:
        return Code(quad=((0, 0), (9, 0), (9, 9), (0, 9)), format="qr_code", text=text)

    upper = read(ROWS[:6]).model_copy(
        update={"codes": [code("one")], "einvoice": EInvoice(syntax="ubl", total="16.60")}
    )
    lower = read(ROWS[3:]).model_copy(update={"codes": [code("one"), code("two")]})
    parts = [upper, lower]
    merged = join_parts(parts, is_overlapping=True)
    assert [[(one.page, one.text) for one in reading.codes or []] for reading in merged] == [[(0, "one")], [(1, "two")]]
    separate = join_parts(parts, is_overlapping=False)
    assert [len(reading.codes or []) for reading in separate] == [1, 2]
    assert [reading.einvoice is not None for reading in separate] == [True, False]


def test_keeps_that_codes_and_invoices_were_not_read() -> None:
    warnings = [ReceiptWarning(code=code, detail="") for code in ("codes-unread", "einvoice-unread")]
    unread, whole = read(ROWS[:6]).model_copy(update={"warnings": warnings}), read(ROWS[3:])
    first, second = join_parts([unread, whole], is_overlapping=True)
    assert (first.codes, first.has_unread_einvoice) == (None, True)
    assert (second.codes, second.has_unread_einvoice) == ([], False)
