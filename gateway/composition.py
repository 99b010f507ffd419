"""Puts the parts of jobs together as the settings say."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gateway.jobs.brokers.broker import LendingBroker
from gateway.jobs.brokers.disk_broker import DiskBroker
from gateway.jobs.brokers.redis_broker import RedisBroker
from gateway.jobs.jobs import Jobs
from gateway.jobs.stores.disk_job_store import DiskJobStore
from gateway.jobs.stores.job_store import JobStore
from gateway.jobs.stores.redis_job_store import RedisJobStore
from gateway.jobs.webhooks.webhooks import Webhooks
from gateway.jobs.worker import Worker
from gateway.reading.receipts import Receipts
from gateway.settings import GatewaySettings, StorageSettings, decode_webhook_secret
from gateway.storage.redis_store import RedisLink, RedisStore
from gateway.storage.stores import MemoryStore, Store
from shared.service.guard import RouteLimits
from shared.service.uploads import UploadLimits

_REDIS_TIMEOUT_S = 10.0  # a file of ten megabytes goes as one command
_REDIS_CONNECT_S = 2.0


def open_store(settings: StorageSettings, link: RedisLink | None) -> Store:
    """Return a store in Redis if there is a link to it, else one in memory."""
    if link is not None:
        return RedisStore(link)
    return MemoryStore(max_entries=settings.cache_max_entries, max_bytes=settings.cache_max_bytes)


@asynccontextmanager
async def open_jobs(settings: GatewaySettings, receipts: Receipts) -> AsyncIterator[Jobs]:
    """Makes jobs possible while the block runs, and reads files of jobs meanwhile."""
    async with AsyncExitStack() as stack:
        store, broker = await stack.enter_async_context(_kept(settings))
        stack.push_async_callback(broker.shutdown)
        secret = settings.jobs.webhook_secret
        webhooks = Webhooks(
            store,
            secret=None if secret is None else decode_webhook_secret(secret.get_secret_value()),
            allow_private=settings.jobs.webhook_private_addresses,
        )
        worker = Worker(store=store, broker=broker, receipts=receipts, concurrency=settings.jobs.job_concurrency)
        jobs = Jobs(
            store=store,
            worker=worker,
            receipts=receipts,
            limits=settings.job_limits,
            folder=settings.storage.state_directory,
            ttl_s=settings.jobs.job_ttl_s,
            check_webhook_url=webhooks.check_url,
        )
        await stack.enter_async_context(jobs.expire_in_background())
        await stack.enter_async_context(webhooks.run())
        await stack.enter_async_context(worker.run())
        yield jobs


def job_route_limits(settings: GatewaySettings) -> list[RouteLimits]:
    """Jobs are larger than single receipts, and those who follow them stay for long."""
    job = "/v1/jobs/[0-9a-f]{32}"
    upload = UploadLimits(settings.jobs.job_max_bytes)
    return [
        RouteLimits("POST", re.compile("/v1/jobs"), upload, settings.jobs.job_upload_timeout_s),
        RouteLimits("GET", re.compile(f"{job}/events"), None, None),
        RouteLimits("GET", re.compile(f"{job}/results"), None, settings.jobs.job_upload_timeout_s),
    ]


@asynccontextmanager
async def _kept(settings: GatewaySettings) -> AsyncIterator[tuple[JobStore, LendingBroker]]:
    """Where jobs are kept: in Redis, which all gateways share, or on this machine's disk."""
    if settings.storage.redis_url is None or not settings.jobs.job_redis:
        folder = settings.storage.state_directory
        yield DiskJobStore(folder), DiskBroker(folder, settings.jobs.job_lease_s)
        return
    redis = Redis.from_url(
        str(settings.storage.redis_url),
        protocol=2,
        socket_timeout=_REDIS_TIMEOUT_S,
        socket_connect_timeout=_REDIS_CONNECT_S,
        retry=Retry(NoBackoff(), 1),  # one, for a connection that went stale while it was idle
    )
    try:
        yield RedisJobStore(redis), RedisBroker(redis, settings.jobs.job_lease_s)
    finally:
        await redis.aclose()
