"""How well line items are found in given text: description and amount of each both right."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from services.extractor.encoding import TextSegment, encode
from services.extractor.items import Item, ItemPart, find_items
from services.extractor.network.engine import Engine, compute_probabilities
from shared.learning.cord import CordReceipt, load_cord
from shared.measures.matches import Matches, fold

_BATCH = 16

Pair = tuple[str, str]
"""Description and amount of an item, in the form in which they are compared; '' for none."""


def labeled_items(receipt: CordReceipt) -> list[Pair]:
    """Return the items of a receipt as CORD labels them."""
    groups: dict[int, dict[str, list[str]]] = {}
    for segment in receipt.segments:
        if segment.label in ("menu.nm", "menu.price") and not segment.is_key:
            groups.setdefault(segment.group, {}).setdefault(segment.label, []).append(segment.text)
    return [
        (fold(" ".join(group.get("menu.nm", []))), amount_digits(" ".join(group.get("menu.price", []))))
        for group in groups.values()
    ]


def found_items(items: Sequence[Item]) -> list[Pair]:
    """Return items as they were found."""
    pairs = [(fold(_text(item.description)), amount_digits(_text(item.amount))) for item in items]
    return [pair for pair in pairs if any(pair)]


def item_matches(labels: Sequence[Pair], answers: Sequence[Pair]) -> Matches:
    """Compare the items of one receipt as multisets."""
    return Matches(
        matched=sum((Counter(labels) & Counter(answers)).values()), labeled=len(labels), answered=len(answers)
    )


def measure_items(engine: Engine, root: Path, split: str = "validation") -> dict[str, float]:
    """Measure precision, recall and F1 of the items of CORD."""
    total = Matches()
    for receipt, items in answers(engine, load_cord(root, split)):
        total += item_matches(labeled_items(receipt), found_items(items))
    return {"precision": total.precision, "recall": total.recall, "f1": total.f1}


def answers(engine: Engine, receipts: Sequence[CordReceipt]) -> list[tuple[CordReceipt, list[Item]]]:
    """Find the items of labeled receipts in their given text."""
    found = []
    for start in range(0, len(receipts), _BATCH):
        part = receipts[start : start + _BATCH]
        documents = [encode([TextSegment(one.quad, one.text) for one in receipt.segments]) for receipt in part]
        scores = compute_probabilities(engine, documents)
        items = [find_items(*two) for two in zip(documents, scores, strict=True)]
        found += list(zip(part, items, strict=True))
    return found


def amount_digits(text: str) -> str:
    """Return the digits of an amount without decimals of zero, which some receipts print and others do not."""
    return re.sub(r"\D", "", re.sub(r"[.,]0{1,2}$", "", text.strip().rstrip(")")))


def _text(part: ItemPart | None) -> str:
    return part.text if part else ""
