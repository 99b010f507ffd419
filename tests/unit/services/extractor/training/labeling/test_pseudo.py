"""Labels that a network gives to receipts without any."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from services.extractor.encoding import TextSegment, encode
from services.extractor.network.classes import CLASSES
from services.extractor.training.labeling.fields import IGNORED
from services.extractor.training.labeling.pseudo import load_unlabeled, pseudo_receipt
from services.extractor.training.labeling.targets import WILD_OTHER
from tests.support.labeled_receipts import box

# Text, class and probability of each segment.
Row = tuple[str, str, float]


def labels_of(*rows: Row) -> dict[str, set[int]]:
    """Return the labels of each segment of a receipt on which the network answers like this."""
    segments = [TextSegment(box(0, 40.0 * number), text) for number, (text, _, _) in enumerate(rows)]
    document = encode(segments)
    scores = np.full((len(document.text), len(CLASSES) + 1), 1e-4, np.float32)
    for place, index in enumerate(document.order):
        _, name, probability = rows[index]
        span = slice(document.start[place], document.start[place + 1])
        scores[span, CLASSES.index(name)] = probability
        scores[span, CLASSES.index("other")] += 1 - probability
    return {one.text: set(one.labels.tolist()) for one in pseudo_receipt(segments, document, scores)}


def test_labels_what_the_network_is_sure_of() -> None:
    found = labels_of(("SHOP", "company", 0.95), ("TEA", "item_description", 0.6), ("THANKS", "other", 0.99))
    assert found["SHOP"] == {CLASSES.index("company")}
    assert found["TEA"] == {IGNORED}
    assert found["THANKS"] == {WILD_OTHER}


def test_labels_sums_only_where_they_add_up() -> None:
    rows = [("9.00", "subtotal", 0.55), ("0.60", "tax", 0.6), ("9.60", "total", 0.99)]
    assert [labels_of(*rows)[text] for text, *_ in rows] == [{CLASSES.index(name)} for _, name, _ in rows]
    rows[2] = ("9.90", "total", 0.99)
    assert all(labels_of(*rows)[text] == {IGNORED} for text, *_ in rows)


def test_loads_texts_without_blank_segments(tmp_path: Path) -> None:
    segments = [{"quad": box(0, 0).tolist(), "text": text, "confidence": 0.9} for text in ("SHOP", " ")]
    path = tmp_path / "texts.jsonl"
    path.write_text(json.dumps({"key": "A", "segments": segments}) + "\n")
    assert [(one.text, one.confidence) for one in load_unlabeled(path)["A"]] == [("SHOP", 0.9)]
