"""Test the labels of a page."""

from __future__ import annotations

from synthesis.world.labels import collect_labels
from synthesis.world.page import UNKNOWN, Page, text_cell


def test_collects_texts_by_kind_and_item() -> None:
    page = Page(40)
    page.add(text_cell("1 High Street", "address"))
    page.add(text_cell("Leeds", "address"), text_cell("Leeds", UNKNOWN))
    page.add(text_cell("Tea", "item_description"), text_cell("3.00", "item_amount"), item=1)
    page.add(text_cell("  2 x ", "item_quantity"), text_cell("Cup"), item=1)
    page.add(text_cell("Milk", "item_description"), item=2)
    page.add(text_cell("Total: ", "total_key"), text_cell("3.00", "total"))
    labels = collect_labels(page.rows)
    assert labels["fields"] == {"address": ["1 High Street", "Leeds"], "total_key": ["Total:"], "total": ["3.00"]}
    assert labels["items"] == [
        {"item_description": ["Tea"], "item_amount": ["3.00"], "item_quantity": ["2 x"]},
        {"item_description": ["Milk"]},
    ]
