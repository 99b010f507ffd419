"""Measures what corrections are worth: receipts arrive one by one, and each wrong company or address is corrected.

    python -m benchmarks.teaching --predictions runs/predictions.jsonl

Works on the records of an evaluation; runs no network. Each receipt benefits from the corrections of those before it.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from quittance.evaluation.records import Record, read_records
from services.extractor.merchants import letters, load_directory
from services.extractor.teaching import Teaching
from shared.contracts import MerchantCorrection, ReceiptField
from shared.measures.entities import has_value, is_same_value

_NAMES: tuple[Literal["company", "address"], ...] = ("company", "address")


def main() -> None:
    """Read the arguments and print what the corrections changed, averaged over several orders of the receipts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--predictions", type=Path, required=True, help="written by `quittance evaluate --predictions`")
    parser.add_argument("--orders", type=int, default=10, help="number of random orders of the receipts")
    arguments = parser.parse_args()
    records = [record for record in read_records(arguments.predictions) if record.receipt is not None]
    total: Counter[str] = Counter()
    for seed in range(arguments.orders):
        shuffled = list(records)
        random.Random(seed).shuffle(shuffled)
        total += count_changes(shuffled)
    counts = {name: round(count / arguments.orders, 2) for name, count in sorted(total.items())}
    print(json.dumps({"receipts": len(records), "orders": arguments.orders, "mean": counts}, indent=2))


def count_changes(records: Sequence[Record]) -> Counter[str]:
    """Count the fields that are right with and without corrections, and the answers that the corrections changed.

    Args:
        records: Records with a receipt, in order of arrival.
    """
    known = load_directory()
    lessons: list[MerchantCorrection] = []
    counts: Counter[str] = Counter()
    for record in records:
        assert record.receipt is not None  # noqa: S101 - see `main`
        before = record.receipt.fields
        after = Teaching(lessons, known).apply(before, record.receipt.lines) if lessons else before
        for name in _NAMES:
            label = record.entities[name]
            old, new = before.get(name), after.get(name)
            was_right, is_right = (is_same_value(label, field.value if field else None) for field in (old, new))
            counts[f"{name}: right without"] += was_right
            counts[f"{name}: right with"] += is_right
            counts[f"{name}: right with, punctuation aside"] += _same_letters(label, new)
            counts[f"{name}: right without, punctuation aside"] += _same_letters(label, old)
            if old != new:
                counts[f"{name}: {'right' if was_right else 'wrong'} to {'right' if is_right else 'wrong'}"] += 1
            if not is_right and has_value(label):  # people see the answer with the earlier corrections
                owner = record.entities["company"] if name == "address" else None
                read = old.value if old else None
                lessons.append(MerchantCorrection(field=name, value=label, read=read, company=owner))
    return counts


def _same_letters(label: str, field: ReceiptField | None) -> bool:
    return letters(label) == letters(field.value if field else "")


if __name__ == "__main__":
    main()
