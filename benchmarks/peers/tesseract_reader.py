"""Tesseract as its command: English, its own defaults; a process for each picture, as that is how it is used."""

from __future__ import annotations

import csv
import os
import subprocess
from collections import defaultdict
from typing import Any


class Reader:
    """Finds and reads text.

    Args:
        cores: How many the process has.
        limited: Whether it is held to a thread for each core; as it is installed, it starts four.
    """

    def __init__(self, cores: int, *, limited: bool = False) -> None:
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
        if limited:
            self._environment["OMP_THREAD_LIMIT"] = str(cores)
        told = subprocess.run(["tesseract", "--version"], check=True, capture_output=True, text=True)
        self.version = f"Tesseract {told.stdout.split()[1]}, {cores if limited else 'its own'} threads"

    def read(self, picture: bytes) -> list[Any]:
        """The lines of a picture, as Tesseract parts it into lines."""
        command = ["tesseract", "stdin", "stdout", "-l", "eng", "tsv"]
        done = subprocess.run(command, input=picture, check=True, capture_output=True, env=self._environment)
        rows = csv.DictReader(done.stdout.decode().splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
        lines: dict[tuple[str, ...], list[dict[str, str]]] = defaultdict(list)
        for row in rows:
            if row["level"] == "5" and row["text"].strip():
                lines[row["block_num"], row["par_num"], row["line_num"]].append(row)
        return [[_box(words), " ".join(word["text"] for word in words)] for words in lines.values()]

    def close(self) -> None:
        """Nothing to end."""


def _box(words: list[dict[str, str]]) -> list[tuple[int, int]]:
    left, top = (min(int(word[side]) for word in words) for side in ("left", "top"))
    right = max(int(word["left"]) + int(word["width"]) for word in words)
    bottom = max(int(word["top"]) + int(word["height"]) for word in words)
    return [(left, top), (right, top), (right, bottom), (left, bottom)]
