"""Measures the three networks alone, with torch on CUDA or the processor: receipts per second, and GPU utilization.

    python -m benchmarks.networks --data ../shared/sroie --device cuda --receipts 256 --batch 16

Pages, segments and texts are those of the labels, prepared before the clock starts, in batches of one size. Times are
from arrays in memory to arrays in memory, including the copies to the device and back. "Computing" is the share of the
time in which a kernel ran on the GPU; it is measured with torch's profiler in a separate run, because the profiler
takes time. The settings of the services apply: `QUITTANCE_CUDA_GRAPHS=on` measures recorded graphs.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch

from benchmarks.processes import ROOT
from benchmarks.report import processor_name, write_files
from services.detector.network.loading import read_weights as detector_weights
from services.detector.network.torch_engine import TorchEngine as DetectorEngine
from services.detector.predictor import Predictor as Detector
from services.detector.settings import DetectorSettings
from services.extractor.encoding import TextSegment, encode
from services.extractor.network.loading import read_weights as extractor_weights
from services.extractor.network.torch_engine import TorchEngine as ExtractorEngine
from services.extractor.settings import ExtractorSettings
from services.recognizer.crops import cut_segments
from services.recognizer.network.loading import read_weights as recognizer_weights
from services.recognizer.network.torch_engine import TorchEngine as RecognizerEngine
from services.recognizer.predictor import Predictor as Recognizer
from services.recognizer.settings import RecognizerSettings
from shared.arrays import Pixels
from shared.inference.device import select_device
from shared.learning.dataset import load_split
from shared.learning.labels import LabeledReceipt, LabeledSegment
from shared.pictures.gray import to_gray
from synthesis.generator import render_receipt

# Segments of one width per receipt in a batch: about as many as a receipt has of the most common width.
_SEGMENTS_PER_RECEIPT = 16


class Page(NamedTuple):
    """A receipt to compute: its picture, `(H, W, 3)` BGR uint8, and its segments."""

    image: Pixels
    segments: Sequence[LabeledSegment]


Run = Callable[[], object]
_Input = TypeVar("_Input")


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, write JSON and a table, and return the figures."""
    options = _parse(arguments)
    device = select_device(options.device)
    pages = _load_pages(options)
    runs = {
        "detector": prepare_detector(pages, options),
        "recognizer": prepare_recognizer(pages, options),
        "extractor": prepare_extractor(pages, options),
    }
    figures = {name: measure(run, len(pages), options.seconds, device) for name, run in runs.items()}
    figures["all three"] = measure(partial(_run_all, runs.values()), len(pages), options.seconds, device)
    result = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name(),
        "torch": torch.__version__,
        "cuda_graphs": DetectorSettings().cuda_graphs == "on" and device.type == "cuda",
        "receipts": len(pages),
        "batch": options.batch,
        "networks": figures,
    }
    write_files("networks", result, format_table(result), options.output)
    return result


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="labeled receipts; by default rendered ones")
    parser.add_argument("--split", default="train", help="split of the labeled receipts")
    parser.add_argument("--receipts", type=int, default=64, help="maximum number of receipts")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, help="threads of torch on the processor; by default one per core")
    parser.add_argument("--batch", type=int, default=16, help="receipts per batch")
    parser.add_argument("--seconds", type=float, default=5.0, help="minimum time per network")
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "networks", help="folder for JSON and table")
    return parser.parse_args(arguments)


def _load_pages(options: argparse.Namespace) -> list[Page]:
    if options.data is None:
        rendered = (render_receipt(f"networks {number}") for number in range(options.receipts))
        return [Page(receipt.image, receipt.segments) for receipt in rendered]
    receipts: Iterable[LabeledReceipt] = load_split(options.data, options.split)[: options.receipts]
    return [Page(receipt.read_image(), receipt.segments) for receipt in receipts]


def prepare_detector(pages: Sequence[Page], options: argparse.Namespace) -> Run:
    """Return a run of the CTPN over all pages, in batches of one prepared size."""
    settings = DetectorSettings(engine="torch", device=options.device, threads=options.threads, orientation="upright")
    weights = detector_weights(settings.weights)
    engine = DetectorEngine.load(weights.arrays, weights.architecture, settings)
    preparing = Detector(engine, weights.architecture, version=weights.version, settings=settings)
    sizes: dict[tuple[int, int], list[Pixels]] = defaultdict(list)
    for page in pages:
        prepared = preparing.prepare(page.image)
        if prepared is not None:
            sizes[prepared.size].append(prepared.gray)
    batches = [batch for pages_of_size in sizes.values() for batch in _batches(pages_of_size, options.batch)]
    return lambda: [list(engine(one)) for one in batches]


