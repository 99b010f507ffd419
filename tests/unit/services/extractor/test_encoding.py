"""Receipts as sequences of characters with features."""

from __future__ import annotations

import numpy as np

from services.extractor.encoding import CODES, FEATURES, Document, TextSegment, code, encode
from shared.arrays import Floats


def segment(text: str, x: float, y: float, *, page: int = 0, width: float | None = None) -> TextSegment:
    right, bottom = x + (width or 10.0 * len(text)), y + 20.0
    quad = np.array([[x, y], [right, y], [right, bottom], [x, bottom]], np.float32)
    return TextSegment(quad, text, page)


def column(document: Document, name: str) -> Floats:
    return document.features[:, FEATURES.index(name)]


def test_separates_rows_by_newlines_and_segments_by_tabs() -> None:
    document = encode([segment("9.00", 200, 40), segment("SHOP", 10, 0), segment("TOTAL", 10, 42)])
    assert document.text == "SHOP\nTOTAL\t9.00\n"
    assert document.order.tolist() == [1, 2, 0]
    assert document.row.tolist() == [0, 1, 1]
    assert [document.segment_text(i) for i in range(3)] == ["SHOP", "TOTAL", "9.00"]
    assert document.segment.tolist() == [0] * 5 + [1] * 6 + [2] * 5
    assert "".join(np.array(list(document.text))[document.separator]) == "\n\t\n"


def test_no_segments_make_an_empty_document() -> None:
    for nothing in ([], [segment("  ", 0, 0)]):
        document = encode(nothing)
        assert document.text == ""
        assert document.features.shape == (0, len(FEATURES))


def test_folds_case_and_accents_in_codes_but_not_in_text() -> None:
    assert code("é") == code("e") == code("E") != code("F")
    assert encode([segment("Café", 0, 0)]).text == "Café\n"


def test_unknown_characters_share_codes_by_kind() -> None:
    codes = {code("漢"), code("٣"), code("☺")}
    assert len(codes) == 3
    assert all(0 < value < CODES for value in codes)
    assert code("字") == code("漢")


def test_replaces_separators_within_text_by_spaces() -> None:
    document = encode([segment("A\tB\nC", 0, 0)])
    assert document.text == "A B C\n"


def test_pages_follow_each_other() -> None:
    document = encode([segment("SECOND", 0, 0, page=1), segment("FIRST", 0, 500)])
    assert document.text == "FIRST\nSECOND\n"
    assert column(document, "y")[0] < column(document, "y")[-1]


def test_layout_features_do_not_depend_on_scale_or_position() -> None:
    small = [segment("SHOP", 10, 0), segment("TOTAL", 10, 40), segment("9.00", 200, 40)]
    large = [TextSegment(s.quad * 3 + 500, s.text) for s in small]
    np.testing.assert_allclose(encode(small).features, encode(large).features, atol=1e-4)


def test_layout_features_describe_positions() -> None:
    document = encode([segment("SHOP", 0, 0), segment("TOTAL", 0, 40), segment("9.00", 360, 40)])
    x, right = column(document, "x"), column(document, "right")
    assert x[document.text.index("9")] > 0.85
    assert right[document.text.index("9")] == 1.0
    assert column(document, "row_from_top").tolist() == [0.0] * 5 + [np.float32(0.05)] * 11
    gap_after = column(document, "gap_after")
    assert gap_after[document.text.index("TOTAL")] > 0.9
    assert gap_after[0] == 0.0


def test_marks_dates_and_amounts() -> None:
    document = encode([segment("DATE 25/12/2018", 0, 0), segment("4.50", 0, 40), segment("RM9.00", 0, 80)])
    marked = column(document, "in_date") > 0
    assert "".join(np.array(list(document.text))[marked]) == "25/12/2018"
    amounts = column(document, "in_amount") > 0
    assert "".join(np.array(list(document.text))[amounts]) == "4.50RM9.00"
    share = column(document, "amount_share")
    assert share[document.text.index("4.50")] == 0.5
    assert share[document.text.index("RM9")] == 1.0
