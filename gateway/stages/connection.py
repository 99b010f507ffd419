"""Connections to the stages, and the regular check of all stages."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from gateway.background import run_in_background
from gateway.settings import StageSettings
from gateway.stages.problems import describe_failure
from gateway.stages.stages import Stages
from shared.observability.tracing import add_tracing
from shared.service.request_context import request_id_headers

# Shorter than a stage keeps an idle connection open (see `shared.service.server`), so that no request is sent on a
# connection that is being closed.
_KEEP_IDLE_S = 10.0
_STARTUP_INTERVAL_S = 0.5
# Balancers of connections, such as Kubernetes services, send nothing to a new replica while old connections are used.
_REQUESTS_PER_CONNECTION = 50

_log = logging.getLogger(__name__)


def open_client(
    url: str, transport: httpx2.AsyncBaseTransport, *, timeout: httpx2.Timeout | None = None
) -> httpx2.AsyncClient:
    """Return an HTTP client of one stage, which passes on the request ID and, if tracing is on, the trace."""
    return httpx2.AsyncClient(
        base_url=url,
        transport=add_tracing(transport),
        timeout=timeout,
        # No proxies from the environment: the stages are on the same network.
        trust_env=False,
        event_hooks={"request": [_add_request_id, _renew_connection]},
    )


@asynccontextmanager
async def stages_over_http(settings: StageSettings) -> AsyncIterator[Stages]:
    """Connect to stages in other processes, at the URLs in the settings."""
    limits = httpx2.Limits(
        max_connections=settings.stage_connections,
        max_keepalive_connections=settings.stage_connections,
        keepalive_expiry=_KEEP_IDLE_S,
    )
    timeout = httpx2.Timeout(settings.stage_timeout_s, connect=settings.stage_connect_timeout_s)
    urls = {
        "detector": settings.detector_url,
        "recognizer": settings.recognizer_url,
        "extractor": settings.extractor_url,
    }
    clients = {
        name: open_client(str(url), httpx2.AsyncHTTPTransport(limits=limits, trust_env=False), timeout=timeout)
        for name, url in urls.items()
    }
    stages = Stages(**clients, timeout_s=settings.stage_timeout_s)
    try:
        yield stages
    finally:
        await stages.aclose()


@asynccontextmanager
async def check_in_background(stages: Stages, interval_s: float) -> AsyncIterator[None]:
    """Ask the stages for their model versions every `interval_s` seconds while the block runs.

    A gateway starts even if stages are down, but is not ready until each has been ready once. It answers with a problem
    that names the missing stage, and recovers as soon as the stage does.
    """
    async with run_in_background(_check_forever(stages, interval_s), name="stage checks"):
        yield


async def _check_forever(stages: Stages, interval_s: float) -> None:
    missing: set[str] = set()
    while True:
        problems = {str(problem.extra["stage"]): problem for problem in await stages.check()}
        for stage in sorted(problems.keys() - missing):
            _log.warning("Stage unavailable", extra=describe_failure(problems[stage]))
        for stage in sorted(missing - problems.keys()):
            _log.info("Stage recovered", extra={"stage": stage})
        missing = set(problems)
        # Until all are known, the gateway is not ready.
        await asyncio.sleep(min(_STARTUP_INTERVAL_S, interval_s) if stages.find_never_ready() else interval_s)


async def _add_request_id(request: httpx2.Request) -> None:
    request.headers.update(request_id_headers())


async def _renew_connection(request: httpx2.Request) -> None:
    """Close the connection after this request, now and then; by chance, so that not all are closed at once."""
    if random.random() * _REQUESTS_PER_CONNECTION < 1:  # noqa: S311 - not for cryptography
        request.headers["Connection"] = "close"
