"""Connections to stages in other processes, and the regular check of all stages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx2

from gateway.settings import StageSettings
from gateway.stages.stages import Stages, reason
from shared.service.tracing import traced

# Shorter than a stage keeps an idle connection open (see `shared.service.server`), so that no request is sent on a
# connection that is being closed.
_KEEP_IDLE_S = 10.0

_log = logging.getLogger(__name__)


@asynccontextmanager
async def stages_over_http(settings: StageSettings) -> AsyncIterator[Stages]:
    """Connect to stages in other processes, at the URLs in the settings."""
    limits = httpx2.Limits(
        max_connections=settings.stage_connections,
        max_keepalive_connections=settings.stage_connections,
        keepalive_expiry=_KEEP_IDLE_S,
    )
    timeout = httpx2.Timeout(settings.stage_timeout_s, connect=settings.stage_connect_timeout_s)

    def client(url: object) -> httpx2.AsyncClient:
        # No proxies from the environment: the stages are on the same network.
        transport = traced(httpx2.AsyncHTTPTransport(limits=limits, trust_env=False))
        return httpx2.AsyncClient(base_url=str(url), transport=transport, timeout=timeout, trust_env=False)

    stages = Stages(
        detector=client(settings.detector_url),
        recognizer=client(settings.recognizer_url),
        extractor=client(settings.extractor_url),
        timeout_s=settings.stage_timeout_s,
    )
    try:
        yield stages
    finally:
        await stages.aclose()


@asynccontextmanager
async def checking_stages(stages: Stages, interval_s: float) -> AsyncIterator[None]:
    """Ask the stages for their model versions every `interval_s` seconds while the block runs.

    A gateway starts even if stages are down. It answers with a problem that names the missing stage, and recovers as
    soon as the stage does.
    """
    task = asyncio.create_task(_check_forever(stages, interval_s), name="stage checks")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _check_forever(stages: Stages, interval_s: float) -> None:
    missing: set[str] = set()
    while True:
        problems = {str(problem.extra["stage"]): problem for problem in await stages.check()}
        for stage in sorted(problems.keys() - missing):
            _log.warning("Stage unavailable", extra=reason(problems[stage]))
        for stage in sorted(missing - problems.keys()):
            _log.info("Stage recovered", extra={"stage": stage})
        missing = set(problems)
        await asyncio.sleep(interval_s)
