"""Builds the parts of a gateway from its settings, and starts and stops them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from starlette.middleware import Middleware

from gateway.admission.access import AccessControl
from gateway.admission.api_keys import KeyRing, KeyStore
from gateway.admission.cross_site import CrossSiteGuard
from gateway.admission.host_names import HostGuard
from gateway.admission.idempotency import Idempotency
from gateway.admission.rate_limits import RateLimits
from gateway.codes.reader import CodeReader
from gateway.components import GatewayComponents, set_gateway_components
from gateway.corrections.store import CorrectionStore
from gateway.documents.limits import DocumentLimits
from gateway.documents.renderer import Renderer
from gateway.jobs.brokers.broker import LendingBroker
from gateway.jobs.brokers.database_broker import DatabaseBroker
from gateway.jobs.brokers.redis_broker import RedisBroker
from gateway.jobs.jobs import Jobs
from gateway.jobs.metrics import JobMetrics, watch_queue
from gateway.jobs.stores.database_job_store import DatabaseJobStore
from gateway.jobs.stores.job_store import JobStore, StoreLimits
from gateway.jobs.stores.redis_job_store import RedisJobStore
from gateway.jobs.webhooks.webhooks import Webhooks
from gateway.jobs.worker import Worker
from gateway.reading.capacity import Capacity
from gateway.reading.metrics import ReceiptMetrics
from gateway.reading.pipeline import Pipeline
from gateway.reading.receipts import Receipts
from gateway.reading.shared_reading import SharedReading
from gateway.settings import GatewaySettings, StageSettings, StorageSettings, decode_webhook_secret
from gateway.stages.connection import check_in_background
from gateway.stages.stages import Stages
from gateway.storage.cache import ReceiptCache
from gateway.storage.database.database import Database, DatabaseError
from gateway.storage.database.opening import open_database
from gateway.storage.database_store import DatabaseStore
from gateway.storage.disk_space import DiskSpace
from gateway.storage.redis_store import RedisLink, RedisStore
from gateway.storage.secrets import read_secret
from gateway.storage.stores import CacheStore, MemoryStore, OwnerLimits, Store
from gateway.storage.threads import state_watch
from shared.service.components import get_components
from shared.service.guard import RouteLimits
from shared.service.uploads import UploadLimits
from shared.startup import StartupError

# A file of 25 megabytes is sent as one command.
_JOB_REDIS_TIMEOUT_S = 10.0
# Codes are read while the text is, which takes longer.
_CODES_TIMEOUT_S = 5.0
_JOB_REDIS_CONNECT_TIMEOUT_S = 2.0
# Between the end of the longest upload and the deletion of what a killed process had received.
_UPLOAD_MARGIN_S = 60.0

# Starts the stages, or connects to them, when the gateway starts; stops or disconnects them when it stops.
OpenStages = Callable[[StageSettings], AbstractAsyncContextManager[Stages]]


class Composition:
    """The parts of one gateway.

    Args:
        settings: Settings of the gateway.
        open_stages: Entered when the gateway starts, left when it stops.

    Attributes:
        metrics: Counts the receipts that this gateway reads.
        job_metrics: Shows how long the queue of job files is.
    """

    def __init__(self, settings: GatewaySettings, open_stages: OpenStages) -> None:
        self.metrics = ReceiptMetrics()
        self.job_metrics = JobMetrics()
        self._settings = settings
        self._open_stages = open_stages
        self._link = connect_redis(settings.storage)
        self._database = open_database(settings.storage)
        self._store, self._replays = open_stores(settings.storage, self._link, self._database)
        self._keys = KeyRing(KeyStore(self._database))

    @asynccontextmanager
    async def run(self, app: FastAPI) -> AsyncIterator[None]:
        """Start all parts and attach those that routes use to the application; stop them at the end."""
        settings = self._settings
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._database.aclose)
            await start_database(self._database)
            await self._keys.load()
            health = get_components(app).health
            health.add_condition(lambda: self._keys.problem)
            health.watch("state", state_watch.busy_s)
            # In Redis, both are in the same place.
            other = self._replays if self._link is None else None
            cache = ReceiptCache(self._store, ttl_s=settings.storage.cache_ttl_s, replays=other)
            stack.push_async_callback(cache.aclose)
            if isinstance(self._replays, DatabaseStore):
                await stack.enter_async_context(self._replays.expire_in_background())
            stages = await stack.enter_async_context(self._open_stages(settings.stages))
            if settings.stages.are_remote:
                health.await_others(stages.find_never_ready)
            renderer = self._build_renderer()
            stack.push_async_callback(renderer.aclose)
            health.watch("renderer", renderer.busy_s)
            codes = self._build_code_reader()
            if codes is not None:
                stack.push_async_callback(codes.aclose)
                health.watch("code reader", codes.busy_s)
                codes.start()
            pipeline = Pipeline(
                stages,
                renderer,
                codes=codes,
                capacity=Capacity(settings.reading.max_receipts),
                metrics=self.metrics,
                timeout_s=settings.reading.receipt_timeout_s,
            )
            reading = SharedReading(cache, pipeline, self.metrics, patience_s=settings.storage.redis_timeout_s)
            stack.push_async_callback(reading.aclose)
            corrections = CorrectionStore(self._database, learn=settings.reading.learn_merchants)
            receipts = Receipts(
                stages=stages,
                pipeline=pipeline,
                reading=reading,
                cache=cache,
                corrections=corrections,
                metrics=self.metrics,
                timeout_s=settings.reading.receipt_timeout_s,
            )
            jobs = await stack.enter_async_context(run_jobs(settings, receipts, self._database, self.job_metrics))
            await stack.enter_async_context(check_in_background(stages, settings.stages.stage_check_s))
            set_gateway_components(app, GatewayComponents(receipts, jobs, pipeline))
            yield

    def admission(self) -> list[Middleware]:
        """Return the middleware that decides which requests are executed, the outermost first."""
        storage = self._settings.storage
        redis_url = None if storage.redis_url is None else str(storage.redis_url)
        return [
            Middleware(HostGuard, allowed_hosts=self._settings.admission.hosts),
            Middleware(CrossSiteGuard, allowed_origins=self._settings.admission.allowed_origins),
            Middleware(
                AccessControl,
                settings=self._settings.admission,
                keys=self._keys,
                limits=RateLimits(self._link, redis_url),
                patience_s=storage.redis_timeout_s,
            ),
            Middleware(Idempotency, store=self._replays, ttl_s=storage.idempotency_ttl_s if storage.cache_ttl_s else 0),
        ]

    def route_limits(self) -> list[RouteLimits]:
        """Return limits of the routes of jobs: jobs are larger than single receipts, and clients follow them."""
        jobs = self._settings.jobs
        path = "/v1/jobs/[0-9a-f]{32}"
        upload = UploadLimits(jobs.job_max_bytes)
        return [
            RouteLimits("POST", re.compile("/v1/jobs"), upload, jobs.job_upload_timeout_s, is_spooled=True),
            RouteLimits("GET", re.compile(f"{path}/events"), None, None),
            RouteLimits("GET", re.compile(f"{path}/results"), None, jobs.job_upload_timeout_s),
            # A workbook is complete before its first part is sent.
            RouteLimits("POST", re.compile("/v1/exports"), None, jobs.job_upload_timeout_s),
        ]

    def _build_renderer(self) -> Renderer:
        reading = self._settings.reading
        return Renderer(
            DocumentLimits(reading.max_pages, reading.max_page_s, reading.enough_pixels, self._settings.picture_limits),
            timeout_s=reading.render_timeout_s,
            max_processes=reading.decode_workers,
        )

    def _build_code_reader(self) -> CodeReader | None:
        reading = self._settings.reading
        if not reading.read_codes:
            return None
        return CodeReader(
            self._settings.picture_limits, timeout_s=_CODES_TIMEOUT_S, max_processes=reading.decode_workers
        )


def connect_redis(settings: StorageSettings) -> RedisLink | None:
    """Return a link to the Redis of the cache, or None if there is none."""
    if settings.redis_url is None:
        return None
    password = read_redis_password(settings)
    return RedisLink.connect(str(settings.redis_url), timeout_s=settings.redis_timeout_s, password=password)


def read_redis_password(settings: StorageSettings) -> str | None:
    """Return the password of Redis, if it is not in the URL; raise `StartupError` if its file cannot be read."""
    return read_secret(settings.redis_password_file, "QUITTANCE_REDIS_PASSWORD_FILE")


async def start_database(database: Database) -> None:
    """Connect to the database, and upgrade its schema; raise `StartupError` if that fails."""
    try:
        await database.start()
    except DatabaseError as error:
        raise StartupError(str(error)) from error


def open_stores(settings: StorageSettings, link: RedisLink | None, database: Database) -> tuple[CacheStore, Store]:
    """Return the stores of receipts and of responses.

    Both are in Redis if there is a link to it. Otherwise receipts are in memory, and so are responses, unless gateways
    share the database.
    """
    limits = OwnerLimits(settings.idempotency_max_entries, settings.idempotency_max_bytes)
    if link is not None:
        return RedisStore(link), RedisStore(link, limits)
    receipts = MemoryStore(max_entries=settings.cache_max_entries, max_bytes=settings.cache_max_bytes)
    if database.is_shared:
        return receipts, DatabaseStore(database, limits)
    return receipts, MemoryStore(max_entries=limits.max_entries, max_bytes=limits.max_bytes)


@asynccontextmanager
async def run_jobs(
    settings: GatewaySettings, receipts: Receipts, database: Database, metrics: JobMetrics
) -> AsyncIterator[Jobs]:
    """Accept jobs, and read their files, while the block runs."""
    async with AsyncExitStack() as stack:
        store, broker = await stack.enter_async_context(_open_job_store(settings, database))
        stack.push_async_callback(broker.shutdown)
        secret = settings.jobs.webhook_secret
        webhooks = Webhooks(
            store,
            secret=None if secret is None else decode_webhook_secret(secret.get_secret_value()),
            allow_private=settings.jobs.webhook_private_addresses,
        )
        worker = Worker(
            store=store,
            broker=broker,
            receipts=receipts,
            concurrency=settings.jobs.job_concurrency,
            timeout_s=settings.reading.receipt_timeout_s,
        )
        jobs = Jobs(
            store=store,
            worker=worker,
            receipts=receipts,
            limits=settings.job_limits,
            folder=settings.storage.state_directory,
            space=DiskSpace(settings.storage.state_directory, settings.jobs.job_reserve_bytes),
            ttl_s=settings.jobs.job_ttl_s,
            check_webhook_url=webhooks.check_url,
        )
        await stack.enter_async_context(jobs.expire_in_background())
        await stack.enter_async_context(webhooks.run())
        await stack.enter_async_context(worker.run())
        await stack.enter_async_context(watch_queue(broker, metrics))
        yield jobs


@asynccontextmanager
async def _open_job_store(
    settings: GatewaySettings, database: Database
) -> AsyncIterator[tuple[JobStore, LendingBroker]]:
    """Open the store and the queue of jobs: in Redis, if there is one, or in the database."""
    jobs = settings.jobs
    limits = StoreLimits(jobs.job_store_bytes, jobs.job_reserve_bytes, jobs.job_upload_timeout_s + _UPLOAD_MARGIN_S)
    if settings.storage.redis_url is None or not jobs.job_redis:
        store = DatabaseJobStore(database, settings.storage.state_directory, limits)
        yield store, DatabaseBroker(database, jobs.job_lease_s)
        return
    redis = Redis.from_url(
        str(settings.storage.redis_url),
        password=read_redis_password(settings.storage),
        protocol=2,
        socket_timeout=_JOB_REDIS_TIMEOUT_S,
        socket_connect_timeout=_JOB_REDIS_CONNECT_TIMEOUT_S,
        # One retry, for a connection that went stale while it was idle.
        retry=Retry(NoBackoff(), 1),
    )
    try:
        yield RedisJobStore(redis, limits), RedisBroker(redis, jobs.job_lease_s)
    finally:
        await redis.aclose()
