"""Tesseract as its command line: English, its defaults, one process per picture."""

from __future__ import annotations

import csv
import os
import subprocess
from collections import defaultdict
from typing import Any


class Reader:
    """Finds and reads text.

    Args:
        cores: Number of cores of the process.
        limited: Limit it to one thread per core; as installed, it starts four.
    """

    def __init__(self, cores: int, *, limited: bool = False) -> None:
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
        if limited:
            self._environment["OMP_THREAD_LIMIT"] = str(cores)
        output = subprocess.run(["tesseract", "--version"], check=True, capture_output=True, text=True)
        self.version = f"Tesseract {output.stdout.split()[1]}, {cores if limited else 'its own'} threads"

    def read(self, picture: bytes) -> list[Any]:
        """Return the quads and texts of a picture, one per line that Tesseract finds."""
        command = ["tesseract", "stdin", "stdout", "-l", "eng", "tsv"]
        result = subprocess.run(command, input=picture, check=True, capture_output=True, env=self._environment)
        rows = csv.DictReader(result.stdout.decode().splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
        lines: dict[tuple[str, ...], list[dict[str, str]]] = defaultdict(list)
        for row in rows:
            if row["level"] == "5" and row["text"].strip():
                lines[row["block_num"], row["par_num"], row["line_num"]].append(row)
        return [[_enclosing_quad(words), " ".join(word["text"] for word in words)] for words in lines.values()]

    def close(self) -> None:
        """Do nothing."""


def _enclosing_quad(words: list[dict[str, str]]) -> list[tuple[int, int]]:
    left, top = (min(int(word[side]) for word in words) for side in ("left", "top"))
    right = max(int(word["left"]) + int(word["width"]) for word in words)
    bottom = max(int(word["top"]) + int(word["height"]) for word in words)
    return [(left, top), (right, top), (right, bottom), (left, bottom)]
