"""How the cost of reading grows: seconds against megapixels and against segments, memory against receipts at once.

    python -m benchmarks.scaling --output docs/speed                     # a minute
    python -m benchmarks.scaling --data ../shared/sroie --sizes 0.5 4 --strips 1 3 --clients 1 4 --repeats 1

Rendered receipts are sent to the whole chain in a process of its own, bound to two cores, nothing cached: each in
several sizes; each several times below itself, so that its segments and its pixels grow alike; and several at once, in
a new process for each number of clients, as the peak of a process never falls. With `--data`, labeled receipts as they
are stand beside them in the plot. Growth is the exponent of the power that fits best: 1 is linear.
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

from benchmarks.peers.__main__ import Worker
from benchmarks.report import processor, save_figure, write_files
from shared.arrays import Pixels
from shared.learning.dataset import load_split
from synthesis.generator import render_receipt

_ROOT = Path(__file__).resolve().parents[1]
_SIZES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_STRIPS = (1, 2, 3, 4)  # more would be longer than a picture may be
_CLIENTS = (1, 2, 4, 8, 16)
_LABELED = 24
_ROUNDS = 2  # that each client reads


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measures, writes JSON, table and plot, and gives the figures."""
    options = _parse(arguments)
    load = round(os.getloadavg()[0], 2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        receipts = [render_receipt(f"scaling {number}").image for number in range(options.receipts)]
        sizes = [
            (_saved(folder / f"{number}-{size}", resized(image, size)), {"megapixels": size})
            for number, image in enumerate(receipts)
            for size in options.sizes
        ]
        strips = [
            (_saved(folder / f"{number}-{count}", np.tile(image, (count, 1, 1))), {"strips": count})
            for number, image in enumerate(receipts)
            for count in options.strips
        ]
        with _worker(options.cores) as worker:
            result: dict[str, Any] = {
                "version": worker.version,
                "sizes": _read(worker, sizes, options.repeats),
                "strips": _read(worker, strips, options.repeats),
            }
            if options.data:
                result["labeled"] = _read(worker, _labeled(options.data, options.split), options.repeats)
        paths = [  # no two alike, as those would be read once
            str(_saved(folder / f"client-{number}", cv2.subtract(receipts[number % len(receipts)], (number,) * 3)))
            for number in range(_ROUNDS * max(options.clients))
        ]
        result["clients"] = [_at_once(paths, clients, options.cores) for clients in options.clients]
    result["growth"] = {
        "seconds_by_megapixels": growth(result["sizes"], "megapixels"),
        "seconds_by_segments": growth(result["strips"], "segments"),
    }
    result["machine"] = {
        "processor": processor(),
        "cores": options.cores,
        "load_before": load,
        "date": time.strftime("%Y-%m-%d"),
    }
    _write(result, options.output)
    return result


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="labeled receipts to stand beside the rendered ones")
    parser.add_argument("--split", default="validation", help="part of the labeled receipts")
    parser.add_argument("--receipts", type=int, default=3, help="rendered receipts")
    parser.add_argument("--sizes", type=float, nargs="+", default=list(_SIZES), help="megapixels")
    parser.add_argument("--strips", type=int, nargs="+", default=list(_STRIPS), help="times below itself")
    parser.add_argument("--clients", type=int, nargs="+", default=list(_CLIENTS), help="receipts at once")
    parser.add_argument("--repeats", type=int, default=3, help="how often each is read; the quickest counts")
    parser.add_argument("--cores", type=int, default=2, help="cores that the chain is bound to")
    parser.add_argument("--output", type=Path, default=_ROOT / "runs" / "scaling", help="folder for JSON, table, plot")
    options = parser.parse_args(arguments)
    if min(len(set(options.sizes)), len(set(options.strips))) < 2:
        parser.error("growth is told by two sizes and two numbers of strips at least")
    return options


def resized(image: Pixels, megapixels: float) -> Pixels:
    """A picture scaled to a number of megapixels, its shape kept."""
    factor = (megapixels * 1e6 / (image.shape[0] * image.shape[1])) ** 0.5
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=method), np.uint8)


