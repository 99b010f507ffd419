"""Sends pictures as phones take them, of 12 to 50 megapixels, and counts how many are accepted and read.

    python -m benchmarks.photos.phones --data ../shared/sroie --output runs/phones.json

HEIC and JPEG files, rendered and labeled receipts in turn, go to a gateway with everything in one process tree, from
several callers at once. A picture is read if at least `--share` of its printed words are. Callers wait and try again
when the gateway is busy (503), as clients do.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console

from benchmarks.photos.memory import TreeMemoryWatch
from benchmarks.photos.pictures import PhonePicture, make_pictures
from benchmarks.processes import Deployment
from benchmarks.report import write_json
from shared.measures.words import compare_receipt_words

_TIMEOUT_S = 300.0
_MAX_ATTEMPTS = 60


@dataclass(frozen=True)
class Answer:
    """The answer to one picture.

    Attributes:
        name: Name of the picture.
        status: HTTP status of the last attempt.
        code: Code of the problem; empty if there was none.
        recall: Share of the printed words that were read.
        seconds: Seconds of the last attempt.
    """

    name: str
    status: int
    code: str
    recall: float
    seconds: float


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Make and send the pictures, print what came of them, and return the figures."""
    options = _parse(arguments)
    console = Console(stderr=True)
    pictures = list(make_pictures(options.count, options.seed, options.data, folder=options.folder))
    console.print(f"{len(pictures)} pictures made, {sum(len(one.data) for one in pictures) >> 20} MiB")
    with Deployment() as deployment:
        settings = {"QUITTANCE_RECEIPT_TIMEOUT_S": str(options.timeout), "QUITTANCE_REQUEST_TIMEOUT_S": "240"}
        gateway = deployment.start_app("all", QUITTANCE_DRAIN_DELAY_S="0", **settings)
        with TreeMemoryWatch(gateway.pid) as memory, ThreadPoolExecutor(options.callers) as pool:
            started = time.monotonic()
            answers = list(pool.map(lambda picture: _send(gateway.url, picture), pictures))
            took_s = time.monotonic() - started
    for answer in answers:
        if answer.status != 200 or answer.recall < options.share:
            console.print(
                f"{answer.name}: {answer.status} {answer.code}, {answer.recall:.0%} of the words", markup=False
            )
    figures = {
        "pictures": len(answers),
        "largest_mib": round(max(len(one.data) for one in pictures) / 2**20, 1),
        "accepted": sum(answer.status == 200 for answer in answers),
        "read": sum(answer.status == 200 and answer.recall >= options.share for answer in answers),
        "words_read": round(statistics.fmean(answer.recall for answer in answers), 3),
        "problems": dict(Counter(answer.code for answer in answers if answer.code)),
        "callers": options.callers,
        "seconds_per_picture": round(took_s / len(answers), 2),
        "seconds_median": round(statistics.median(answer.seconds for answer in answers), 2),
        "memory_mib": {"before": memory.first_mib, "peak": memory.peak_mib},
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(figures, indent=2))
    if options.output:
        write_json(options.output, figures)
    return figures


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=60, help="number of pictures")
    parser.add_argument("--callers", type=int, default=16, help="pictures sent at once")
    parser.add_argument("--data", type=Path, help="labeled receipts for every other picture")
    parser.add_argument("--share", type=float, default=0.5, help="least share of the words of a picture that is read")
    parser.add_argument("--timeout", type=float, default=30.0, help="QUITTANCE_RECEIPT_TIMEOUT_S of the gateway")
    parser.add_argument("--seed", type=int, default=1, help="seed of the pictures")
    parser.add_argument("--folder", type=Path, help="keep the pictures here, and use those of an earlier run")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    return parser.parse_args(arguments)


def _send(url: str, picture: PhonePicture) -> Answer:
    """Send a picture until the gateway has room for it."""
    for _ in range(_MAX_ATTEMPTS):
        started = time.monotonic()
        response = httpx2.post(
            f"{url}/v1/receipts",
            content=picture.data,
            headers={"Content-Type": "application/octet-stream"},
            timeout=_TIMEOUT_S,
        )
        seconds = time.monotonic() - started
        if response.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
            break
        time.sleep(float(response.headers.get("Retry-After", "1")))
    body = response.json()
    if response.status_code != httpx2.codes.OK:
        return Answer(picture.name, response.status_code, body["type"].rpartition(":")[2], 0.0, seconds)
    recall = compare_receipt_words(picture.texts, [line["text"] for line in body["lines"]]).recall
    return Answer(picture.name, response.status_code, "", recall, seconds)


if __name__ == "__main__":
    main()
