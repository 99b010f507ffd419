"""Runs the chain over a split of labeled receipts and measures the answers."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from quittance.evaluation.chain import read_labeled, start_chain
from quittance.evaluation.records import Record
from quittance.evaluation.scores import score
from shared.learning.dataset import load_split, read_split_keys
from shared.learning.labels import DatasetError


async def evaluate(
    data: Path, split: str, *, limit: int | None = None, progress: Callable[[Record, int], None] | None = None
) -> tuple[list[Record], dict[str, Any]]:
    """Run the chain over a split.

    Args:
        data: Folder of labeled receipts in the SROIE layout.
        split: Name of the split in its `split.json`.
        limit: Maximum number of receipts; the first ones are taken.
        progress: Called after each receipt with its record and the total number of receipts.

    Returns:
        The records, and the measures: the keys of `rescore`, `seconds.startup` and `peak_memory_mib`.

    Raises:
        DatasetError: If the data set cannot be read or the split is empty.
    """
    receipts = load_split(data, split)[:limit]
    if not receipts:
        raise DatasetError(f"The split {split!r} of {data} has no receipts.")
    unseen = unseen_companies(data, split)
    records: list[Record] = []
    async with start_chain() as chain:
        for labeled in receipts:
            record = await read_labeled(chain, labeled, None if unseen is None else labeled.key in unseen)
            records.append(record)
            if progress is not None:
                progress(record, len(receipts))
        measures = {**rescore(records), "models": (await chain.stages.models()).model_dump()}
        measures["seconds"]["startup"] = chain.startup_seconds
    measures["peak_memory_mib"] = _peak_memory_mib()
    return records, measures


def rescore(records: Sequence[Record]) -> dict[str, Any]:
    """Measure records without running a model.

    Returns:
        The measures of `quittance.evaluation.scores.score`, `failed` (the number of receipts with a problem) and
        `models` (the versions that answered; empty if every receipt was rejected).
    """
    models = next((record.receipt.models.model_dump() for record in records if record.receipt), {})
    failed = sum(record.problem is not None for record in records)
    return {**score(records), "models": models, "failed": failed}


def unseen_companies(data: Path, split: str) -> set[str] | None:
    """Return the keys of the receipts whose company is on no training receipt; None if the data set does not say."""
    name = split if split.endswith("_unseen_company") else f"{split}_unseen_company"
    try:
        return set(read_split_keys(data, name))
    except DatasetError:
        return None


def write_measures(path: Path, measures: dict[str, Any]) -> None:
    """Write measures as JSON; create the folder if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(measures, indent=2) + "\n", encoding="utf-8")


def _peak_memory_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS, KiB elsewhere
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
