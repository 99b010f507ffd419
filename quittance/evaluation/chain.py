"""The whole chain in this process, for measuring: the gateway as callers see it, and the stages behind it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx2
import numpy as np
from fastapi import FastAPI
from numpy.typing import ArrayLike

from gateway.stages.stages import Stages
from quittance import assembly
from quittance.client import client_in_process, patient_settings, run_in_process
from quittance.evaluation.records import LabeledLine, Record
from quittance.extract import to_contract
from quittance_client import AsyncClient, QuittanceError
from shared.contracts import ExtractRequest, Line, PageSize, Quad
from shared.learning.labels import DatasetError, LabeledReceipt
from shared.problems import ProblemError
from shared.service.deadline import Deadline

# Long, because a measurement should end with a number, not with a timeout.
_TIMEOUT_S = 600.0
# The bytes tell the services what the picture is.
_MEDIA_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Chain:
    """A running chain.

    Attributes:
        client: Client of the gateway; nothing is cached.
        stages: The stages, for labeled quads and texts, which the gateway does not accept.
        startup_seconds: Time from creating the services to ready.
    """

    client: AsyncClient
    stages: Stages
    startup_seconds: float


@asynccontextmanager
async def start_chain() -> AsyncIterator[Chain]:
    """Start the gateway and the services in this process, without a cache and without learning from corrections.

    Raises:
        SettingsError: If a setting is invalid.
        StartupError: If the models cannot be loaded.
    """
    started = time.perf_counter()
    settings = patient_settings().replaced(cache_ttl_s=0, redis_url=None, learn_merchants=False)
    services = assembly.create_measured_services()
    async with AsyncExitStack() as stack:
        gateway = assembly.create_embedded_gateway(services, settings)
        transport = await stack.enter_async_context(run_in_process(gateway))
        client = await stack.enter_async_context(client_in_process(transport))
        startup_seconds = time.perf_counter() - started
        # The gateway's own applications, so that each model is loaded once.
        clients = {name: await stack.enter_async_context(_connect(name, app)) for name, app in services.items()}
        yield Chain(client, Stages(**clients, timeout_s=_TIMEOUT_S), startup_seconds)


def _connect(name: str, app: FastAPI) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url=f"http://{name}")


async def read_labeled(chain: Chain, labeled: LabeledReceipt, unseen_company: bool | None = None) -> Record:
    """Send a labeled receipt through the chain: its picture, then its labeled quads, then its labeled text.

    A problem of the chain is stored in the record; it does not end the evaluation.

    Raises:
        DatasetError: If the picture cannot be read from disk.
    """
    record = Record(
        key=labeled.key,
        unseen_company=unseen_company,
        labels=[
            LabeledLine(quad=_quad(segment.quad), text=segment.text, label=segment.label)
            for segment in labeled.segments
        ],
        entities=labeled.entities,
        alternatives={name: list(texts) for name, texts in labeled.alternatives.items()},
        ignored=[_quad(quad) for quad in labeled.ignored],
        spaced=labeled.spaced,
    )
    try:
        data = labeled.image_path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{labeled.image_path}: {error.strerror}") from error
    started = time.perf_counter()
    try:
        record.receipt = to_contract(await chain.client.receipts.read(data))
    except QuittanceError as error:
        record.problem = str(error)
    record.seconds = time.perf_counter() - started
    try:
        await _read_labels(chain.stages, record, data)
    except ProblemError as error:
        record.problem = f"{error.title}. {error.detail}"
    return record


async def _read_labels(stages: Stages, record: Record, data: bytes) -> None:
    """Store what the recognizer reads in the labeled quads and what the extractor finds in the labeled text."""
    quads = record.label_quads
    answer = await stages.recognize(data, _MEDIA_TYPE, quads, Deadline(_TIMEOUT_S))
    record.given_boxes = [text.text for text in answer.texts]
    # The page size as the chain saw it; without it, the extent of the labels is enough for the layout.
    size = record.receipt.pages[0] if record.receipt else _extent(quads)
    request = ExtractRequest(
        pages=[PageSize(width=size.width, height=size.height)],
        lines=[Line(quad=line.quad, text=line.text, confidence=1.0) for line in record.labels],
    )
    record.given_text = (await stages.extract(request, Deadline(_TIMEOUT_S))).fields


def _quad(points: ArrayLike) -> Quad:
    a, b, c, d = ((float(x), float(y)) for x, y in np.asarray(points))
    return a, b, c, d


def _extent(quads: Sequence[Quad]) -> PageSize:
    points = [point for quad in quads for point in quad]
    width, height = (max((point[axis] for point in points), default=1.0) for axis in (0, 1))
    return PageSize(width=max(1, round(width)), height=max(1, round(height)))
