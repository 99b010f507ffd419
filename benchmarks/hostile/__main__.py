"""Sends hostile files and requests, and thousands of mutated pictures, to the four apps.

    python -m benchmarks.hostile --mutations 10000 --output runs/hostile.json

Exits with 1 if a response was a 5xx or an error without a problem, took too long, or an app took more memory than its
container has.
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
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.hostile import calls, documents, pictures
from benchmarks.hostile.case import Call, File
from benchmarks.hostile.mutations import generate_mutations
from benchmarks.hostile.sending import MAX_RESPONSE_S, Answer, build_uploads, send_all
from benchmarks.processes import ROOT, Deployment, MemoryWatch
from benchmarks.report import write_json

FILES: tuple[File, ...] = (*pictures.FILES, *documents.FILES)
# The limits of docker-compose.yml; the containers also have up to two processes that decode, each with its own limit.
_MAX_DECODER_MIB = 1100
MAX_MEMORY_MIB = {
    "gateway": 872,
    "detector": 2048,
    "recognizer": 2048,
    "extractor": 1024,
    **dict.fromkeys(("gateway renderer", "detector renderer", "recognizer renderer"), _MAX_DECODER_MIB),
}
_PROGRESS_EVERY = 500


@dataclass
class Tally:
    """The results of all requests of one kind."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    slowest: str = ""

    def add(self, answer: Answer) -> None:
        """Count an answer."""
        self.statuses[answer.status] += 1
        if not self.seconds or answer.seconds > max(self.seconds):
            self.slowest = answer.name
        self.seconds.append(answer.seconds)
        if answer.fault:
            self.faults.append(f"{answer.name}: {answer.fault}")

    def figures(self) -> dict[str, Any]:
        """Return the figures for the output."""
        ordered = sorted(self.seconds)
        return {
            "requests": len(ordered),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "seconds": {"median": round(ordered[len(ordered) // 2], 3), "longest": round(ordered[-1], 2)},
            "slowest": self.slowest,
            "faults": self.faults,
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Send everything, print the figures, and return the exit status."""
    options = _parse(arguments)
    figures = asyncio.run(_run(options))
    print(json.dumps(figures, indent=2))
    if options.output:
        write_json(options.output, figures)
    over = any(mib > MAX_MEMORY_MIB[name] for name, mib in figures["memory_mib"]["peak"].items())
    return int(over or any(figures[kind]["faults"] for kind in ("files", "requests", "mutations") if kind in figures))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mutations", type=int, default=10_000, help="mutated pictures sent to the gateway")
    parser.add_argument("--seed", type=int, default=1, help="seed of the mutations")
    parser.add_argument(
        "--at-once", type=int, default=4, help="concurrent mutations; files and requests are sent one by one"
    )
    parser.add_argument("--only", default="", help="send only files and requests with this in their name")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    return parser.parse_args(arguments)


async def _run(options: argparse.Namespace) -> dict[str, Any]:
    console = Console(stderr=True)
    figures: dict[str, Any] = {"cores": os.cpu_count(), "longest_allowed_s": MAX_RESPONSE_S, "files_made": len(FILES)}
    with ExitStack() as stack:
        deployment = stack.enter_context(Deployment())
        processes = deployment.start_containers(QUITTANCE_CACHE_TTL_S="0", QUITTANCE_DRAIN_DELAY_S="0")
        memory = stack.enter_context(MemoryWatch(processes))
        urls = {name: process.url for name, process in processes.items()}
        files = [file for file in FILES if options.only in file.name]
        parts: list[tuple[str, Iterable[Call], int]] = [
            ("files", (call for file in files for call in build_uploads(file)), 1),
            ("requests", (call for call in calls.CALLS if options.only in call.name), 1),
            ("mutations", _build_mutations(options), options.at_once),
        ]
        for kind, requests, at_once in parts:
            tally, started = Tally(), time.monotonic()
            async for answer in send_all(requests, urls, at_once=at_once):
                tally.add(answer)
                if answer.fault:
                    console.print(f"{answer.name}: {answer.fault}", markup=False)
                if len(tally.seconds) % _PROGRESS_EVERY == 0:
                    console.print(f"{kind}: {len(tally.seconds)} sent, {time.monotonic() - started:.0f} s")
            if tally.seconds:
                figures[kind] = tally.figures() | {"took_s": round(time.monotonic() - started)}
        figures["memory_mib"] = {"before": memory.first, "after": memory.sample(), "peak": memory.peak}
        figures["errors_logged"] = [line for process in processes.values() for line in _find_errors(process.log)]
    return figures


def _find_errors(log: Path) -> list[str]:
    """Return what an app logged as an error, with the traceback, which alone explains a 500."""
    return [line for line in log.read_text(errors="replace").splitlines() if '"level": "error"' in line]


def _build_mutations(options: argparse.Namespace) -> Iterator[Call]:
    headers = {"Content-Type": "application/octet-stream"}
    for name, data in generate_mutations(ROOT / "tests" / "samples", options.mutations, options.seed):
        yield Call(name, "gateway", "/v1/receipts", partial(bytes, data), headers)


if __name__ == "__main__":
    sys.exit(main())
