"""What the measures have in common: archives of receipts, and what a run must have written."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.processes import ROOT
from bulk.options import BulkOptions, StageOptions
from bulk.output import OutputFolder
from synthesis.generator import generate

# Enough for the pixels of a few blocks per stage.
STORE_BYTES = 200 * 2**20


def prepare_receipts(folder: Path, count: int) -> list[Path]:
    """Return the pictures of rendered receipts, which are rendered unless the folder has them."""
    receipts = folder / f"receipts-{count}"
    if not receipts.is_dir():
        generate(receipts, count, seed=1, workers=os.cpu_count() or 1)
    return sorted(path for path in receipts.rglob("*.jpg"))


def empty_folder(path: Path) -> Path:
    """Return a folder without files."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def make_options(inputs: Path, output: Path, **changes: Any) -> BulkOptions:
    """Return options for a folder on this machine, with files small enough to see progress."""
    values: dict[str, Any] = {"rows_per_file": 16, "object_store_bytes": STORE_BYTES, **changes}
    return BulkOptions((str(inputs),), str(output), stages=StageOptions.from_environment(), **values)


def prepare_environment() -> None:
    """Let Ray's processes find this source tree, and compete with other programs for the processor."""
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112
    os.environ["PYTHONPATH"] = str(ROOT)


def read_errors(output: Path) -> dict[str, str | None]:
    """Return the code of the error of each source, or None; raise ValueError if a source has several rows."""
    rows = [
        (source, None if error is None else str(error["code"]))
        for table in OutputFolder(str(output)).read(["source", "error"])
        for source, error in zip(table["source"].to_pylist(), table["error"].to_pylist(), strict=True)
    ]
    doubled = [source for source, count in Counter(source for source, _ in rows).items() if count > 1]
    if doubled:
        raise ValueError(f"{len(doubled)} sources have several rows, for example {doubled[0]}.")
    return dict(rows)


def find_faults(output: Path, paths: Iterable[Path], broken: Iterable[Path] = ()) -> list[str]:
    """Return what is wrong with an output: rows that are missing, doubled, or have an error or none by mistake."""
    try:
        errors = read_errors(output)
    except ValueError as error:
        return [str(error)]
    expected, bad = {str(path) for path in paths}, {str(path) for path in broken}
    faults = []
    if missing := expected - errors.keys():
        faults.append(f"{len(missing)} rows are missing")
    if strange := errors.keys() - expected:
        faults.append(f"{len(strange)} rows are of no input")
    if wrong := {source for source, code in errors.items() if code is not None} ^ (bad & errors.keys()):
        faults.append(f"{len(wrong)} rows have an error, or none, by mistake")
    return faults
