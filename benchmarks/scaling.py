"""Measures how the cost of reading grows: seconds by megapixels and by segments, memory by concurrent receipts.

    python -m benchmarks.scaling --output docs/speed                     # a minute
    python -m benchmarks.scaling --data ../shared/sroie --sizes 0.5 4 --strips 1 3 --clients 1 4 --repeats 1

Rendered receipts are sent to the whole chain in another process, bound to two cores, with nothing cached: each in
several sizes; copies of each below each other, so that segments and pixels grow alike; and several concurrently, in a
new process per number of clients, because the peak memory of a process never falls. With `--data`, the plot also shows
labeled receipts. Growth is the exponent of the power law that fits best: 1 is linear.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from benchmarks.peers.system import System
from benchmarks.processes import ROOT
from benchmarks.receipts import load_spread
from benchmarks.report import processor_name, save_figure, write_files
from shared.arrays import Pixels
from synthesis.generator import render_receipt

_SIZES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_STRIPS = (1, 2, 3, 4)  # copies below each other; more would exceed the maximum height
_CLIENTS = (1, 2, 4, 8, 16)
_LABELED_COUNT = 24
_RECEIPTS_PER_CLIENT = 2


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, write JSON, table and plot, and return the figures."""
    options = _parse(arguments)
    load = round(os.getloadavg()[0], 2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        receipts = [render_receipt(f"scaling {number}").image for number in range(options.receipts)]
        sizes = [
            (_save(folder / f"{number}-{size}", resize(image, size)), {"megapixels": size})
            for number, image in enumerate(receipts)
            for size in options.sizes
        ]
        strips = [
            (_save(folder / f"{number}-{count}", np.tile(image, (count, 1, 1))), {"strips": count})
            for number, image in enumerate(receipts)
            for count in options.strips
        ]
        with _start_system(options.cores) as system:
            result: dict[str, Any] = {
                "version": system.version,
                "sizes": _read(system, sizes, options.repeats),
                "strips": _read(system, strips, options.repeats),
            }
            if options.data:
                result["labeled"] = _read(system, _load_labeled(options.data, options.split), options.repeats)
        paths = [  # all different, because equal pictures would be read once
            str(_save(folder / f"client-{number}", _darken(receipts[number % len(receipts)], number)))
            for number in range(_RECEIPTS_PER_CLIENT * max(options.clients))
        ]
        result["clients"] = [_measure_clients(paths, clients, options.cores) for clients in options.clients]
    result["growth"] = {
        "seconds_by_megapixels": fit_growth(result["sizes"], "megapixels"),
        "seconds_by_segments": fit_growth(result["strips"], "segments"),
    }
    result["machine"] = {
        "processor": processor_name(),
        "cores": options.cores,
        "load_before": load,
        "date": time.strftime("%Y-%m-%d"),
    }
    write_files("scaling", result, format_table(result), options.output)
    _plot(result, options.output / "scaling.png")
    return result


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="labeled receipts to show next to the rendered ones")
    parser.add_argument("--split", default="validation", help="split of the labeled receipts")
    parser.add_argument("--receipts", type=int, default=3, help="number of rendered receipts")
    parser.add_argument("--sizes", type=float, nargs="+", default=list(_SIZES), help="megapixels")
    parser.add_argument("--strips", type=int, nargs="+", default=list(_STRIPS), help="copies below each other")
    parser.add_argument("--clients", type=int, nargs="+", default=list(_CLIENTS), help="concurrent receipts")
    parser.add_argument("--repeats", type=int, default=3, help="readings per picture; the fastest counts")
    parser.add_argument("--cores", type=int, default=2, help="cores to bind the chain to")
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "scaling", help="folder for JSON, table, plot")
    options = parser.parse_args(arguments)
    if min(len(set(options.sizes)), len(set(options.strips))) < 2:
        parser.error("growth needs at least two sizes and two numbers of copies")
    return options


def resize(image: Pixels, megapixels: float) -> Pixels:
    """Scale a picture to a number of megapixels, keeping its aspect ratio."""
    factor = (megapixels * 1e6 / (image.shape[0] * image.shape[1])) ** 0.5
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=method), np.uint8)


def fit_growth(points: Sequence[dict[str, Any]], along: str) -> float:
    """Return the exponent of the power law in `along` that fits the seconds of some points best; 1 is linear."""
    given, seconds = np.log([point[along] for point in points]), np.log([point["seconds"] for point in points])
    return round(float(np.polyfit(given, seconds, 1)[0]), 3)


