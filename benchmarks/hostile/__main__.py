"""Sends everything hostile to the four applications, and thousands of mutated pictures.

    python -m benchmarks.hostile --mutations 10000 --output runs/hostile.json

Ends with 1 if anything was answered with a 5xx or with no problem, took too long, or took more memory than the
containers have.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.hostile import calls, documents, pictures
from benchmarks.hostile.case import Call, File
from benchmarks.hostile.mutations import mutations
from benchmarks.hostile.sending import LONGEST_S, Answer, send_all, uploads
from benchmarks.processes import ROOT, MemoryWatch, four_processes

FILES: tuple[File, ...] = (*pictures.FILES, *documents.FILES)
# What docker-compose.yml gives the containers, in MiB; in the gateway's there are two renderers at most.
MOST_MIB = {"gateway": 872, "gateway renderer": 1100, "detector": 2048, "recognizer": 2048, "extractor": 1024}
_TOLD_EVERY = 500


@dataclass
class Tally:
    """What came of all requests of one kind."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    slowest: str = ""

    def add(self, answer: Answer) -> None:
        """Counts an answer."""
        self.statuses[answer.status] += 1
        if not self.seconds or answer.seconds > max(self.seconds):
            self.slowest = answer.name
        self.seconds.append(answer.seconds)
        if answer.fault:
            self.faults.append(f"{answer.name}: {answer.fault}")

    def figures(self) -> dict[str, Any]:
        """As they are printed and written."""
        ordered = sorted(self.seconds)
        return {
            "requests": len(ordered),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "seconds": {"median": round(ordered[len(ordered) // 2], 3), "longest": round(ordered[-1], 2)},
            "slowest": self.slowest,
            "faults": self.faults,
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs all of it and prints the figures; gives the status to exit with."""
    options = _parse(arguments)
    figures = asyncio.run(_run(options))
    print(json.dumps(figures, indent=2))
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(figures, indent=2) + "\n")
    over = [name for name, mib in figures["memory_mib"]["peak"].items() if mib > MOST_MIB[name]]
    return int(
        bool(over or any(figures[kind]["faults"] for kind in ("files", "requests", "mutations") if kind in figures))
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mutations", type=int, default=10_000, help="mutated pictures sent to the gateway")
    parser.add_argument("--seed", type=int, default=1, help="of the mutations")
    parser.add_argument("--at-once", type=int, default=4, help="mutations under way together; the rest one by one")
    parser.add_argument("--only", default="", help="only files and requests with this in their name")
    parser.add_argument("--output", type=Path, help="file for the figures as JSON")
    return parser.parse_args(arguments)


async def _run(options: argparse.Namespace) -> dict[str, Any]:
    console = Console(stderr=True)
    figures: dict[str, Any] = {"cores": os.cpu_count(), "longest_allowed_s": LONGEST_S, "files_made": len(FILES)}
    with four_processes({"QUITTANCE_CACHE_TTL_S": "0"}) as served, MemoryWatch(served) as memory:
        urls = {role: one.url for role, one in served.items()}
        chosen = [one for one in FILES if options.only in one.name]
        parts: list[tuple[str, Iterable[Call], int]] = [
            ("files", (call for one in chosen for call in uploads(one)), 1),
            ("requests", (one for one in calls.CALLS if options.only in one.name), 1),
            ("mutations", _mutations(options), options.at_once),
        ]
        for kind, sent, at_once in parts:
            tally, begun = Tally(), time.monotonic()
            async for answer in send_all(sent, urls, at_once=at_once):
                tally.add(answer)
                if answer.fault:
                    console.print(f"{answer.name}: {answer.fault}", markup=False)
                if len(tally.seconds) % _TOLD_EVERY == 0:
                    console.print(f"{kind}: {len(tally.seconds)} sent, {time.monotonic() - begun:.0f} s")
            if tally.seconds:
                figures[kind] = tally.figures() | {"took_s": round(time.monotonic() - begun)}
        figures["memory_mib"] = {"before": memory.first, "after": memory.now(), "peak": memory.peak}
    return figures


def _mutations(options: argparse.Namespace) -> Iterator[Call]:
    for name, data in mutations(ROOT / "tests" / "samples", options.mutations, options.seed):
        yield Call(
            name, "gateway", "/v1/receipts", lambda data=data: data, {"Content-Type": "application/octet-stream"}
        )


if __name__ == "__main__":
    sys.exit(main())
