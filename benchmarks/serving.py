"""Measures what serving costs: the gateway with everything in one process, over HTTP.

    python -m benchmarks.serving --data ../shared/sroie --count 100 --output runs/serving.json

Startup, seconds per receipt (one at a time, from bytes to JSON, no two pictures equal), receipts per second with
several callers, the time of a cached response, and peak memory. Nothing else should run at the same time.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import statistics
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.processes import Deployment
from benchmarks.receipts import add_picture_options, load_pictures
from benchmarks.report import write_json

_TIMEOUT_S = 120.0
_CACHED_ROUNDS = 10
_STAGES = ("decode", "detect", "recognize", "extract")


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, print a table and JSON, and return the figures."""
    options = _parse(arguments)
    pictures = load_pictures(options.data, options.split, options.count)
    figures: dict[str, Any] = {
        "pictures": len(pictures),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }
    with Deployment() as deployment:
        started = time.perf_counter()
        gateway = deployment.start_app("all", QUITTANCE_DRAIN_DELAY_S="0")
        figures["start_to_ready_s"] = round(time.perf_counter() - started, 2)
        with httpx2.Client(base_url=gateway.url, timeout=_TIMEOUT_S) as client:
            _warm_up(client)
            figures["seconds"] = _measure_single(client, pictures)
            figures["cached_ms"] = _measure_cached(client, pictures)
        figures["at_once"] = _measure_concurrent(gateway.url, pictures, options.callers)
        if status := gateway.stop():
            raise SystemExit(f"The gateway ended with {status}.")
        figures["peak_memory_mib"] = round(gateway.peak_memory_bytes / 2**20)
    _print_table(figures)
    print(json.dumps(figures, indent=2))
    if options.output:
        write_json(options.output, figures)
    return figures


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_picture_options(parser, count=100)
    parser.add_argument("--callers", type=int, default=4, help="concurrent callers for the receipts per second")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    return parser.parse_args(arguments)


def _warm_up(client: httpx2.Client) -> None:
    """Send a small blank page, so that the first measured receipt finds open connections but no cache entry."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "white").save(buffer, "PNG")
    client.post("/v1/receipts", content=buffer.getvalue()).raise_for_status()


def _post(client: httpx2.Client, picture: bytes) -> tuple[float, dict[str, Any]]:
    """Send a picture; return the seconds it took and the receipt."""
    started = time.perf_counter()
    response = client.post("/v1/receipts", content=picture, headers={"Content-Type": "application/octet-stream"})
    seconds = time.perf_counter() - started
    response.raise_for_status()
    return seconds, response.json()


def _measure_single(client: httpx2.Client, pictures: Sequence[bytes]) -> dict[str, float]:
    """Return the seconds per receipt and per stage, one receipt at a time."""
    times: list[float] = []
    stages: dict[str, list[float]] = {}
    for picture in pictures:
        seconds, receipt = _post(client, picture)
        if receipt["cached"]:
            continue  # the data set has this picture twice
        times.append(seconds)
        for stage, milliseconds in receipt["timings_ms"].items():
            stages.setdefault(stage, []).append(milliseconds / 1000)
    means = {f"mean_{stage}": round(statistics.fmean(values), 4) for stage, values in stages.items()}
    return {**_summarize(times, 3), "mean": round(statistics.fmean(times), 3), **means}


def _measure_cached(client: httpx2.Client, pictures: Sequence[bytes]) -> dict[str, float]:
    """Return the milliseconds per response from the cache."""
    times = []
    for picture in pictures:
        for _ in range(_CACHED_ROUNDS):
            seconds, receipt = _post(client, picture)
            if not receipt["cached"]:
                raise SystemExit("A receipt that was just read did not come from the cache.")
            times.append(seconds * 1000)
    return _summarize(times, 2)


def _measure_concurrent(url: str, pictures: Sequence[bytes], callers: int) -> dict[str, float]:
    """Return receipts per second; the pictures get another byte, so that none of them is cached."""
    local = threading.local()

    def send(picture: bytes) -> float:
        if not hasattr(local, "client"):
            local.client = httpx2.Client(base_url=url, timeout=_TIMEOUT_S)
        seconds, receipt = _post(local.client, picture + b"\0")
        if receipt["cached"]:
            raise SystemExit("A changed picture came from the cache.")
        return seconds

    started = time.perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        times = list(pool.map(send, dict.fromkeys(pictures)))
    elapsed = time.perf_counter() - started
    return {"callers": callers, "receipts_per_s": round(len(times) / elapsed, 3), **_summarize(times, 3)}


def _summarize(values: Sequence[float], digits: int) -> dict[str, float]:
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    return {"median": round(statistics.median(ordered), digits), "p95": round(p95, digits)}


def _print_table(figures: dict[str, Any]) -> None:
    seconds, cached, concurrent = figures["seconds"], figures["cached_ms"], figures["at_once"]
    table = Table("", "", title=f"Serving, {figures['pictures']} pictures, {figures['cores']} cores")
    table.add_row("startup", f"{figures['start_to_ready_s']:.1f} s")
    table.add_row("per receipt, median and 95th percentile", f"{seconds['median']:.2f} s, {seconds['p95']:.2f} s")
    for stage in _STAGES:
        table.add_row(f"  {stage}, mean", f"{seconds[f'mean_{stage}']:.3f} s")
    table.add_row(f"receipts per second, {concurrent['callers']} callers", f"{concurrent['receipts_per_s']:.2f}")
    table.add_row("cached, median and 95th percentile", f"{cached['median']:.1f} ms, {cached['p95']:.1f} ms")
    table.add_row("peak memory", f"{figures['peak_memory_mib']:,} MiB")
    Console(stderr=True).print(table)


if __name__ == "__main__":
    main()
