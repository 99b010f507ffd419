"""Measures what serving costs: the gateway with everything inside, as a process of its own, over HTTP.

    python -m benchmarks.serving --data ../shared/sroie --count 100 --output runs/serving.json

Start to ready, seconds a receipt (one at a time, from bytes to JSON, no two alike), receipts a second with several
callers at once, the time of an answer from the cache, and the peak of the memory. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from socket import socket
from typing import Any

import httpx2
from PIL import Image
from rich.console import Console
from rich.table import Table

from shared.learning.dataset import load_split

ROOT = Path(__file__).resolve().parent.parent
_START_S = 120.0
_REQUEST_S = 120.0
_CACHED_ROUNDS = 10


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measures, prints a table and JSON, and gives the figures."""
    options = _parse(arguments)
    pictures = load_pictures(options.data, options.split, options.count)
    figures: dict[str, Any] = {
        "pictures": len(pictures),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }
    with _Gateway() as gateway:
        figures["start_to_ready_s"] = round(gateway.start_to_ready_s, 2)
        with httpx2.Client(base_url=gateway.url, timeout=_REQUEST_S) as client:
            _warm_up(client)
            figures["seconds"] = _one_at_a_time(client, pictures)
            figures["cached_ms"] = _from_the_cache(client, pictures)
        figures["at_once"] = _at_once(gateway.url, pictures, options.callers)
        gateway.end()
        figures["peak_memory_mib"] = round(gateway.peak_memory_bytes / 2**20)
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
    parser.add_argument("--count", type=int, default=100, help="most pictures")
    parser.add_argument("--callers", type=int, default=4, help="callers at once for receipts a second")
    parser.add_argument("--output", type=Path, help="file for the figures as JSON")
    return parser.parse_args(arguments)


def load_pictures(data: Path | None, split: str, count: int) -> list[bytes]:
    """The first pictures of labeled receipts, or the samples of the tests, as bytes."""
    if data is not None:
        paths = [receipt.image_path for receipt in load_split(data, split)]
    else:
        samples = ROOT / "tests" / "samples"
        paths = [path for path in sorted(samples.rglob("*")) if path.suffix in (".jpg", ".png", ".webp")]
    pictures = [path.read_bytes() for path in paths[:count]]
    if not pictures:
        raise SystemExit(f"There are no pictures in {data or 'tests/samples'}.")
    return pictures


