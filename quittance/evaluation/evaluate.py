"""Runs the whole chain over labeled receipts and keeps what it said, for the measures and for the study of errors."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI
from pydantic import ValidationError

from gateway.stages.stages import Stages
from quittance import assembly
from quittance.client import ClientError, ReceiptClient, in_process, media_type, patient_settings
from quittance.evaluation.scores import LabeledLine, Record, score
from shared.contracts import ExtractRequest, Line, Models, PageSize, Quad
from shared.learning.dataset import DatasetError, LabeledReceipt, load_split, split_keys
from shared.problems import ProblemError
from shared.service.deadline import Deadline

# A measurement is to end with a number, not with a time-out.
_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Chain:
    """The chain in this process: the gateway as its callers see it, and the stages behind it.

    Attributes:
        client: Of the gateway; its cache is off.
        stages: For labeled quads and texts, which never pass through the gateway.
        start_seconds: From nothing to ready.
    """

    client: ReceiptClient
    stages: Stages
    start_seconds: float


@asynccontextmanager
async def chain() -> AsyncIterator[Chain]:
    """Starts the chain with the services inside this process, nothing cached and nothing learned from corrections."""
    started = time.perf_counter()
    settings = patient_settings().model_copy(update={"cache_ttl_s": 0, "redis_url": None, "learn_merchants": False})
    services = assembly.measured_services()
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(in_process(assembly.gateway_around(services, settings)))
        start_seconds = time.perf_counter() - started
        # The same applications that the gateway runs, so that each model is loaded once.
        clients = {name: await stack.enter_async_context(_client(name, app)) for name, app in services.items()}
        yield Chain(ReceiptClient(http), Stages(**clients, timeout_s=_TIMEOUT_S), start_seconds)


def _client(name: str, app: FastAPI) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url=f"http://{name}")


async def read_receipt(running: Chain, labeled: LabeledReceipt, unseen_company: bool | None = None) -> Record:
    """Sends one labeled receipt through the chain: its picture, then its labeled quads and its labeled text.

    A problem of the chain is kept in the record, it does not end the evaluation.

    Raises:
        DatasetError: If the picture cannot be read from the disk.
    """
    record = Record(
        key=labeled.key,
        unseen_company=unseen_company,
        labels=[LabeledLine(quad=_as_quad(segment.quad), text=segment.text) for segment in labeled.segments],
        entities=labeled.entities,
        alternatives={name: list(texts) for name, texts in labeled.alternatives.items()},
        ignored=[_as_quad(quad) for quad in labeled.ignored],
        spaced=labeled.spaced,
    )
    try:
        data = labeled.image_path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{labeled.image_path}: {error.strerror}") from error
    started = time.perf_counter()
    try:
        record.receipt = await running.client.read(data)
    except ClientError as error:
        record.problem = str(error)
    record.seconds = time.perf_counter() - started
    try:
        await _read_labels(running.stages, record, data)
    except ProblemError as error:
        record.problem = f"{error.title}. {error.detail}"
    return record


async def _read_labels(stages: Stages, record: Record, data: bytes) -> None:
    quads = [line.quad for line in record.labels]
    answer = await stages.recognize(data, media_type(data), quads, Deadline(_TIMEOUT_S))
    record.given_boxes = [read.text for read in answer.texts]
    # The size of the page as the chain saw it; else that of the labels, which is enough for the layout.
    size = record.receipt.pages[0] if record.receipt else _extent(quads)
    request = ExtractRequest(
        pages=[PageSize(width=size.width, height=size.height)],
        lines=[Line(quad=line.quad, text=line.text, confidence=1.0) for line in record.labels],
    )
    record.given_text = (await stages.extract(request, Deadline(_TIMEOUT_S))).fields


async def evaluate(
    data: Path, split: str, *, limit: int | None = None, progress: Callable[[Record, int], None] | None = None
) -> tuple[list[Record], dict[str, Any]]:
    """Runs the chain over a split.

    Args:
        data: Folder of labeled receipts in the layout of SROIE.
        split: Name of the split in its `split.json`.
        limit: Take only so many receipts, the first ones.
        progress: Called after each receipt with its record and the number of receipts in all.

    Returns:
        The records, and the measures with the keys of `quittance.evaluation.scores.score` and some on the run:
        `models`, `failed` (receipts with a problem), `seconds.startup`, `peak_memory_mib`.

    Raises:
        DatasetError: If the data set cannot be read or the split is empty.
    """
    receipts = load_split(data, split)[:limit]
    if not receipts:
        raise DatasetError(f"The split {split!r} of {data} has no receipts.")
    unseen = unseen_companies(data, split)
    records: list[Record] = []
    async with chain() as running:
        for labeled in receipts:
            record = await read_receipt(running, labeled, None if unseen is None else labeled.key in unseen)
            records.append(record)
            if progress is not None:
                progress(record, len(receipts))
        measures = {**score(records), "models": (await running.stages.models()).model_dump()}
        measures["seconds"]["startup"] = running.start_seconds
    measures["failed"] = sum(record.problem is not None for record in records)
    measures["peak_memory_mib"] = _peak_memory_mib()
    return records, measures


def rescore(records: Sequence[Record]) -> dict[str, Any]:
    """The measures of records that were kept, with the keys `models` and `failed`."""
    models: Iterable[Models] = (record.receipt.models for record in records if record.receipt)
    version = next(iter(models), None)
    return {
        **score(records),
        "models": version.model_dump() if version else {},
        "failed": sum(record.problem is not None for record in records),
    }


def unseen_companies(data: Path, split: str) -> set[str] | None:
    """Keys of the receipts of a split whose company is in no training receipt; None if the data set does not tell."""
    name = split if split.endswith("_unseen_company") else f"{split}_unseen_company"
    try:
        return set(split_keys(data, name))
    except DatasetError:
        return None


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Writes records as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(record.model_dump_json() + "\n")


def read_records(path: Path) -> list[Record]:
    """Reads what `write_records` wrote; raises DatasetError that names the line that is damaged."""
    return list(_parse_records(path))


def _parse_records(path: Path) -> Iterator[Record]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            yield Record.model_validate_json(line)
        except ValidationError as error:
            raise DatasetError(
                f"{path}, line {number} is no record of this version: {error.errors()[0]['msg']}"
            ) from error


def write_measures(path: Path, measures: dict[str, Any]) -> None:
    """Writes measures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(measures, indent=2) + "\n", encoding="utf-8")


def _as_quad(points: Any) -> Quad:
    (a, b, c, d) = [(float(x), float(y)) for x, y in points]
    return a, b, c, d


def _extent(quads: Sequence[Quad]) -> PageSize:
    points = [point for quad in quads for point in quad]
    width, height = (max((point[axis] for point in points), default=1.0) for axis in (0, 1))
    return PageSize(width=max(1, round(width)), height=max(1, round(height)))


def _peak_memory_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
