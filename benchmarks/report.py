"""Writes the results of benchmarks: JSON, tables and plots."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_json(path: Path, result: object) -> None:
    """Write a result as JSON; create the folder if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def write_files(name: str, result: dict[str, Any], table: str, folder: Path) -> None:
    """Write `NAME.json` and, with a Markdown table, `NAME.md`; print the table."""
    write_json(folder / f"{name}.json", result)
    (folder / f"{name}.md").write_text(table + "\n", encoding="utf-8")
    print(table)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a plot as a picture."""
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def processor_name() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
