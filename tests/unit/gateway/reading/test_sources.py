"""Where fields come from."""

from __future__ import annotations

from gateway.reading.sources import mark_text_layer
from shared.contracts import AddressField, Extracted, Fields, Item, Line, ReceiptField

QUAD = ((0, 0), (9, 0), (9, 9), (0, 9))


def test_marks_fields_of_which_all_segments_are_text_of_a_document() -> None:
    lines = [
        Line(quad=QUAD, text="Bakery", confidence=1, source="text_layer"),
        Line(quad=QUAD, text="High Street 1", confidence=1, source="text_layer"),
        Line(quad=QUAD, text="Town", confidence=0.9),
        Line(quad=QUAD, text="Bread", confidence=1, source="text_layer"),
    ]
    company, bread = (ReceiptField(value="", confidence=0.9, quad=QUAD, lines=indices) for indices in ([0], [3]))
    address = AddressField(value="", confidence=0.9, quad=QUAD, lines=[1, 2])
    nowhere = ReceiptField(value="", confidence=0.9, quad=QUAD, lines=[])
    extracted = Extracted(
        fields=Fields(company=company, address=address, receipt_number=nowhere), items=[Item(description=bread)]
    )
    mark_text_layer(extracted, lines)
    sources = {name: field.source for name, field in extracted.fields if field is not None}
    assert sources == {"company": "text_layer", "address": "print", "receipt_number": "print"}
    assert bread.source == "text_layer"
