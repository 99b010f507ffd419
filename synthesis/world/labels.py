"""What a page says, by the kind of each piece of text: the exact labels of a picture of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from synthesis.world.page import OTHER, UNKNOWN, Row


def collect_labels(rows: Sequence[Row]) -> dict[str, Any]:
    """Collect the labeled text of a page.

    Returns:
        `fields`: the texts of each kind that is not part of an item, as printed, from top to bottom (`total`,
        `total_key` and so on; an address has one text per row). `items`: for each item, the texts of each kind.
    """
    fields: defaultdict[str, list[str]] = defaultdict(list)
    items: defaultdict[int, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        for piece in (piece for cell in row.cells for piece in cell.pieces):
            text = " ".join(piece.text.split())
            if text and piece.kind not in (OTHER, UNKNOWN):
                (items[row.item] if row.item else fields)[piece.kind].append(text)
    return {"fields": dict(fields), "items": [dict(items[number]) for number in sorted(items)]}