def _save(path: Path, image: Pixels) -> Path:
    path = path.with_name(f"{path.name}.jpg")
    cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return path


def _darken(image: Pixels, amount: int) -> Pixels:
    return np.asarray(np.clip(image.astype(np.int16) - amount, 0, 255), np.uint8)


def _load_labeled(data: Path, split: str) -> list[tuple[Path, dict[str, float]]]:
    return [(receipt.image_path.resolve(), {}) for receipt in load_spread(data, split, _LABELED_COUNT)]


def _start_system(cores: int) -> System:
    return System("quittance", Path(sys.executable), cores, {})


def _read(system: System, pictures: Sequence[tuple[Path, dict[str, float]]], repeats: int) -> list[dict[str, float]]:
    """Read each picture several times; return its attributes, its number of segments and its minimum seconds."""
    points = []
    for path, known in pictures:
        answers = [system.ask(path=str(path)) for _ in range(repeats)]
        with Image.open(path) as image:
            width, height = image.size
        points.append(
            {
                "megapixels": height * width / 1e6,
                **known,
                "segments": max(len(answers[0]["lines"]), 1),
                "seconds": round(min(answer["seconds"] for answer in answers), 4),
            }
        )
    return points


def _measure_clients(paths: Sequence[str], clients: int, cores: int) -> dict[str, float]:
    """Return the peak memory of a process that serves several clients, and the seconds per receipt."""
    with _start_system(cores) as system:
        before = system.ask(path=paths[0])["peak_mib"]
        answer = system.ask(paths=paths[: _RECEIPTS_PER_CLIENT * clients], clients=clients)
    seconds = answer["seconds"] / (_RECEIPTS_PER_CLIENT * clients)
    return {"clients": clients, "before_mib": before, "peak_mib": answer["peak_mib"], "seconds": round(seconds, 4)}


def format_table(result: dict[str, Any]) -> str:
    """Return the figures as Markdown tables: medians over the receipts."""

    def medians(points: Sequence[dict[str, Any]], key: str) -> list[tuple[float, float, float]]:
        return [
            (value, statistics.median(p["segments"] for p in same), statistics.median(p["seconds"] for p in same))
            for value in sorted({point[key] for point in points})
            if (same := [point for point in points if point[key] == value])
        ]

    sizes = [f"| {size:g} | {segments:g} | {s:.3f} |" for size, segments, s in medians(result["sizes"], "megapixels")]
    strips = [f"| {count:g} | {segments:g} | {s:.3f} |" for count, segments, s in medians(result["strips"], "strips")]
    clients = [f"| {p['clients']} | {p['peak_mib']:.0f} | {p['seconds']:.3f} |" for p in result["clients"]]
    growth = result["growth"]
    return "\n".join(
        [
            *("| megapixels | segments | seconds |", "| --- | --- | --- |", *sizes, ""),
            *("| copies below each other | segments | seconds |", "| --- | --- | --- |", *strips, ""),
            *("| concurrent receipts | peak memory, MiB | seconds per receipt |", "| --- | --- | --- |", *clients, ""),
            f"Time grows with the megapixels of a receipt to the power {growth['seconds_by_megapixels']:.2f}, "
            f"and with the segments of a page to the power {growth['seconds_by_segments']:.2f}.",
        ]
    )


def _plot(result: dict[str, Any], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    figure, (by_size, by_segments, by_clients) = pyplot.subplots(1, 3, figsize=(12, 3.6))
    for axes, key, points in (
        (by_size, "megapixels", result["sizes"]),
        (by_segments, "segments", result["strips"]),
    ):
        for name, shown in (("labeled", result.get("labeled", [])), ("rendered", points)):
            if shown:
                axes.plot([p[key] for p in shown], [p["seconds"] for p in shown], "o", markersize=4, label=name)
        axes.set_xlabel(key)
        axes.set_ylabel("seconds")
        axes.set_ylim(bottom=0)
        axes.legend()
    by_clients.plot([p["clients"] for p in result["clients"]], [p["peak_mib"] for p in result["clients"]], "o-")
    by_clients.set_xlabel("concurrent receipts")
    by_clients.set_ylabel("peak memory, MiB")
    by_clients.set_ylim(bottom=0)
    figure.suptitle(f"{result['version']}, {result['machine']['cores']} cores")
    save_figure(figure, path)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
