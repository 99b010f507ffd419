"""Count the n-grams of labeled receipts.

Run `python -m services.recognizer.training.language --data DIR`; `--help` lists further data.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from services.recognizer.alphabet import Alphabet
from services.recognizer.language.model import NAME, WEIGHTS, count_ngrams
from services.recognizer.predictor import Predictor
from services.recognizer.settings import RecognizerSettings
from services.recognizer.training.evaluate import read_given_boxes
from shared.inference.weights import Manifest, save_weights
from shared.learning.agreement import load_agreed_receipts
from shared.learning.dataset import load_split
from shared.learning.labels import LabeledReceipt

# Length of the n-grams.
ORDER = 6


def copy_spaces(label: str, reading: str) -> str:
    """Copy the spaces of a reading to a label of the same print that has none.

    >>> copy_spaces("THANKYOU!", "Thank you")
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


def collect_texts(receipts: Sequence[LabeledReceipt], predictor: Predictor) -> list[str]:
    """Collect the labels of receipts, with spaces as read by the recognizer if the labels have none."""
    texts = [segment.text for receipt in receipts if receipt.spaced for segment in receipt.segments]
    crowded = [receipt for receipt in receipts if not receipt.spaced]
    readings, _ = read_given_boxes(crowded, predictor)
    for receipt, of_receipt in zip(crowded, readings, strict=True):
        pairs = zip(receipt.segments, of_receipt, strict=True)
        texts += [copy_spaces(segment.text, reading.text) for segment, reading in pairs]
    return texts


def export_model(texts: Sequence[str], folder: Path, *, data: str, order: int = ORDER) -> Manifest:
    """Count the n-grams of texts and write them.

    Args:
        texts: Segments with their spaces.
        folder: Folder to write to.
        data: Origin of the texts for the manifest.
        order: Length of the n-grams.
    """
    alphabet = Alphabet()
    ngrams, counts = count_ngrams(texts, alphabet, order)
    return save_weights(
        folder,
        {"ngrams": ngrams, "counts": counts.astype(np.int32)},
        name=NAME,
        architecture={"order": order, "accents": False},
        alphabet=alphabet.characters,
        training={
            "data": data,
            "segments": len(texts),
            "command": "python -m services.recognizer.training.language",
        },
        measures={},
    )


def load_receipts(options: argparse.Namespace) -> tuple[list[LabeledReceipt], str]:
    """Load the training receipts of all data sets; return them and their origin."""
    receipts = list(load_split(options.data, "train"))
    origins = ["SROIE, split train (ICDAR 2019, CC BY 4.0)"]
    if options.photographs is not None:
        receipts += load_split(options.photographs, "train")
        origins.append("WildReceipt, split train (arXiv:2103.14470, Apache-2.0)")
    if options.unlabeled is not None:
        receipts += load_agreed_receipts(options.unlabeled)
        origins.append("unlabeled pictures of it, where two readers agree")
    if options.synthetic is not None:
        receipts += load_split(options.synthetic, "train")
        origins.append("synthetic receipts (quittance synthesize)")
    return receipts, "; ".join(origins)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Count the n-grams of labeled receipts for the recognizer.")
    parser.add_argument("--data", type=Path, required=True, help="data set in the layout of SROIE")
    parser.add_argument("--photographs", type=Path, help="data set in the layout of WildReceipt")
    parser.add_argument("--unlabeled", type=Path, help="pictures, with readings of several readers beside the folder")
    parser.add_argument("--synthetic", type=Path, help="data set of synthetic receipts in the layout of SROIE")
    parser.add_argument("--export", type=Path, default=WEIGHTS, help="folder to write to (default: %(default)s)")
    options = parser.parse_args()
    receipts, data = load_receipts(options)
    settings = RecognizerSettings.from_environment().model_copy(update={"language": "off"})
    texts = collect_texts(receipts, Predictor.load(settings))
    print(export_model(texts, options.export, data=data).version)


if __name__ == "__main__":
    main()
