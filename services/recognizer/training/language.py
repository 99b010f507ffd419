"""Count the n-grams of labeled receipts.

`python -m services.recognizer.training.language --data DIR --photographs DIR [--export DIR]`
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from services.recognizer.alphabet import Alphabet
from services.recognizer.language.model import NAME, WEIGHTS, count
from services.recognizer.predictor import Predictor
from services.recognizer.settings import RecognizerSettings
from services.recognizer.training.evaluate import read_given_boxes
from shared.inference.weights import Manifest, save_weights
from shared.learning.dataset import load_split
from shared.learning.labels import LabeledReceipt

ORDER = 6


def spaced_like(label: str, reading: str) -> str:
    """A label without spaces, with those of a reading of the same print.

    >>> spaced_like("THANKYOU!", "Thank you")
    'THANK YOU!'
    """
    plain = reading.replace(" ", "")
    spaces, seen = set(), 0
    for character in reading:
        if character == " ":
            spaces.add(seen)
        else:
            seen += 1
    out = []
    matcher = difflib.SequenceMatcher(None, plain.upper(), label.upper(), autojunk=False)
    before = {b + i: a + i for a, b, size in matcher.get_matching_blocks() for i in range(size)}
    for place, character in enumerate(label):
        if before.get(place) in spaces:
            out.append(" ")
        out.append(character)
    return "".join(out).strip()


def texts_of(receipts: Sequence[LabeledReceipt], predictor: Predictor) -> list[str]:
    """The labels of receipts, with the spaces that the recognizer sees where the labels leave them out."""
    texts = [segment.text for receipt in receipts if receipt.spaced for segment in receipt.segments]
    crowded = [receipt for receipt in receipts if not receipt.spaced]
    readings, _ = read_given_boxes(crowded, predictor)
    for receipt, of_receipt in zip(crowded, readings, strict=True):
        pairs = zip(receipt.segments, of_receipt, strict=True)
        texts += [spaced_like(segment.text, reading.text) for segment, reading in pairs]
    return texts


def export(texts: Sequence[str], folder: Path, *, data: str, order: int = ORDER) -> Manifest:
    """Count the n-grams of some texts and write them.

    Args:
        texts: segments with their spaces.
        folder: where to.
        data: where the texts are from, for the manifest.
        order: length of the n-grams.
    """
    alphabet = Alphabet()
    ngrams, counts = count(texts, alphabet, order)
    return save_weights(
        folder,
        {"ngrams": ngrams, "counts": counts.astype(np.int32)},
        name=NAME,
        architecture={"order": order},
        alphabet=alphabet.characters,
        training={
            "data": data,
            "segments": len(texts),
            "command": "python -m services.recognizer.training.language --data DIR --photographs DIR",
        },
        measures={},
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Count the n-grams of labeled receipts for the recognizer.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--export", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    receipts = list(load_split(options.data, "train"))
    data = "SROIE, split train (ICDAR 2019, CC BY 4.0)"
    if options.photographs is not None:
        receipts += load_split(options.photographs, "train")
        data += "; WildReceipt, split train (arXiv:2103.14470, Apache-2.0)"
    settings = RecognizerSettings.from_environment().model_copy(update={"language": "off"})
    texts = texts_of(receipts, Predictor.load(settings))
    print(export(texts, options.export, data=data).version)


if __name__ == "__main__":
    main()
