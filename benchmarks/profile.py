"""Where the time of a receipt goes: the gateway with everything inside, its parts timed one by one.

    python -m benchmarks.profile --data ../shared/sroie --count 20 --output runs/profile.json

One receipt at a time, after a warm-up with other receipts. A part's time is that of its functions, in whichever thread
they run; what is left of the whole is HTTP between the parts, JSON, validation and the ways between threads.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
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

from benchmarks.serving import load_pictures
from gateway.settings import GatewaySettings
from quittance.assembly import SERVICES, gateway_around, service_app

_WARM_UP = 6
# Part -> the names by which its functions are called: module, colon, attributes. `{thread}` is the service whose worker
# calls them.
_PARTS: dict[str, tuple[str, ...]] = {
    "decode: in the detector": ("services.detector.app:decode_once",),
    "decode: in the recognizer": ("services.recognizer.app:decode_once",),
    "detect: straighten and scale": ("services.detector.predictor:prepare",),
    "detect: joining": ("services.detector.predictor:find_segments",),
    "recognize: crops": ("services.recognizer.app:cut", "services.recognizer.predictor:fit"),
    "{thread}: wait for the network": ("shared.inference.requests:wait_for",),
    "recognize: decoding": ("services.recognizer.predictor:decode_all",),
    "extract: encoding": ("services.extractor.predictor:encode",),
    "extract: network": ("services.extractor.predictor:probabilities",),
    "extract: fields": ("services.extractor.fields:FieldReader.read",),
}
_REST = "HTTP, JSON, threads"


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measures, prints a table and JSON, and gives the figures."""
    options = _parse(arguments)
    pictures = load_pictures(options.data, options.split, options.count + _WARM_UP)
    with _timed() as clock:
        whole = asyncio.run(_read(pictures, clock))
    seconds = {part: sum(each) / len(whole) for part, each in clock.seconds.items()}
    seconds[_REST] = statistics.fmean(whole) - sum(seconds.values())
    figures = {
        "pictures": len(whole),
        "mean_s": round(statistics.fmean(whole), 4),
        "median_s": round(statistics.median(whole), 4),
        "parts_mean_s": {part: round(value, 4) for part, value in seconds.items()},
    }
    _show(figures)
    print(json.dumps(figures, indent=2))
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(figures, indent=2) + "\n")
    return figures


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="labeled receipts; left out: the samples of the tests")
    parser.add_argument("--split", default="validation", help="part of the labeled receipts")
    parser.add_argument("--count", type=int, default=20, help="most pictures")
    parser.add_argument("--output", type=Path, help="file for the figures as JSON")
    return parser.parse_args(arguments)


class _Clock:
    """Seconds by part; a part called by another one of the list counts for both."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self._lock = threading.Lock()

    def around(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            thread = threading.current_thread().name.removeprefix("batch-")
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                with self._lock:
                    self.seconds[part.format(thread=thread)].append(time.perf_counter() - start)

        return timed


@contextmanager
def _timed() -> Iterator[_Clock]:
    """Puts a clock around every function of the list for as long as the block runs."""
    clock, before = _Clock(), []
    for part, names in _PARTS.items():
        for name in names:
            module, _, path = name.partition(":")
            *owners, attribute = path.split(".")
            owner: Any = importlib.import_module(module)
            for step in owners:
                owner = getattr(owner, step)
            before.append((owner, attribute, getattr(owner, attribute)))
            setattr(owner, attribute, clock.around(part, getattr(owner, attribute)))
    try:
        yield clock
    finally:
        for owner, attribute, function in before:
            setattr(owner, attribute, function)


async def _read(pictures: Sequence[bytes], clock: _Clock) -> list[float]:
    """Reads the pictures one after the other; gives the seconds of each but the first few."""
    app = gateway_around({name: service_app(name) for name in SERVICES}, GatewaySettings.from_environment())
    seconds: list[float] = []
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://gateway", timeout=120) as client:
            for index, picture in enumerate(pictures):
                if index == _WARM_UP:
                    clock.seconds.clear()
                start = time.perf_counter()
                response = await client.post("/v1/receipts", content=picture)
                response.raise_for_status()
                if index >= _WARM_UP and not response.json()["cached"]:
                    seconds.append(time.perf_counter() - start)
    return seconds


def _show(figures: dict[str, Any]) -> None:
    table = Table("", "ms", "%", title=f"A receipt, mean of {figures['pictures']}")
    for part, seconds in figures["parts_mean_s"].items():
        table.add_row(part, f"{seconds * 1000:.1f}", f"{100 * seconds / figures['mean_s']:.0f}")
    table.add_row("whole", f"{figures['mean_s'] * 1000:.1f}", "100")
    Console(stderr=True).print(table)


if __name__ == "__main__":
    main()
