"""A labeled receipt with two segments, and what the chain answers to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quittance.evaluation.records import LabeledLine, Record
from shared.contracts import AmountField, Fields, Line, Models, Page, Quad, Receipt, ReceiptField, Timings

MODELS = Models(detector="ctpn-1", recognizer="crnn-1", extractor="charlstm-1")
QUADS: list[Quad] = [((0, 0), (100, 0), (100, 20), (0, 20)), ((0, 40), (100, 40), (100, 60), (0, 60))]
TEXTS = ["BOOK SHOP", "TOTAL 9.00"]
ENTITIES = {"company": "BOOK SHOP", "date": "", "address": "", "total": "9.00"}


def make_fields(company: str | None = "BOOK SHOP", total: str | None = "9.00", confidence: float = 0.9) -> Fields:
    """Return fields with the given values; None for a field that was not found."""
    common: dict[str, Any] = {"confidence": confidence, "quad": QUADS[0], "lines": [0]}
    return Fields(
        company=ReceiptField(value=company, **common) if company else None,
        total=AmountField(value=total, amount=total, currency=None, **common) if total else None,
    )


def make_receipt(texts: Sequence[str] = TEXTS, fields: Fields | None = None) -> Receipt:
    """Return a receipt; fewer texts than `TEXTS` means that the last segments were not found."""
    return Receipt(
        id="0" * 32,
        pages=[Page(width=120, height=80)],
        fields=fields or make_fields(),
        lines=[Line(quad=quad, text=text, confidence=0.9) for quad, text in zip(QUADS, texts, strict=False)],
        models=MODELS,
        timings_ms=Timings(decode=1, detect=1, recognize=1, extract=1),
    )


def make_record(**changes: Any) -> Record:
    """Return the record of a receipt that was read without errors, with some attributes replaced."""
    values: dict[str, Any] = {
        "key": "a",
        "unseen_company": False,
        "labels": [LabeledLine(quad=quad, text=text) for quad, text in zip(QUADS, TEXTS, strict=True)],
        "entities": ENTITIES,
        "receipt": make_receipt(),
        "given_boxes": TEXTS,
        "given_text": make_fields(),
        "seconds": 1.0,
    }
    return Record(**{**values, **changes})