class _Gateway:
    """A gateway with everything inside, in a process of its own."""

    def __init__(self) -> None:
        with socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.start_to_ready_s = 0.0
        self.peak_memory_bytes = 0
        self._folder = Path(tempfile.mkdtemp())
        self._popen: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> _Gateway:
        environment = os.environ | {"PYTHONPATH": str(ROOT), "QUITTANCE_DRAIN_DELAY_S": "0"}
        command = [sys.executable, "-m", "quittance", "serve", "all", "--host", "127.0.0.1", "--port", str(self.port)]
        start = time.perf_counter()
        with (self._folder / "log").open("wb") as log:
            self._popen = subprocess.Popen(command, env=environment, cwd=self._folder, stdout=log, stderr=log)
        while not self._ready():
            if self._popen.poll() is not None or time.perf_counter() - start > _START_S:
                raise SystemExit(f"The gateway did not start:\n{(self._folder / 'log').read_text()}")
            time.sleep(0.02)
        self.start_to_ready_s = time.perf_counter() - start
        return self

    def __exit__(self, *_: object) -> None:
        if self._popen is not None and self._popen.poll() is None:
            self._popen.kill()
            self._popen.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def end(self) -> None:
        """Ends it gracefully; the system then tells how much memory it had at most."""
        if self._popen is None:
            raise RuntimeError("The gateway was not started.")
        self._popen.terminate()
        _, status, usage = os.wait4(self._popen.pid, 0)
        self._popen.returncode = os.waitstatus_to_exitcode(status)
        if self._popen.returncode != 0:
            raise SystemExit(f"The gateway ended with {self._popen.returncode}.")
        self.peak_memory_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    def _ready(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def _warm_up(client: httpx2.Client) -> None:
    """One small blank page: the first receipt measured shall find connections, not a warm cache."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "white").save(buffer, "PNG")
    client.post("/v1/receipts", content=buffer.getvalue()).raise_for_status()


def _post(client: httpx2.Client, picture: bytes) -> tuple[float, dict[str, Any]]:
    start = time.perf_counter()
    response = client.post("/v1/receipts", content=picture, headers={"Content-Type": "application/octet-stream"})
    seconds = time.perf_counter() - start
    response.raise_for_status()
    return seconds, response.json()


def _one_at_a_time(client: httpx2.Client, pictures: Sequence[bytes]) -> dict[str, float]:
    seconds: list[float] = []
    stages: dict[str, list[float]] = {}
    for picture in pictures:
        took, receipt = _post(client, picture)
        if receipt["cached"]:
            continue  # the data set holds a picture twice
        seconds.append(took)
        for stage, milliseconds in receipt["timings_ms"].items():
            stages.setdefault(stage, []).append(milliseconds / 1000)
    means = {f"mean_{stage}": round(statistics.fmean(values), 4) for stage, values in stages.items()}
    return {**_summary(seconds, 3), "mean": round(statistics.fmean(seconds), 3), **means}


def _from_the_cache(client: httpx2.Client, pictures: Sequence[bytes]) -> dict[str, float]:
    milliseconds = []
    for picture in pictures:
        for _ in range(_CACHED_ROUNDS):
            took, receipt = _post(client, picture)
            if not receipt["cached"]:
                raise SystemExit("A receipt that was just read did not come from the cache.")
            milliseconds.append(took * 1000)
    return _summary(milliseconds, 2)


def _at_once(url: str, pictures: Sequence[bytes], callers: int) -> dict[str, float]:
    """Receipts a second: the same pictures, with a byte more so that none is known."""
    local = threading.local()

    def send(picture: bytes) -> float:
        if not hasattr(local, "client"):
            local.client = httpx2.Client(base_url=url, timeout=_REQUEST_S)
        took, receipt = _post(local.client, picture + b"\0")
        if receipt["cached"]:
            raise SystemExit("A picture that was changed came from the cache.")
        return took

    start = time.perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        seconds = list(pool.map(send, dict.fromkeys(pictures)))
    elapsed = time.perf_counter() - start
    return {"callers": callers, "receipts_per_s": round(len(seconds) / elapsed, 3), **_summary(seconds, 3)}


def _summary(values: Sequence[float], digits: int) -> dict[str, float]:
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    return {"median": round(statistics.median(ordered), digits), "p95": round(p95, digits)}


def _show(figures: dict[str, Any]) -> None:
    seconds, cached, at_once = figures["seconds"], figures["cached_ms"], figures["at_once"]
    table = Table("", "", title=f"Serving, {figures['pictures']} pictures, {figures['cores']} cores")
    table.add_row("start to ready", f"{figures['start_to_ready_s']:.1f} s")
    table.add_row("a receipt, median and 95%", f"{seconds['median']:.2f} s, {seconds['p95']:.2f} s")
    for stage in ("decode", "detect", "recognize", "extract"):
        table.add_row(f"  of it {stage}, mean", f"{seconds[f'mean_{stage}']:.3f} s")
    table.add_row(f"receipts a second, {at_once['callers']} callers", f"{at_once['receipts_per_s']:.2f}")
    table.add_row("from the cache, median and 95%", f"{cached['median']:.1f} ms, {cached['p95']:.1f} ms")
    table.add_row("peak memory", f"{figures['peak_memory_mib']:,} MiB")
    Console(stderr=True).print(table)


if __name__ == "__main__":
    main()
