"""Bulk extraction next to posting the same receipts to the gateway, and to the predictors alone."""

from __future__ import annotations

import multiprocessing
import os
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.bulk.archives import empty_folder, find_faults, make_options, prepare_environment, prepare_receipts
from benchmarks.processes import Deployment
from bulk.options import DEFAULT_ROWS_PER_FILE
from bulk.run import run_bulk

_CALLERS = 8
_TIMEOUT_S = 300.0
_WARM_UP = 4


def measure_speed(folder: Path, count: int) -> dict[str, Any]:
    """Read rendered receipts in three ways, one after the other; return figures."""
    prepare_environment()
    paths = prepare_receipts(folder, count)
    alone_s = _time_predictors(paths)
    output = empty_folder(folder / "speed")
    progress: list[tuple[float, int]] = []
    start = time.perf_counter()
    options = make_options(paths[0].parent, output, rows_per_file=DEFAULT_ROWS_PER_FILE)
    summary = run_bulk(options, lambda now: progress.append((now.seconds, now.documents)))
    with_ray_s = time.perf_counter() - start
    gateway_s = _time_gateway(paths)
    return {
        "receipts": count,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "seconds_predictors": round(alone_s, 1),
        "seconds_bulk": round(summary.seconds, 1),
        "seconds_bulk_with_start_of_ray": round(with_ray_s, 1),
        "seconds_bulk_per_receipt_once_started": round(_find_steady_pace(progress), 4),
        "seconds_gateway": round(gateway_s, 1),
        "overhead_over_predictors": round(summary.seconds / alone_s - 1, 3),
        "times_as_fast_as_gateway": round(gateway_s / summary.seconds, 2),
        "faults": find_faults(output, paths),
    }


def _find_steady_pace(progress: list[tuple[float, int]]) -> float:
    """Return the seconds per receipt after the first tenth, when all actors are at work."""
    (start_s, first), (end_s, last) = next(one for one in progress if one[1] >= progress[-1][1] / 10), progress[-1]
    return (end_s - start_s) / max(1, last - first)


def _time_gateway(paths: list[Path]) -> float:
    """Return the seconds of posting pictures to a gateway with everything in one process, once it is warm."""
    with Deployment() as deployment:
        gateway = deployment.start_app("all", QUITTANCE_DRAIN_DELAY_S="0")
        with httpx2.Client(base_url=gateway.url, timeout=_TIMEOUT_S) as client:

            def post(path: Path) -> None:
                headers = {"Cache-Control": "no-store"}
                client.post("/v1/receipts", content=path.read_bytes(), headers=headers).raise_for_status()

            with ThreadPoolExecutor(_CALLERS) as callers:
                list(callers.map(post, paths[:_WARM_UP]))
                start = time.perf_counter()
                list(callers.map(post, paths))
                return time.perf_counter() - start


def _time_predictors(paths: list[Path]) -> float:
    """Return the seconds of the predictors alone on decoded pages, in a process of one thread per core."""
    cores = os.cpu_count() or 1
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(cores + 1)
    processes = [context.Process(target=_run_predictors, args=(paths[one::cores], barrier)) for one in range(cores)]
    for process in processes:
        process.start()
    barrier.wait()
    start = time.perf_counter()
    barrier.wait()
    seconds = time.perf_counter() - start
    for process in processes:
        process.join()
    return seconds


def _run_predictors(paths: list[Path], barrier: Barrier) -> None:
    from services.detector.predictor import Predictor as Detector
    from services.detector.settings import DetectorSettings
    from services.extractor.predictor import Predictor as Extractor
    from services.extractor.settings import ExtractorSettings
    from services.recognizer.crops import cut_segments
    from services.recognizer.predictor import Predictor as Recognizer
    from services.recognizer.settings import RecognizerSettings
    from shared.contracts import ExtractRequest, Line, PageSize
    from shared.geometry import round_quad
    from shared.pictures.decoding import decode_picture
    from shared.pictures.header import PictureLimits

    detector = Detector.load(DetectorSettings(threads=1))
    recognizer = Recognizer.load(RecognizerSettings(threads=1))
    extractor = Extractor.load(ExtractorSettings(threads=1))
    pages = [decode_picture(path.read_bytes(), PictureLimits()).pixels for path in paths]
    for predictor in (detector, recognizer, extractor):
        predictor.warm_up()
    barrier.wait()
    for start in range(0, len(pages), 8):
        batch = pages[start : start + 8]
        detections = detector.predict(batch)
        crops = [cut_segments(page, found.quads) for page, found in zip(batch, detections, strict=True)]
        texts = iter(recognizer.recognize([crop for some in crops for crop in some]))
        requests = []
        for page, found in zip(batch, detections, strict=True):
            readings = [(round_quad(quad, 1), next(texts)) for quad in found.quads]
            lines = [Line(quad=quad, text=one.text, confidence=one.confidence) for quad, one in readings if one.text]
            if lines:
                size = PageSize(width=page.shape[1], height=page.shape[0])
                requests.append(ExtractRequest(pages=[size], lines=lines))
        for request in requests:
            extractor.extract([request])
    barrier.wait()
