"""Measures where the time of a receipt goes: the gateway with everything in one process, each part timed.

    python -m benchmarks.profile --data ../shared/sroie --count 20 --output runs/profile.json

One receipt at a time, after a warm-up with other receipts. The time of a part is that of its functions, in whichever
thread they run. The rest is HTTP between the parts, JSON, validation and switching between threads.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import inspect
import json
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console
from rich.table import Table

from benchmarks.receipts import add_picture_options, load_pictures
from benchmarks.report import write_json
from gateway.settings import GatewaySettings
from quittance.assembly import SERVICES, create_embedded_gateway, create_service

_WARM_UP = 6
# Part -> its functions as their callers know them: module, colon, attributes. `{thread}` is the service whose worker
# thread calls them.
PARTS: dict[str, tuple[str, ...]] = {
    "decode: in the detector": ("services.detector.app:decode_once",),
    "decode: in the recognizer": ("services.recognizer.app:decode_once",),
    "detect: straighten and scale": ("services.detector.predictor:prepare_page",),
    "detect: joining": ("services.detector.predictor:find_segments",),
    "recognize: crops": ("services.recognizer.app:cut_segments", "services.recognizer.predictor:fit_crop"),
    "{thread}: wait for the network": ("shared.inference.requests:_wait_for",),
    "recognize: decoding": ("services.recognizer.predictor:decode_segments",),
    "extract: encoding": ("services.extractor.predictor:encode",),
    "extract: network": ("services.extractor.predictor:compute_probabilities",),
    "extract: fields": ("services.extractor.fields:FieldReader.read",),
}
_REST = "HTTP, JSON, threads"


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, print a table and JSON, and return the figures."""
    options = _parse(arguments)
    pictures = load_pictures(options.data, options.split, options.count + _WARM_UP)
    if len(pictures) <= _WARM_UP:
        raise SystemExit(f"The warm-up alone takes {_WARM_UP} pictures; there are {len(pictures)}. Pass --data.")
    with _clock_parts() as clock:
        totals = asyncio.run(_read(pictures, clock))
    seconds = {part: sum(times) / len(totals) for part, times in clock.seconds.items()}
    seconds[_REST] = statistics.fmean(totals) - sum(seconds.values())
    figures = {
        "pictures": len(totals),
        "mean_s": round(statistics.fmean(totals), 4),
        "median_s": round(statistics.median(totals), 4),
        "parts_mean_s": {part: round(value, 4) for part, value in seconds.items()},
    }
    _print_table(figures)
    print(json.dumps(figures, indent=2))
    if options.output:
        write_json(options.output, figures)
    return figures


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_picture_options(parser, count=20)
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    return parser.parse_args(arguments)


class _Clock:
    """Seconds per part; a part that another part calls counts for both."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self._lock = threading.Lock()

    def wrap(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with its time added to a part."""

        @wraps(function)
        async def timed_wait(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return await function(*args, **kwargs)
            finally:
                self.seconds[part].append(time.perf_counter() - started)

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            thread = threading.current_thread().name.removeprefix("batch-")
            started = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                with self._lock:
                    self.seconds[part.format(thread=thread)].append(time.perf_counter() - started)

        return timed_wait if inspect.iscoroutinefunction(function) else timed


@contextmanager
def _clock_parts() -> Iterator[_Clock]:
    """Time every function of `PARTS` while the block runs."""
    clock, originals = _Clock(), []
    for part, names in PARTS.items():
        for name in names:
            module, _, path = name.partition(":")
            *owners, attribute = path.split(".")
            owner: Any = importlib.import_module(module)
            for step in owners:
                owner = getattr(owner, step)
            originals.append((owner, attribute, getattr(owner, attribute)))
            setattr(owner, attribute, clock.wrap(part, getattr(owner, attribute)))
    try:
        yield clock
    finally:
        for owner, attribute, function in originals:
            setattr(owner, attribute, function)


async def _read(pictures: Sequence[bytes], clock: _Clock) -> list[float]:
    """Read the pictures one after the other; return the seconds of each, without the warm-up."""
    app = create_embedded_gateway({name: create_service(name) for name in SERVICES}, GatewaySettings.from_environment())
    seconds: list[float] = []
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", timeout=120) as client:
            for index, picture in enumerate(pictures):
                if index == _WARM_UP:
                    clock.seconds.clear()
                started = time.perf_counter()
                response = await client.post("/v1/receipts", content=picture)
                response.raise_for_status()
                if index >= _WARM_UP and not response.json()["cached"]:
                    seconds.append(time.perf_counter() - started)
    return seconds


def _print_table(figures: dict[str, Any]) -> None:
    table = Table("", "ms", "%", title=f"Time per receipt, mean of {figures['pictures']}")
    for part, seconds in figures["parts_mean_s"].items():
        table.add_row(part, f"{seconds * 1000:.1f}", f"{100 * seconds / figures['mean_s']:.0f}")
    table.add_row("total", f"{figures['mean_s'] * 1000:.1f}", "100")
    Console(stderr=True).print(table)


if __name__ == "__main__":
    main()
