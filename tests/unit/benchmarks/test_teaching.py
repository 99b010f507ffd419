"""Measuring what corrections are worth."""

from __future__ import annotations

from benchmarks.teaching import count_changes
from quittance.evaluation.records import Record

QUAD = [[0, 0], [90, 0], [90, 9], [0, 9]]


def record(key: str, label: str, answer: str) -> Record:
    field = {"value": answer, "confidence": 0.5, "quad": QUAD, "lines": [0]}
    receipt = {
        "id": "0" * 32,
        "pages": [{"width": 100, "height": 100}],
        "fields": {"company": field},
        "lines": [{"quad": QUAD, "text": answer, "confidence": 0.9}],
        "models": {"detector": "d", "recognizer": "r", "extractor": "e"},
        "timings_ms": {"decode": 1, "detect": 1, "recognize": 1, "extract": 1},
    }
    entities = {"company": label, "date": "", "address": "", "total": ""}
    return Record.model_validate({"key": key, "labels": [], "entities": entities, "receipt": receipt})


def test_each_receipt_benefits_from_earlier_corrections() -> None:
    wrong, right = ("ZYXWV HARDWARE", "ZYXMV HARDWARE"), ("ZYXWV HARDWARE", "ZYXWV HARDWARE")
    counts = count_changes([record("a", *wrong), record("b", *wrong), record("c", *right)])
    assert (counts["company: right without"], counts["company: right with"]) == (1, 2)
    assert counts["company: wrong to right"] == 1
    assert counts["address: right with"] == counts["address: right without"]