def prepare_recognizer(pages: Sequence[Page], options: argparse.Namespace) -> Run:
    """Return a run of the CRNN over the segments of all pages, in batches of one width."""
    settings = RecognizerSettings(engine="torch", device=options.device, threads=options.threads)
    weights = recognizer_weights(settings.weights)
    engine = RecognizerEngine.load(weights.arrays, weights.architecture, settings)
    preparing = Recognizer(
        engine,
        weights.architecture,
        weights.alphabet,
        version=weights.version,
        max_batch=_SEGMENTS_PER_RECEIPT * options.batch,
        max_width=settings.max_crop_width,
    )
    crops = [crop for page in pages for crop in cut_segments(to_gray(page.image), [one.quad for one in page.segments])]
    batches = list(preparing.prepare_batches(crops))
    return lambda: list(engine(batches))


def prepare_extractor(pages: Sequence[Page], options: argparse.Namespace) -> Run:
    """Return a run of the character LSTM over the labeled texts of all pages."""
    settings = ExtractorSettings(engine="torch", device=options.device, threads=options.threads)
    weights = extractor_weights(settings.weights)
    engine = ExtractorEngine.load(weights.arrays, weights.architecture, settings)
    texts = ([TextSegment(one.quad, one.text) for one in page.segments] for page in pages)
    # Sorted by length, because padding costs as much as text.
    documents = sorted((encode(segments) for segments in texts if segments), key=lambda one: len(one.text))
    batches = list(_batches(documents, options.batch))
    return lambda: [engine(one) for one in batches]


def _batches(things: Sequence[_Input], count: int) -> Iterator[Sequence[_Input]]:
    return (things[start : start + count] for start in range(0, len(things), count))


def _run_all(runs: Iterable[Run]) -> None:
    for run in runs:
        run()


def measure(run: Run, receipts: int, seconds: float, device: torch.device) -> dict[str, float | None]:
    """Repeat a run for at least so many seconds, after a warm-up.

    Returns:
        `receipts_per_s`, `ms_per_receipt`, and `computing`: the share of the time in which the GPU computed, 0 to 1;
        None without a GPU.
    """
    _time(run, 0.0, device)
    rounds, spent = _time(run, seconds, device)
    return {
        "receipts_per_s": round(rounds * receipts / spent, 3),
        "ms_per_receipt": round(1000 * spent / (rounds * receipts), 3),
        "computing": round(_measure_utilization(run, device), 3) if device.type == "cuda" else None,
    }


def _time(run: Run, seconds: float, device: torch.device) -> tuple[int, float]:
    """Return the number of rounds, at least one, and the seconds they took."""
    started, rounds = time.perf_counter(), 0
    while rounds == 0 or time.perf_counter() - started < seconds:
        run()
        rounds += 1
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return rounds, time.perf_counter() - started


def _measure_utilization(run: Run, device: torch.device) -> float:
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        _, spent = _time(run, 0.0, device)
    spans = [
        (event.time_range.start, event.time_range.end) for event in profile.events() if event.device_type.name == "CUDA"
    ]
    return union_length(spans) / 1e6 / spent


def union_length(spans: Iterable[tuple[float, float]]) -> float:
    """Return the length of the union of spans; kernels of several streams overlap."""
    total, reached = 0.0, -np.inf
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def format_table(result: dict[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    rows = [
        f"| {name} | {one['ms_per_receipt']:.2f} | {one['receipts_per_s']:.1f} | {_percent(one['computing'])} |"
        for name, one in result["networks"].items()
    ]
    head = ["| network | ms per receipt | receipts per second | GPU utilization |", "| --- | --- | --- | --- |"]
    about = f"{result['device']}, torch {result['torch']}, {result['receipts']} receipts, batches of {result['batch']}"
    about += ", CUDA graphs." if result["cuda_graphs"] else "."
    return "\n".join([*head, *rows, "", about])


def _percent(share: float | None) -> str:
    return "no GPU" if share is None else f"{share:.0%}"


if __name__ == "__main__":
    main()
