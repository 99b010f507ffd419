"""Puts the parts of jobs together as the settings say."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from gateway.jobs.broker import LendingBroker
from gateway.jobs.disk_broker import DiskBroker
from gateway.jobs.disk_store import DiskStore
from gateway.jobs.service import Jobs
from gateway.jobs.state import JobStore
from gateway.jobs.worker import Worker
from gateway.receipts import Receipts
from gateway.settings import GatewaySettings
from shared.guard import RouteLimits
from shared.problems import ProblemError
from shared.uploads import UploadLimits


@asynccontextmanager
async def open_jobs(settings: GatewaySettings, receipts: Receipts) -> AsyncIterator[Jobs]:
    """Makes jobs possible while the block runs, and reads files of jobs meanwhile."""
    async with AsyncExitStack() as stack:
        store, broker = _kept(settings)
        stack.push_async_callback(store.aclose)
        stack.push_async_callback(broker.shutdown)
        worker = Worker(store=store, broker=broker, receipts=receipts, concurrency=settings.job_concurrency)
        jobs = Jobs(
            store=store,
            worker=worker,
            receipts=receipts,
            limits=settings.job_limits,
            ttl_s=settings.job_ttl_s,
            check_webhook=_refuse_webhook,
        )
        await stack.enter_async_context(jobs.tidied())
        await stack.enter_async_context(worker.running())
        yield jobs


def job_route_limits(settings: GatewaySettings) -> list[RouteLimits]:
    """Jobs are larger than single receipts, and those who follow them stay for long."""
    job = "/v1/jobs/[0-9a-f]{32}"
    upload = UploadLimits(settings.job_max_bytes)
    return [
        RouteLimits("POST", re.compile("/v1/jobs"), upload, settings.job_upload_timeout_s),
        RouteLimits("GET", re.compile(f"{job}/events"), None, None),
        RouteLimits("GET", re.compile(f"{job}/results"), None, settings.job_upload_timeout_s),
    ]


def _kept(settings: GatewaySettings) -> tuple[JobStore, LendingBroker]:
    return DiskStore(settings.state_directory), DiskBroker(settings.state_directory, settings.job_lease_s)


def _refuse_webhook(url: str) -> None:
    raise ProblemError(422, "webhooks-off", "There are no webhooks", "This service sends no webhooks; ask for the job.")
