"""What corrections are worth: receipts come one by one, and each wrong company or address is corrected at once.

Works on the answers of an evaluation; no network is run. Each receipt is answered by what those before it taught.

python -m benchmarks.teaching --predictions runs/predictions.jsonl
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
    """Reads the arguments and prints what teaching changed, for several orders of the receipts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictions", type=Path, required=True, help="what `quittance evaluate` wrote")
    parser.add_argument("--orders", type=int, default=10, help="orders that the receipts come in")
    arguments = parser.parse_args()
    records = [record for record in read_records(arguments.predictions) if record.receipt is not None]
    total: Counter[str] = Counter()
    for seed in range(arguments.orders):
        shuffled = list(records)
        random.Random(seed).shuffle(shuffled)
        total += run(shuffled)
    counts = {name: round(count / arguments.orders, 2) for name, count in sorted(total.items())}
    print(json.dumps({"receipts": len(records), "orders": arguments.orders, "mean": counts}, indent=2))


def run(records: Sequence[Record]) -> Counter[str]:
    """Counts the fields that were right without what was taught and with it, and the answers that it changed.

    Args:
        records: With receipts, in the order in which they come.
    """
    known = load_directory()
    lessons: list[MerchantCorrection] = []
    counts: Counter[str] = Counter()
    for record in records:
        assert record.receipt is not None  # noqa: S101 - left out before
        before = record.receipt.fields
        after = Teaching(lessons, known).apply(before, record.receipt.lines) if lessons else before
        for name in _NAMES:
            label = record.entities[name]
            old, new = before.get(name), after.get(name)
            was, is_now = (is_same_value(label, field.value if field else None) for field in (old, new))
            counts[f"{name}: right without"] += was
            counts[f"{name}: right with"] += is_now
            counts[f"{name}: right with, punctuation aside"] += _same_letters(label, new)
            counts[f"{name}: right without, punctuation aside"] += _same_letters(label, old)
            if old != new:
                counts[f"{name}: {'right' if was else 'wrong'} to {'right' if is_now else 'wrong'}"] += 1
            if not is_now and has_value(label):  # a person sees the answer with what was taught before
                owner = record.entities["company"] if name == "address" else None
                read = old.value if old else None
                lessons.append(MerchantCorrection(field=name, value=label, read=read, company=owner))
    return counts


def _same_letters(label: str, field: ReceiptField | None) -> bool:
    return letters(label) == letters(field.value if field else "")


if __name__ == "__main__":
    main()
