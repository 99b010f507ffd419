"""Measures how much damage costs: the whole chain on a split and on damaged copies of it.

    python -m benchmarks.robustness --data DIR --output runs/robustness.json [--limit N] [--kinds skewed,table]

Kinds that the output file already has, for the same receipts, seed and models, are not measured again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.damage import KINDS, write_copy
from benchmarks.receipts import load_spread
from benchmarks.report import write_json
from quittance.evaluation.chain import Chain, read_labeled, start_chain
from quittance.evaluation.evaluate import unseen_companies
from quittance.evaluation.records import Record
from quittance.evaluation.scores import score
from shared.learning.dataset import load_split, write_split
from shared.learning.labels import LabeledReceipt

CLEAN = "clean"
# The rotation that the chain should undo, in degrees.
_ROTATIONS = {"turned_90": 90, "turned_180": 180, "turned_270": 270}


async def measure_kind(
    chain: Chain, receipts: Sequence[LabeledReceipt], kind: str, seed: int, unseen: set[str]
) -> dict[str, Any]:
    """Measure one kind of damage; the copies are in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        copies = list(receipts)
        if kind != CLEAN:
            write_copy(receipts, kind, seed, Path(folder))
            write_split(Path(folder), {"copy": [receipt.key for receipt in receipts]})
            copies = load_split(Path(folder), "copy")
        records = [await read_labeled(chain, receipt, receipt.key in unseen) for receipt in copies]
    measures = score(records)
    return {
        "task3": measures["task3"]["pixels"]["all"]["f1"],
        "task2": measures["task2"]["pixels"]["f1"],
        "deteval": measures["task1"]["deteval"]["hmean"],
        "iou50": measures["task1"]["iou50"]["hmean"],
        "rotation_right": _share_of_right_rotations(records, _ROTATIONS.get(kind, 0)),
    }


def _share_of_right_rotations(records: Sequence[Record], expected: int) -> float:
    """Return the share of receipts whose rotation was found, 0 to 1."""
    found = [record.receipt.pages[0].rotation if record.receipt else None for record in records]
    return sum(rotation == expected for rotation in found) / len(records)


async def measure(
    data: Path, split: str, kinds: Sequence[str], *, limit: int | None, seed: int, output: Path
) -> dict[str, Any]:
    """Measure kinds of damage one after the other; write the file after each."""
    receipts = load_spread(data, split, limit)
    about = {"split": split, "receipts": len(receipts), "seed": seed}
    known = _read(output)
    results: dict[str, Any] = known if known.get("about") == about else {"about": about, "kinds": {}}
    unseen = unseen_companies(data, split) or set()
    async with start_chain() as chain:
        results["models"] = (await chain.stages.models()).model_dump()
        for kind in kinds:
            if kind in results["kinds"] and known.get("models") == results["models"]:
                continue
            results["kinds"][kind] = await measure_kind(chain, receipts, kind, seed, unseen)
            write_json(output, results)
            print(kind, results["kinds"][kind], flush=True)
    return results


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return content


def build_table(results: dict[str, Any]) -> Table:
    """Return the results as a table; losses are percentage points relative to the clean receipts."""
    kinds = results["kinds"]
    table = Table(title=f"{results['about']['receipts']} damaged receipts", title_justify="left")
    for name in ("Damage", "Fields F1", "Loss", "Words F1", "DetEval", "Rotation found"):
        table.add_column(name, justify="left" if name == "Damage" else "right")
    for kind, one in kinds.items():
        loss = f"{100 * (kinds[CLEAN]['task3'] - one['task3']):.1f}" if CLEAN in kinds else ""
        numbers = (f"{one[name]:.3f}" for name in ("task2", "deteval", "rotation_right"))
        table.add_row(kind, f"{one['task3']:.3f}", loss, *numbers)
    return table


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="validation")
    parser.add_argument("--kinds", default=",".join((CLEAN, *KINDS)))
    parser.add_argument("--limit", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True)
    options = vars(parser.parse_args())
    kinds = options.pop("kinds").split(",")
    if unknown := sorted(set(kinds) - {CLEAN, *KINDS}):
        parser.error(f"unknown damage {', '.join(unknown)}; the kinds are {', '.join((CLEAN, *KINDS))}")
    Console().print(build_table(asyncio.run(measure(kinds=kinds, **options))))


if __name__ == "__main__":
    main()
