"""Measure the four fields from given text (task 3)."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.extractor.encoding import TextSegment
from services.extractor.predictor import Predictor
from services.extractor.settings import ExtractorSettings
from shared.contracts import FIELD_NAMES, Fields
from shared.learning.dataset import load_split
from shared.learning.labels import LabeledReceipt
from shared.measures.entities import compare_entities, is_same_value

_BATCH = 16


def values(fields: Fields) -> dict[str, str]:
    """Return the value of each field that was found."""
    return {name: field.value for name in FIELD_NAMES if (field := getattr(fields, name)) is not None}


def answers(predictor: Predictor, receipts: Sequence[LabeledReceipt]) -> list[Fields]:
    """Extract the fields of labeled receipts from their labeled text."""
    order = sorted(range(len(receipts)), key=lambda i: sum(len(segment.text) for segment in receipts[i].segments))
    found: dict[int, Fields] = {}
    for start in range(0, len(order), _BATCH):
        part = order[start : start + _BATCH]
        texts = [[TextSegment(segment.quad, segment.text) for segment in receipts[i].segments] for i in part]
        found |= {i: one.fields for i, one in zip(part, predictor.explain(texts), strict=True)}
    return [found[i] for i in range(len(receipts))]


def evaluate(predictor: Predictor, data: Path, split: str = "validation") -> dict[str, Any]:
    """Measure task 3 from given text: precision, recall and F1 of all receipts and of unseen companies, F1 per field.

    Args:
        predictor: The predictor to measure.
        data: Dataset in the layout of SROIE.
        split: Split of the dataset; unseen companies are measured on `validation` only.
    """
    receipts = load_split(data, split)
    labels = [receipt.entities for receipt in receipts]
    found = [values(fields) for fields in answers(predictor, receipts)]
    result: dict[str, Any] = {"receipts": len(receipts), "all": compare_entities(labels, found).to_dict()}
    if split == "validation":
        unseen = {receipt.key for receipt in load_split(data, "validation_unseen_company")}
        chosen = [i for i, receipt in enumerate(receipts) if receipt.key in unseen]
        result["unseen_company"] = compare_entities([labels[i] for i in chosen], [found[i] for i in chosen]).to_dict()
    for name in FIELD_NAMES:
        result[name] = {"f1": compare_entities(labels, found, [name]).f1}
    return result


def mistakes(predictor: Predictor, receipts: Sequence[LabeledReceipt]) -> list[tuple[str, str, str, str]]:
    """Return every wrong or missing value: key, field, label, answer ("" for none)."""
    wrong: list[tuple[str, str, str, str]] = []
    for receipt, fields in zip(receipts, answers(predictor, receipts), strict=True):
        found = values(fields)
        for name in FIELD_NAMES:
            label, answer = receipt.entities[name], found.get(name, "")
            if not is_same_value(label, answer) and (label or answer):
                wrong.append((receipt.key, name, label, answer))
    return wrong


def main() -> None:
    """Command line: `python -m services.extractor.training.evaluate --data DIR [--split NAME] [--mistakes]`."""
    parser = argparse.ArgumentParser(description="Measure the extractor on given text.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="validation")
    parser.add_argument("--mistakes", action="store_true", help="list every wrong value")
    arguments = parser.parse_args()
    predictor = Predictor.load(ExtractorSettings.from_environment().for_measurement())
    if arguments.mistakes:
        for row in mistakes(predictor, load_split(arguments.data, arguments.split)):
            print("\t".join(row))
    print(json.dumps(evaluate(predictor, arguments.data, arguments.split), indent=1))


if __name__ == "__main__":
    main()
