"""What a benchmark found and on what, as files: JSON, a table and a plot."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_files(name: str, result: dict[str, Any], table: str, folder: Path) -> None:
    """Writes `NAME.json` and, with a table in Markdown, `NAME.md`; prints the table."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (folder / f"{name}.md").write_text(table + "\n", encoding="utf-8")
    print(table)


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a plot as a picture."""
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def processor() -> str:
    """Name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
