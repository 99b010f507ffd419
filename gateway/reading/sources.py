"""Say where the fields of a receipt come from."""

from __future__ import annotations

from collections.abc import Sequence

from shared.contracts import Extracted, Line


def mark_text_layer(extracted: Extracted, lines: Sequence[Line]) -> None:
    """Set the source of the fields that consist of text from the text layer of a PDF.

    Args:
        extracted: What was found; it is changed.
        lines: The lines of the receipt.
    """
    for field in extracted.printed():
        if field.lines and all(lines[index].source == "text_layer" for index in field.lines):
            field.source = "text_layer"
