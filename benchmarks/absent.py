"""Measures how often a field is returned that is not on the receipt: one field is painted over.

    python -m benchmarks.absent --data DIR --output runs/absent.json [--limit N]

Every print of the value is painted over with the color of the paper around it. Any answer to that field is then wrong.
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

from benchmarks.receipts import load_spread
from benchmarks.report import write_json
from quittance.evaluation.chain import start_chain
from quittance.extract import to_contract
from quittance_client import AsyncClient
from services.extractor.training.labeling.fields import label
from shared.arrays import Floats, Pixels
from shared.contracts import FIELD_NAMES
from shared.learning.labels import LabeledReceipt
from shared.normalization import find_amounts, find_dates, parse_amount, parse_date

_MARGIN_PX = 3
_BORDER_PX = 4
_PAPER_PERCENTILE = 80  # paper is lighter than print


def find_prints(receipt: LabeledReceipt, name: str) -> list[Floats]:
    """Return the quads, (4, 2) each, of all segments with a value of a field or a part of it."""
    number = 1 + FIELD_NAMES.index(name)
    quads = [segment.quad for segment in label(receipt) if (segment.labels == number).any()]
    quads += [segment.quad for segment in receipt.segments if _contains(segment.text, name, receipt.entities[name])]
    return quads


def _contains(text: str, name: str, value: str) -> bool:
    """Return whether a text has the same day or amount as a value, in any notation."""
    if name == "date":
        day = parse_date(value)
        return day is not None and any(day in (match.day_first, match.month_first) for match in find_dates(text))
    if name == "total":
        amount = parse_amount(value)
        return amount is not None and any(match.amount == amount for match in find_amounts(text))
    return False


def paint_over(image: Pixels, quads: Sequence[Floats]) -> Pixels:
    """Return a copy of a picture, (H, W, 3), with each quad painted over in the color of the paper around it."""
    result = image.copy()
    height, width = image.shape[:2]
    for quad in quads:
        (x0, y0), (x1, y1) = quad.min(axis=0).astype(int) - _MARGIN_PX, quad.max(axis=0).astype(int) + _MARGIN_PX
        x0, y0, x1, y1 = max(0, x0), max(0, y0), min(width, x1), min(height, y1)
        if x1 <= x0 or y1 <= y0:
            continue
        rows, columns = (slice(max(0, low - _BORDER_PX), high + _BORDER_PX) for low, high in ((y0, y1), (x0, x1)))
        around = image[rows, columns].reshape(-1, 3)
        result[y0:y1, x0:x1] = np.percentile(around, _PAPER_PERCENTILE, axis=0).astype(np.uint8)
    return result


async def measure(data: Path, split: str, *, limit: int | None) -> dict[str, Any]:
    """Paint over each field of each receipt in turn and count the answers.

    Returns:
        For each field and for `all`: `cases`, `false` (the share of cases with an answer), and the mean `confidence`
        of these answers.
    """
    receipts = load_spread(data, split, limit)
    answers: dict[str, list[float | None]] = {name: [] for name in FIELD_NAMES}
    async with start_chain() as chain:
        for receipt in receipts:
            for name in FIELD_NAMES:
                if quads := find_prints(receipt, name):
                    answers[name].append(await _answer(chain.client, paint_over(receipt.read_image(), quads), name))
    result: dict[str, Any] = {name: _summarize(given) for name, given in answers.items()}
    every = [answer for given in answers.values() for answer in given]
    return {"receipts": len(receipts), **result, "all": _summarize(every)}


async def _answer(client: AsyncClient, image: Pixels, name: str) -> float | None:
    """Return the confidence of the answer for a field; None if there is none."""
    _, png = cv2.imencode(".png", image)
    field = to_contract(await client.receipts.read(png.tobytes())).fields.get(name)
    return None if field is None else field.confidence


def _summarize(given: Sequence[float | None]) -> dict[str, float]:
    false = [confidence for confidence in given if confidence is not None]
    return {
        "cases": len(given),
        "false": len(false) / max(1, len(given)),
        "confidence": float(np.mean(false)) if false else 0.0,
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="validation")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    results = asyncio.run(measure(options.data, options.split, limit=options.limit))
    write_json(options.output, results)
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
