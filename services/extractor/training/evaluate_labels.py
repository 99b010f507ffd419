"""How well the network labels every segment of a receipt, from given text: CORD's values and WildReceipt's."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from services.extractor.encoding import TextSegment, encode
from services.extractor.items import segment_probabilities
from services.extractor.network.classes import CLASSES
from services.extractor.network.engine import Engine, compute_probabilities
from services.extractor.training.labeling.targets import CORD_CLASSES, WILD_CLASSES
from shared.learning.cord import load_cord
from shared.learning.dataset import load_split
from shared.measures.matches import Matches

_BATCH = 16
_NOTHING = ""
WILD_VALUES = (
    "Store_name_value",
    "Store_addr_value",
    "Tel_value",
    "Date_value",
    "Time_value",
    "Prod_item_value",
    "Prod_quantity_value",
    "Prod_price_value",
    "Subtotal_value",
    "Tax_value",
    "Tips_value",
    "Total_value",
)
"""The value classes of WildReceipt that its macro F1 is the mean of."""


def label_segments(
    engine: Engine, receipts: Sequence[Sequence[TextSegment]], classes: Mapping[str, Sequence[str]]
) -> list[list[str]]:
    """Give each segment one of a dataset's labels, or '' where other classes are likelier, in the order given.

    Args:
        engine: Runs the network.
        receipts: Segments of each receipt.
        classes: The classes that each label covers.
    """
    owner = np.full(len(CLASSES), len(classes))
    for number, names in enumerate(classes.values()):
        owner[[CLASSES.index(name) for name in names]] = number
    # The other classes compete with the labels one by one.
    rest = [[number] for number in np.flatnonzero(owner == len(classes))]
    columns = [np.flatnonzero(owner == number) for number in range(len(classes))] + [np.array(one) for one in rest]
    names = [*classes, *(_NOTHING for _ in rest)]
    found: dict[int, list[str]] = {}
    order = sorted(range(len(receipts)), key=lambda i: sum(len(segment.text) for segment in receipts[i]))
    for start in range(0, len(order), _BATCH):
        part = order[start : start + _BATCH]
        documents = [encode(receipts[i]) for i in part]
        for i, document, scores in zip(part, documents, compute_probabilities(engine, documents), strict=True):
            answers = [_NOTHING] * len(receipts[i])
            if len(document.order):
                means = segment_probabilities(document, scores)
                best = np.stack([means[:, column].sum(axis=1) for column in columns], axis=1).argmax(axis=1)
                for place, index in enumerate(document.order):
                    answers[index] = names[best[place]]
            found[i] = answers
    return [found[i] for i in range(len(receipts))]


def label_matches(labels: Sequence[Sequence[str]], answers: Sequence[Sequence[str]]) -> dict[str, Matches]:
    """Compare labels of segments, '' for none, receipt by receipt; returns the matches of each label."""
    found: dict[str, Matches] = {}
    pairs = [pair for two in zip(labels, answers, strict=True) for pair in zip(*two, strict=True)]
    for name in sorted({name for pair in pairs for name in pair if name}):
        found[name] = Matches(
            matched=sum(label == answer == name for label, answer in pairs),
            labeled=sum(label == name for label, _ in pairs),
            answered=sum(answer == name for _, answer in pairs),
        )
    return found


def measure_cord(engine: Engine, root: Path, split: str = "validation") -> dict[str, Any]:
    """Measure micro F1 over the values of CORD; words that announce them count only where they are taken for one."""
    receipts = load_cord(root, split)
    labels = [[_NOTHING if one.is_key else one.label for one in receipt.segments] for receipt in receipts]
    texts = [[TextSegment(one.quad, one.text) for one in receipt.segments] for receipt in receipts]
    covered = {label: names for label, names in CORD_CLASSES.items() if not label.startswith("void")}
    covered.pop("menu.itemsubtotal")
    by_label = label_matches(labels, label_segments(engine, texts, covered))
    return {"micro_f1": sum(by_label.values(), Matches()).f1, **{name: one.f1 for name, one in by_label.items()}}


def measure_wild(engine: Engine, root: Path, split: str = "validation") -> dict[str, Any]:
    """Measure macro F1 over the 12 value classes of WildReceipt."""
    receipts = load_split(root, split)
    labels = [[one.label if one.label in WILD_VALUES else _NOTHING for one in r.segments] for r in receipts]
    texts = [[TextSegment(one.quad, one.text) for one in receipt.segments] for receipt in receipts]
    covered = {label: WILD_CLASSES[label] for label in WILD_VALUES}
    by_label = label_matches(labels, label_segments(engine, texts, covered))
    f1 = {name: by_label.get(name, Matches()).f1 for name in WILD_VALUES}
    return {"macro_f1": sum(f1.values()) / len(f1), **f1}


def main() -> None:
    """Command line: `python -m services.extractor.training.evaluate_labels --items DIR --photographs DIR`."""
    from services.extractor.network.loading import load_engine, read_weights
    from services.extractor.settings import ExtractorSettings

    parser = argparse.ArgumentParser(description="Measure the labels of segments on given text.")
    parser.add_argument("--items", type=Path, help="a dataset in the layout of CORD")
    parser.add_argument("--photographs", type=Path, help="a dataset in the layout of WildReceipt")
    arguments = parser.parse_args()
    settings = ExtractorSettings.from_environment()
    engine = load_engine(read_weights(settings.weights), settings)
    result = {}
    if arguments.items:
        result["cord"] = measure_cord(engine, arguments.items)
    if arguments.photographs:
        result["wild"] = measure_wild(engine, arguments.photographs)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
