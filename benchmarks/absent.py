"""What is answered for a field that is not on the receipt: receipts with one field painted over.

`python -m benchmarks.absent --data DIR --output runs/absent.json [--limit N]`. Every print of the field's value is
painted over with the paper around it; an answer to that field is then a false one, however plausible.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from quittance.evaluation.chain import start_chain
from quittance.extract import to_contract
from quittance_client import AsyncClient
from services.extractor.training.labels import label
from shared.arrays import Floats, Pixels
from shared.contracts import FIELD_NAMES
from shared.learning.dataset import load_split
from shared.learning.labels import LabeledReceipt
from shared.normalization import find_amounts, find_dates, parse_amount, parse_date

_MARGIN = 3


def prints_of(receipt: LabeledReceipt, name: str) -> list[Floats]:
    """The quads (4 x 2) of all segments that print a field's value, whole or in part."""
    number = 1 + FIELD_NAMES.index(name)
    quads = [segment.quad for segment in label(receipt) if (segment.labels == number).any()]
    quads += [segment.quad for segment in receipt.segments if _says(segment.text, name, receipt.entities[name])]
    return quads


def _says(text: str, name: str, value: str) -> bool:
    """Whether a text holds the same day or the same amount as a value, in whatever form."""
    if name == "date":
        day = parse_date(value)
        return day is not None and any(day in (match.day_first, match.month_first) for match in find_dates(text))
    if name == "total":
        amount = parse_amount(value)
        return amount is not None and any(match.amount == amount for match in find_amounts(text))
    return False


def painted(image: Pixels, quads: Sequence[Floats]) -> Pixels:
    """A copy of a picture (H x W x 3) with quads painted over in the color of the paper around each."""
    result = image.copy()
    height, width = image.shape[:2]
    for quad in quads:
        (x0, y0), (x1, y1) = quad.min(axis=0).astype(int) - _MARGIN, quad.max(axis=0).astype(int) + _MARGIN
        x0, y0, x1, y1 = max(0, x0), max(0, y0), min(width, x1), min(height, y1)
        if x1 <= x0 or y1 <= y0:
            continue
        # Paper is the lighter part of what is there.
        around = image[max(0, y0 - 4) : y1 + 4, max(0, x0 - 4) : x1 + 4].reshape(-1, 3)
        result[y0:y1, x0:x1] = np.percentile(around, 80, axis=0).astype(np.uint8)
    return result


async def measure(data: Path, split: str, *, limit: int | None) -> dict[str, Any]:
    """Paint over each field of each receipt in turn and count what is answered for it.

    Returns:
        For each field and for `all`: `cases`, `false` (their share that was answered), and the mean `confidence` of
        these answers.
    """
    receipts = load_split(data, split)
    if limit is not None and limit < len(receipts):
        receipts = receipts[:: len(receipts) // limit][:limit]
    answers: dict[str, list[float | None]] = {name: [] for name in FIELD_NAMES}
    async with start_chain() as running:
        for receipt in receipts:
            for name in FIELD_NAMES:
                if quads := prints_of(receipt, name):
                    answers[name].append(await _answer(running.client, painted(receipt.read_image(), quads), name))
    result: dict[str, Any] = {name: _summary(given) for name, given in answers.items()}
    every = [answer for given in answers.values() for answer in given]
    return {"receipts": len(receipts), **result, "all": _summary(every)}


async def _answer(client: AsyncClient, image: Pixels, name: str) -> float | None:
    """The confidence of what is answered for a field; None if nothing is."""
    _, png = cv2.imencode(".png", image)
    field = to_contract(await client.receipts.read(png.tobytes())).fields.get(name)
    return None if field is None else field.confidence


def _summary(given: Sequence[float | None]) -> dict[str, float]:
    false = [confidence for confidence in given if confidence is not None]
    return {
        "cases": len(given),
        "false": len(false) / max(1, len(given)),
        "confidence": float(np.mean(false)) if false else 0.0,
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Count answers to fields that are painted over.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="validation")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    results = asyncio.run(measure(options.data, options.split, limit=options.limit))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
