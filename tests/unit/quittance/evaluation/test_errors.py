"""The error analysis."""

from __future__ import annotations

from typing import Any

import pytest

from quittance.evaluation.errors import (
    classify_confusion,
    count_confusions,
    count_segments,
    explain,
    find_field_errors,
)
from quittance.evaluation.records import LabeledLine, Record
from shared.contracts import Fields, Line, Quad, ReceiptField
from tests.support.evaluation import make_receipt

Box = tuple[float, float, float, float]


def quad(x0: float, y0: float, x1: float, y1: float) -> Quad:
    return (x0, y0), (x1, y0), (x1, y1), (x0, y1)


def make_record(labels: dict[Box, str], found: dict[Box, str], **changes: Any) -> Record:
    company = ReceiptField(value="SHOP SDN", confidence=0.8, quad=quad(0, 0, 9, 9), lines=[0])
    receipt = make_receipt(fields=Fields(company=company))
    receipt.lines = [Line(quad=quad(*box), text=text, confidence=0.9) for box, text in found.items()]
    labeled = [LabeledLine(quad=quad(*box), text=text) for box, text in labels.items()]
    entities = {"company": "SHOP SDN BHD", "date": "", "address": "", "total": "9.00"}
    return Record(key="a", labels=labeled, entities=entities, receipt=receipt, **changes)


@pytest.mark.parametrize(
    ("label", "answer", "reason"),
    [
        ("SHOP SDN BHD", "", "not found"),
        ("", "SHOP", "not on the receipt"),
        ("NO. 1, JALAN A", "NO 1. JALAN A", "punctuation or spaces"),
        ("RM 9.00", "9.00", "currency symbol"),
        ("SHOP SDN BHD", "SHOP SDN", "incomplete"),
        ("SHOP SDN BHD", "THE SHOP SDN BHD", "too long"),
        ("SHOP SDN BHD", "SH0P SDN BHO", "misread"),
        ("9.00", "12.50", "different text"),
    ],
)
def test_explains_wrong_answers(label: str, answer: str, reason: str) -> None:
    assert explain(label, answer) == reason


def test_lists_the_most_confident_errors_first() -> None:
    wrong = find_field_errors([make_record({}, {})])
    assert [(error.field, error.reason) for error in wrong] == [("company", "incomplete"), ("total", "not found")]


def test_accepts_alternatives() -> None:
    (error,) = find_field_errors([make_record({}, {}, alternatives={"company": ["shop  sdn"]})])
    assert error.field == "total"


def test_counts_segments_by_outcome() -> None:
    labels: dict[Box, str] = {
        (0, 0, 50, 10): "SHOP",
        (60, 0, 70, 10): "A",
        (0, 20, 20, 30): "QTY",
        (22, 20, 40, 30): "PRICE",
        (0, 60, 40, 70): "TOTAL",
    }
    found: dict[Box, str] = {(0, 0, 50, 10): "", (0, 20, 40, 30): "", (30, 60, 40, 70): "", (0, 80, 20, 90): ""}
    counts = count_segments([make_record(labels, found)])
    assert counts["longer", "found"] == 2  # QTY matches the box that it shares with PRICE
    assert counts["1 or 2 characters", "missed"] == 1
    assert counts["longer", "merged with others"] == 1
    assert counts["longer", "cut or shifted"] == 1
    assert counts["", "not labeled"] == 1


def test_counts_confusions_ignoring_case() -> None:
    record = make_record({(0, 0, 50, 10): "No. 10, A"}, {}, given_boxes=["NO.1O. A"])
    counts = count_confusions([record])
    assert counts == {(" ", ""): 1, ("0", "O"): 1, (",", "."): 1}
    assert {classify_confusion(*pair) for pair in counts} == {"spaces", "look-alikes", "punctuation"}


def test_classifies_other_confusions() -> None:
    assert classify_confusion("A", "") == "lost or invented"
    assert classify_confusion("A", "X") == "other"