def growth(points: Sequence[dict[str, Any]], along: str) -> float:
    """The exponent of the power of `along` that fits the seconds of some points best; 1 is linear."""
    given, seconds = np.log([point[along] for point in points]), np.log([point["seconds"] for point in points])
    return round(float(np.polyfit(given, seconds, 1)[0]), 3)


def _saved(path: Path, image: Pixels) -> Path:
    path = path.with_name(f"{path.name}.jpg")
    cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return path


def _labeled(data: Path, split: str) -> list[tuple[Path, dict[str, float]]]:
    receipts = load_split(data, split)
    return [(receipt.image_path.resolve(), {}) for receipt in receipts[:: max(1, len(receipts) // _LABELED)]]


def _worker(cores: int) -> Worker:
    return Worker("quittance", Path(sys.executable), cores, {})


def _read(worker: Worker, pictures: Sequence[tuple[Path, dict[str, float]]], repeats: int) -> list[dict[str, float]]:
    """Each picture, several times: what is known of it, its segments, and the least seconds it took."""
    points = []
    for path, known in pictures:
        answers = [worker.ask(path=str(path)) for _ in range(repeats)]
        height, width = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).shape
        points.append(
            {
                "megapixels": height * width / 1e6,
                **known,
                "segments": max(len(answers[0]["lines"]), 1),
                "seconds": round(min(answer["seconds"] for answer in answers), 4),
            }
        )
    return points


def _at_once(paths: Sequence[str], clients: int, cores: int) -> dict[str, float]:
    """Peak memory of a process in which so many clients read, and the seconds a receipt."""
    with _worker(cores) as worker:
        before = worker.ask(path=paths[0])["peak_mib"]
        answer = worker.ask(paths=paths[: _ROUNDS * clients], clients=clients)
    seconds = answer["seconds"] / (_ROUNDS * clients)
    return {"clients": clients, "before_mib": before, "peak_mib": answer["peak_mib"], "seconds": round(seconds, 4)}


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown: medians over the receipts."""

    def medians(points: Sequence[dict[str, Any]], key: str) -> list[tuple[float, float, float]]:
        return [
            (value, statistics.median(p["segments"] for p in same), statistics.median(p["seconds"] for p in same))
            for value in sorted({point[key] for point in points})
            if (same := [point for point in points if point[key] == value])
        ]

    sizes = [f"| {size:g} | {segments:g} | {s:.3f} |" for size, segments, s in medians(result["sizes"], "megapixels")]
    strips = [f"| {count:g} | {segments:g} | {s:.3f} |" for count, segments, s in medians(result["strips"], "strips")]
    clients = [f"| {p['clients']} | {p['peak_mib']:.0f} | {p['seconds']:.3f} |" for p in result["clients"]]
    grown = result["growth"]
    return "\n".join(
        [
            *("| megapixels | segments | seconds |", "| --- | --- | --- |", *sizes, ""),
            *("| times below itself | segments | seconds |", "| --- | --- | --- |", *strips, ""),
            *("| receipts at once | peak memory, MiB | seconds a receipt |", "| --- | --- | --- |", *clients, ""),
            f"Seconds grow with the power {grown['seconds_by_megapixels']:.2f} of the megapixels of a receipt, and "
            f"{grown['seconds_by_segments']:.2f} of the segments of a page.",
        ]
    )


def _write(result: dict[str, Any], folder: Path) -> None:
    """Writes `scaling.json`, `scaling.md` and `scaling.png`; prints the table."""
    write_files("scaling", result, table(result), folder)
    _plot(result, folder / "scaling.png")


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
    by_clients.set_xlabel("receipts at once")
    by_clients.set_ylabel("peak memory, MiB")
    by_clients.set_ylim(bottom=0)
    figure.suptitle(f"{result['version']}, {result['machine']['cores']} cores")
    save_figure(figure, path)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
