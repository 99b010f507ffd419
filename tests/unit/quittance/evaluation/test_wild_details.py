"""Subtotal, tax, time, phone and items of photographs, compared with the labels of their segments."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from quittance.evaluation.errors import find_field_errors
from quittance.evaluation.records import LabeledLine, Record
from quittance.evaluation.scores import score
from quittance.evaluation.wild_details import DETAILS, LabeledItem, collect_items, compare_detail, compare_items
from shared.contracts import AmountField, Fields, Item, PhoneField, ReceiptField, TimeField
from tests.support.evaluation import make_receipt, make_record

PLACE: dict[str, Any] = {"confidence": 0.9, "quad": ((0, 0), (9, 0), (9, 9), (0, 9)), "lines": [0]}


def line(text: str, label: str, row: int = 0, column: int = 0) -> LabeledLine:
    x, y = 200.0 * column, 40.0 * row
    return LabeledLine(quad=((x, y), (x + 90, y), (x + 90, y + 20), (x, y + 20)), text=text, label=label)


def amount(value: str) -> AmountField:
    return AmountField(value=value, amount=value, currency=None, **PLACE)


def item(description: str, value: str) -> Item:
    return Item(description=ReceiptField(value=description, **PLACE), amount=amount(value))


def record(labels: list[LabeledLine], items: list[Item] | None = None, **fields: ReceiptField) -> Record:
    receipt = make_receipt(fields=Fields.model_validate({name: one.model_dump() for name, one in fields.items()}))
    receipt.items = items or []
    return make_record(spaced=False, labels=labels, receipt=receipt, given_boxes=[one.text for one in labels])


@pytest.mark.parametrize(
    ("name", "labels", "field", "counts"),
    [
        ("subtotal", ["$1,052.15"], amount("1052.15"), (1, 1, 1)),
        ("subtotal", ["12,50"], amount("12.50"), (1, 1, 1)),
        ("subtotal", ["1.234,50"], amount("1234.50"), (1, 1, 1)),
        ("subtotal", ["20,000"], amount("20000"), (1, 1, 1)),
        ("subtotal", ["9.50"], amount("9.00"), (0, 1, 1)),
        ("subtotal", ["SUBTOTAL"], None, (0, 0, 0)),
        ("tax", ["0.50", "0.25"], amount("0.25"), (1, 1, 1)),
        ("tax", ["0.50", "0.25"], amount("0.75"), (1, 1, 1)),
        ("tax", [], amount("0.75"), (0, 0, 1)),
        ("time", ["07:33PM"], TimeField(value="7:33 PM", iso="19:33", **PLACE), (1, 1, 1)),
        ("time", ["19:33:20"], TimeField(value="19:33:20", iso="19:33:20", **PLACE), (1, 1, 1)),
        ("time", ["19:33"], TimeField(value="18:33", iso="18:33", **PLACE), (0, 1, 1)),
        ("phone", ["TEL(604)294-0104"], PhoneField(value="(604) 294-0104", e164=None, **PLACE), (1, 1, 1)),
        ("phone", ["(604)294-0104"], PhoneField(value="294-0105", e164=None, **PLACE), (0, 1, 1)),
        ("phone", ["(604)294-0104"], None, (0, 1, 0)),
    ],
)
def test_compares_fields(name: str, labels: list[str], field: ReceiptField | None, counts: tuple[int, ...]) -> None:
    fields = {name: field} if field is not None else {}
    given = record([line(text, DETAILS[name]) for text in labels], None, **fields)
    matches = compare_detail(given, name)
    assert (matches.matched, matches.labeled, matches.answered) == counts


LABELS = [
    line("CHEESEBURGER", "Prod_item_value", 0),
    line("2", "Prod_quantity_value", 0, 1),
    line("$12.00", "Prod_price_value", 0, 2),
    line("FREE", "Prod_item_value", 1),
    line("FRENCHFRIES", "Prod_item_value", 2),
    line("3.50A", "Prod_price_value", 3, 2),
    line("TOTAL", "Total_key", 4),
]


def test_collects_items_from_rows() -> None:
    expected = [LabeledItem("CHEESEBURGER", Decimal("12.00")), LabeledItem("FRENCHFRIES", Decimal("3.50"))]
    assert collect_items(LABELS) == expected
    assert collect_items([]) == []


def test_items_are_right_by_amount_and_description() -> None:
    found = [item("Cheese burger", "12.00"), item("French fires", "3.50"), item("French fries", "3.50")]
    matches = compare_items(record(LABELS, found))
    assert (matches.matched, matches.labeled, matches.answered) == (2, 2, 3)
    assert compare_items(record(LABELS, [item("Salad", "12.00")])).matched == 0
    assert compare_items(record(LABELS, [item("Cheeseburger", "13.00")])).matched == 0


def test_measures_and_errors_have_the_details() -> None:
    given = record(
        [*LABELS, line("9.50", "Subtotal_value", 5)], [item("Cheeseburger", "12.00")], subtotal=amount("9.00")
    )
    wild = score([given])["wild"]
    assert wild["items"] == {"precision": 1, "recall": 0.5, "f1": pytest.approx(2 / 3)}
    assert wild["subtotal"]["f1"] == 0
    wrong = {error.field: (error.label, error.answer) for error in find_field_errors([given])}
    assert wrong["subtotal"] == ("9.50", "9.00")
    assert wrong["items"] == ("2 items", "1 items, 1 of them right")
