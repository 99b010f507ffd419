"""Job stores and brokers, in SQLite, in a real PostgreSQL and in a real Redis: all behave the same."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis
from taskiq import BrokerMessage

from gateway.api.examples import RECEIPT_EXAMPLE
from gateway.jobs.brokers.broker import LendingBroker
from gateway.jobs.brokers.database_broker import DatabaseBroker
from gateway.jobs.brokers.redis_broker import RedisBroker
from gateway.jobs.contracts import FileState
from gateway.jobs.model import JobOptions, JobRecord, Outcome, Snapshot
from gateway.jobs.stores.database_job_store import DatabaseJobStore
from gateway.jobs.stores.job_store import RESULT_BYTES, JobsFullError, JobStore, JobsUnavailableError, StoreLimits
from gateway.jobs.stores.redis_job_store import RedisJobStore
from gateway.storage.database.database import Database
from gateway.storage.database.postgres import PostgresDatabase
from gateway.storage.database.sqlite import SqliteDatabase
from shared.contracts import Problem, Receipt
from tests.support.deployment import Site

RECEIPT = Receipt.model_validate(RECEIPT_EXAMPLE)
PROBLEM = Problem(title="Damaged", status=422, detail="Truncated.")
LEASE_S = 1.0
Backend = Redis | Database
LIMITS = StoreLimits(max_bytes=2**20, reserve_bytes=0, upload_s=600.0)


@pytest.fixture(params=["sqlite", "postgres", "redis"])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    """Where jobs are stored."""
    if request.param == "sqlite":
        yield SqliteDatabase(tmp_path / "state")
    elif request.param == "postgres":
        database = PostgresDatabase(request.getfixturevalue("postgres_url"))
        await database.start()
        yield database
        await database.aclose()
    else:
        site: Site = request.getfixturevalue("site")
        async with Redis(port=site.start_redis().port, protocol=2) as client:
            yield client


@pytest.fixture
def store(backend: Backend, tmp_path: Path) -> JobStore:
    return create_store(backend, tmp_path)


def create_store(backend: Backend, folder: Path, limits: StoreLimits = LIMITS) -> JobStore:
    if isinstance(backend, Database):
        return DatabaseJobStore(backend, folder / "state", limits)
    return RedisJobStore(backend, limits)


def create_broker(backend: Backend) -> LendingBroker:
    return DatabaseBroker(backend, LEASE_S) if isinstance(backend, Database) else RedisBroker(backend, LEASE_S)


async def create_job(
    store: JobStore, *failed: int, count: int = 3, ttl_s: float = 60, url: str | None = None
) -> JobRecord:
    record = JobRecord.create(JobOptions(orientation="upright", split=True, webhook_url=url), ttl_s)
    await store.begin(record)
    files = []
    for index in range(count):
        if index in failed:
            files.append(FileState(index=index, name=f"{index}.png", state="failed", problem=PROBLEM))
        else:
            await store.add_file(record.id, index, b"picture %d" % index)
            files.append(FileState(index=index, name=f"{index}.png", state="queued"))
    assert await store.find(record.id) is None  # invisible until it is committed
    await store.commit(record, files)
    return record


async def require_job(store: JobStore, record: JobRecord) -> Snapshot:
    snapshot = await store.find(record.id)
    assert snapshot is not None
    return snapshot


async def require_changes(store: JobStore, record: JobRecord, revision: int) -> tuple[int, list[tuple[int, str]]]:
    changes = await store.find_changes(record.id, revision)
    assert changes is not None
    return changes[0], [(file.index, file.state) for file in changes[1]]


async def test_finishes_each_file_once(store: JobStore) -> None:
    record = await create_job(store)
    for attempt in (1, 2):
        work = await store.start_file(record.id, 1)
        assert work is not None
        assert (work.data, work.attempt, work.options) == (b"picture 1", attempt, record.options)
    assert await store.finish_file(record.id, 1, Outcome([RECEIPT, RECEIPT]))
    assert not await store.finish_file(record.id, 1, Outcome(problem=PROBLEM))
    assert await store.start_file(record.id, 1) is None
    snapshot = await require_job(store, record)
    assert [file.state for file in snapshot.files] == ["queued", "done", "queued"]
    assert snapshot.files[1].receipt_ids == [RECEIPT.id] * 2
    assert snapshot.finished is None
    assert snapshot.to_job().state == "running"


async def test_job_is_done_when_its_last_file_is(store: JobStore) -> None:
    record = await create_job(store)
    await store.finish_file(record.id, 1, Outcome([RECEIPT, RECEIPT]))
    await store.finish_file(record.id, 2, Outcome(problem=PROBLEM))
    expected = [Outcome(problem=PROBLEM), Outcome([RECEIPT, RECEIPT])]
    assert await store.find_outcomes(record.id, [2, 1]) == expected
    await store.finish_file(record.id, 0, Outcome([RECEIPT]))
    snapshot = await require_job(store, record)
    assert snapshot.to_job().state == "done"
    assert snapshot.finished == pytest.approx(time.time(), abs=30)


async def test_finds_changes_since_a_revision(store: JobStore) -> None:
    record = await create_job(store)
    assert await require_changes(store, record, 1) == (1, [])
    await store.start_file(record.id, 0)
    await store.start_file(record.id, 2)
    revision, changes = await require_changes(store, record, 1)
    assert changes == [(0, "running"), (2, "running")]
    assert await require_changes(store, record, revision) == (revision, [])
    await store.finish_file(record.id, 0, Outcome([RECEIPT]))
    _, changes = await require_changes(store, record, revision)
    assert changes == [(0, "done")]


async def test_next_queued_file_skips_failed_ones(store: JobStore) -> None:
    record = await create_job(store, 2, 3, count=8)
    assert await store.find_next_queued(record.id, 0, 2) == 4  # 2 failed
    await store.start_file(record.id, 4)
    assert await store.find_next_queued(record.id, 0, 2) is None  # the reader of 4 queues the next one
    assert await store.find_next_queued(record.id, 4, 2) == 6
    assert await store.find_next_queued(record.id, 6, 2) is None
    assert await store.find_next_queued("0" * 32, 0, 2) is None


async def test_deleted_and_expired_jobs_are_gone(store: JobStore) -> None:
    deleted, expired, remaining = await create_job(store), await create_job(store, ttl_s=-1), await create_job(store)
    uncommitted = JobRecord.create(JobOptions(), -1)
    await store.begin(uncommitted)
    await store.add_file(uncommitted.id, 0, b"picture")
    await store.start_file(deleted.id, 0)
    assert await store.delete(deleted.id)
    assert not await store.delete(deleted.id)
    assert await store.delete_expired() == 2
    for gone in (deleted, expired):
        assert await store.find(gone.id) is None
        assert not await store.exists(gone.id)
        assert await store.find_changes(gone.id, 0) is None
        assert await store.start_file(gone.id, 0) is None
        assert not await store.finish_file(gone.id, 0, Outcome([RECEIPT]))
        assert await store.find_outcomes(gone.id, [0]) == []
    assert await store.exists(remaining.id)


async def test_limits_all_jobs_together(backend: Backend, tmp_path: Path) -> None:
    per_file = RESULT_BYTES + len(b"picture 0")
    store = create_store(backend, tmp_path, replace(LIMITS, max_bytes=4 * per_file))
    first = await create_job(store, count=3)
    with pytest.raises(JobsFullError, match="in total"):
        await create_job(store, count=2)
    # The result of a file takes less than what was counted for it.
    await store.finish_file(first.id, 0, Outcome([RECEIPT]))
    with pytest.raises(JobsFullError):
        await create_job(store, count=2)  # the refused job still has its first file
    assert await store.delete(first.id)
    await create_job(store, count=3)


async def test_result_that_does_not_fit_is_a_problem(backend: Backend, tmp_path: Path) -> None:
    store = create_store(backend, tmp_path, replace(LIMITS, max_bytes=3 * (RESULT_BYTES + 100)))
    record = await create_job(store, count=2)
    large = Outcome([RECEIPT] * (3 * RESULT_BYTES // len(Outcome([RECEIPT]).receipts_json())))
    assert await store.finish_file(record.id, 0, large)
    assert await store.finish_file(record.id, 1, Outcome([RECEIPT]))
    snapshot = await require_job(store, record)
    assert [file.state for file in snapshot.files] == ["failed", "done"]
    problem = snapshot.files[0].problem
    assert problem is not None
    assert (problem.status, problem.type) == (507, "urn:quittance:problem:storage-full")
    assert await store.find_outcomes(record.id, [0]) == [Outcome(problem=problem)]


async def test_upload_of_a_killed_process_is_deleted_long_before_the_job_would_expire(
    backend: Backend, tmp_path: Path
) -> None:
    store = create_store(backend, tmp_path, replace(LIMITS, upload_s=0.01))
    record = JobRecord.create(JobOptions(), 60)
    await store.begin(record)
    await store.add_file(record.id, 0, b"picture")
    committed = await create_job(store)
    await asyncio.sleep(0.02)
    assert await store.delete_expired() == 1
    with pytest.raises(JobsUnavailableError):
        await store.add_file(record.id, 1, b"picture")
    assert await store.exists(committed.id)


async def test_webhook_is_due_when_the_last_file_finishes(store: JobStore) -> None:
    await create_job(store, 0, 1, 2)  # done, but without a webhook
    record = await create_job(store, count=1, url="https://a.example")
    assert await store.lease_due_webhook(60) is None
    await store.finish_file(record.id, 0, Outcome([RECEIPT]))
    due = await store.lease_due_webhook(60)
    assert due is not None
    assert (due.job_id, due.url, due.attempt) == (record.id, "https://a.example", 1)
    assert await store.lease_due_webhook(60) is None  # leased


async def test_webhook_is_due_again_for_a_retry(store: JobStore) -> None:
    record = await create_job(store, 0, count=1, url="https://a.example")  # done at once
    await store.lease_due_webhook(60)
    await store.fail_webhook(record.id, "status 500", 0)
    due = await store.lease_due_webhook(60)
    assert due is not None
    assert (due.job_id, due.attempt) == (record.id, 2)
    await store.confirm_webhook(record.id)
    assert await store.lease_due_webhook(60) is None


async def test_job_tells_how_its_webhook_is_delivered(store: JobStore) -> None:
    without = await create_job(store, 0, count=1)
    assert (await require_job(store, without)).to_job().webhook is None
    record = await create_job(store, count=1, url="https://a.example")

    async def describe() -> tuple[str, int, str | None, bool]:
        webhook = (await require_job(store, record)).to_job().webhook
        assert webhook is not None
        return webhook.state, webhook.attempts, webhook.last_error, webhook.delivered is not None

    assert await describe() == ("pending", 0, None, False)
    await store.finish_file(record.id, 0, Outcome([RECEIPT]))
    assert await describe() == ("pending", 0, None, False)
    await store.lease_due_webhook(60)
    assert await describe() == ("pending", 1, None, False)
    await store.fail_webhook(record.id, "status 500", 60)
    assert await describe() == ("pending", 1, "status 500", False)
    await store.fail_webhook(record.id, "status 502", None)
    assert await describe() == ("failed", 1, "status 502", False)
    await store.confirm_webhook(record.id)
    assert await describe() == ("delivered", 1, "status 502", True)


async def test_postponed_webhook_is_due_later_and_not_counted(store: JobStore) -> None:
    record = await create_job(store, 0, count=1, url="https://a.example")
    await store.lease_due_webhook(60)
    await store.postpone_webhook(record.id, 0)
    due = await store.lease_due_webhook(60)
    assert due is not None
    assert (due.job_id, due.attempt) == (record.id, 1)
    await store.postpone_webhook(record.id, 60)
    assert await store.lease_due_webhook(60) is None
    await store.delete(record.id)
    await store.postpone_webhook(record.id, 0)
    assert await store.lease_due_webhook(60) is None
    assert not await store.exists(record.id)


async def test_webhook_of_a_deleted_job_is_not_due(store: JobStore) -> None:
    record = await create_job(store, 0, count=1, url="https://b.example")
    due = await store.lease_due_webhook(0)
    assert due is not None
    assert due.job_id == record.id
    await store.delete(record.id)
    assert await store.lease_due_webhook(60) is None


async def lend_within(broker: LendingBroker, seconds: float = 3.0) -> tuple[str, bytes] | None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                lent = await broker.lend()
                if lent is not None:
                    return lent
    return None


async def test_lends_messages_of_a_dead_worker_again(backend: Backend, tmp_path: Path) -> None:
    dead, alive = create_broker(backend), create_broker(backend)
    for broker in (dead, alive):
        await broker.startup()
    assert await alive.count() == 0
    for text in (b"first", b"second"):
        await dead.kick(BrokerMessage(task_id="1", task_name="x", message=text, labels={}))
    first = await lend_within(dead)
    assert first is not None
    assert first[1] == b"first"
    second = await lend_within(alive)
    assert second is not None
    assert second[1] == b"second"
    assert await alive.count() == 2
    end = time.monotonic() + 2 * LEASE_S
    while time.monotonic() < end:  # renewed in time, both stay where they are
        await dead.renew([first[0]])
        await alive.renew([second[0]])
        assert await lend_within(alive, 0.1) is None
    await alive.settle(second[0])
    assert await lend_within(alive, 4 * LEASE_S) == first
    await alive.give_back([first[0]])
    assert await lend_within(dead, LEASE_S / 2) == first
    await dead.settle(first[0])
    assert await alive.count() == 0
    assert await lend_within(alive, 2 * LEASE_S) is None


async def test_clock_that_is_set_back_lends_no_longer(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not isinstance(backend, SqliteDatabase):
        pytest.skip("servers have a clock of their own")
    dead, alive = create_broker(backend), create_broker(backend)
    await dead.kick(BrokerMessage(task_id="1", task_name="x", message=b"first", labels={}))
    lent = await lend_within(dead)
    two_hours_ago = time.time() - 7200
    monkeypatch.setattr(time, "time", lambda: two_hours_ago)
    assert await lend_within(alive, LEASE_S / 2) is None
    assert await lend_within(alive, 4 * LEASE_S) == lent


@pytest.mark.parametrize("lent_until", [1.8e9, 1e7])
async def test_leases_of_an_earlier_release_or_before_a_restart_of_the_machine_are_over(
    tmp_path: Path, lent_until: float
) -> None:
    broker = create_broker(SqliteDatabase(tmp_path / "state"))
    await broker.kick(BrokerMessage(task_id="1", task_name="x", message=b"first", labels={}))
    with sqlite3.connect(tmp_path / "state" / "queue.sqlite3") as connection:
        connection.execute("UPDATE messages SET lent_until = ?", (time.monotonic() + lent_until,))
    assert await lend_within(broker, LEASE_S) is not None


async def test_jobs_do_not_push_the_cache_out_of_redis(site: Site, tmp_path: Path) -> None:
    async with Redis(port=site.start_redis().port, protocol=2) as redis:
        await redis.config_set("maxmemory", 16 * 2**20)
        await redis.config_set("maxmemory-policy", "volatile-lru")
        for number in range(100):
            await redis.set(f"receipt:{number}", bytes(20_000), ex=3600)
        store = create_store(redis, tmp_path, replace(LIMITS, max_bytes=2**30))
        record = JobRecord.create(JobOptions(), 60)
        await store.begin(record)
        with pytest.raises(JobsFullError, match="in total"):
            await add_many(store, record, bytes(500_000))
        assert await redis.exists(*(f"receipt:{number}" for number in range(100))) == 100


async def add_many(store: JobStore, record: JobRecord, data: bytes) -> None:
    for index in range(100):
        await store.add_file(record.id, index, data)
