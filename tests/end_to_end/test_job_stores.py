"""Where jobs are kept, on the disk and in a real Redis: both do the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from redis.asyncio import Redis
from taskiq import BrokerMessage

from gateway.api.examples import RECEIPT_EXAMPLE
from gateway.jobs.brokers.broker import LendingBroker
from gateway.jobs.brokers.disk_broker import DiskBroker
from gateway.jobs.brokers.redis_broker import RedisBroker
from gateway.jobs.contracts import FileState
from gateway.jobs.model import JobOptions, JobRecord, JobStore, Outcome
from gateway.jobs.stores.disk_store import DiskStore
from gateway.jobs.stores.redis_store import RedisJobs
from shared.contracts import Problem, Receipt

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.conftest import Site

RECEIPT = Receipt.model_validate(RECEIPT_EXAMPLE)
PROBLEM = Problem(title="Damaged", status=422, detail="Cut off.")
LEASE_S = 1.0


@pytest.fixture(params=["disk", "redis"])
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis | None]:
    if request.param == "disk":
        yield None
        return
    site: Site = request.getfixturevalue("site")
    async with Redis(port=site.redis().port, protocol=2) as client:
        yield client


@pytest.fixture
def store(redis: Redis | None, tmp_path: Path) -> JobStore:
    return DiskStore(tmp_path / "state") if redis is None else RedisJobs(redis)


def broker(redis: Redis | None, folder: Path) -> LendingBroker:
    return DiskBroker(folder / "state", LEASE_S) if redis is None else RedisBroker(redis, LEASE_S)


async def begun(store: JobStore, *failed: int, count: int = 3, ttl_s: float = 60, url: str | None = None) -> JobRecord:
    record = JobRecord.new(JobOptions(orientation="upright", split=True, webhook_url=url), ttl_s)
    await store.begin(record)
    files = []
    for index in range(count):
        if index in failed:
            files.append(FileState(index=index, name=f"{index}.png", state="failed", problem=PROBLEM))
        else:
            await store.add(record.id, index, b"picture %d" % index)
            files.append(FileState(index=index, name=f"{index}.png", state="queued"))
    assert await store.get(record.id) is None  # not before it is whole
    await store.commit(record, files)
    return record


async def test_a_file_goes_from_queued_to_done_once(store: JobStore) -> None:
    record = await begun(store)
    for attempt in (1, 2):
        work = await store.start(record.id, 1)
        assert work is not None
        assert (work.data, work.attempt, work.options) == (b"picture 1", attempt, record.options)
    assert await store.finish(record.id, 1, Outcome([RECEIPT, RECEIPT]))
    assert not await store.finish(record.id, 1, Outcome(problem=PROBLEM))
    assert await store.start(record.id, 1) is None
    snapshot = await store.get(record.id)
    assert snapshot is not None
    assert [file.state for file in snapshot.files] == ["queued", "done", "queued"]
    assert snapshot.files[1].receipt_ids == [RECEIPT.id] * 2
    assert snapshot.finished is None
    assert snapshot.job().state == "running"
    await store.finish(record.id, 2, Outcome(problem=PROBLEM))
    assert await store.outcomes(record.id, [2, 1]) == [Outcome(problem=PROBLEM), Outcome([RECEIPT, RECEIPT])]
    await store.finish(record.id, 0, Outcome([RECEIPT]))
    snapshot = await store.get(record.id)
    assert snapshot is not None
    assert snapshot.job().state == "done"
    assert snapshot.finished == pytest.approx(time.time(), abs=30)


async def test_changes_since_a_revision_are_told(store: JobStore) -> None:
    record = await begun(store)
    assert await store.changes(record.id, 1) == (1, [])
    await store.start(record.id, 0)
    await store.start(record.id, 2)
    changes = await store.changes(record.id, 1)
    assert changes is not None
    revision, files = changes
    assert [(file.index, file.state) for file in files] == [(0, "running"), (2, "running")]
    assert await store.changes(record.id, revision) == (revision, [])
    await store.finish(record.id, 0, Outcome([RECEIPT]))
    changes = await store.changes(record.id, revision)
    assert changes is not None
    assert [(file.index, file.state) for file in changes[1]] == [(0, "done")]


async def test_the_next_in_turn_is_one_that_waits_and_did_not_fail(store: JobStore) -> None:
    record = await begun(store, 2, 3, count=8)
    assert await store.next_waiting(record.id, 0, 2) == 4  # past 2, which failed
    await store.start(record.id, 4)
    assert await store.next_waiting(record.id, 0, 2) is None  # whoever reads 4 brings the next
    assert await store.next_waiting(record.id, 4, 2) == 6
    assert await store.next_waiting(record.id, 6, 2) is None
    assert await store.next_waiting("0" * 32, 0, 2) is None


async def test_what_is_deleted_or_expired_is_gone(store: JobStore) -> None:
    deleted, expired, kept = await begun(store), await begun(store, ttl_s=-1), await begun(store)
    half = JobRecord.new(JobOptions(), -1)
    await store.begin(half)
    await store.add(half.id, 0, b"picture")
    await store.start(deleted.id, 0)
    assert await store.delete(deleted.id)
    assert not await store.delete(deleted.id)
    assert await store.expire() == 2
    for gone in (deleted, expired):
        assert await store.get(gone.id) is None
        assert not await store.exists(gone.id)
        assert await store.changes(gone.id, 0) is None
        assert await store.start(gone.id, 0) is None
        assert not await store.finish(gone.id, 0, Outcome([RECEIPT]))
        assert await store.outcomes(gone.id, [0]) == []
    assert await store.exists(kept.id)


async def test_a_webhook_is_due_when_the_last_file_is_finished(store: JobStore) -> None:
    await begun(store, 0, 1, 2)  # without one
    record = await begun(store, count=1, url="https://a.example")
    assert await store.due_webhook(60) is None
    await store.finish(record.id, 0, Outcome([RECEIPT]))
    due = await store.due_webhook(60)
    assert due is not None
    assert (due.job_id, due.url, due.attempt) == (record.id, "https://a.example", 1)
    assert await store.due_webhook(60) is None  # lent
    await store.settle_webhook(record.id, 0)
    due = await store.due_webhook(60)
    assert due is not None
    assert due.attempt == 2
    await store.settle_webhook(record.id, None)
    failed = await begun(store, 0, count=1, url="https://b.example")  # done as soon as it is there
    due = await store.due_webhook(0)
    assert due is not None
    assert due.job_id == failed.id
    await store.delete(failed.id)
    assert await store.due_webhook(60) is None


async def take(broker: LendingBroker, seconds: float = 3.0) -> tuple[str, bytes] | None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                lent = await broker.lend()
                if lent is not None:
                    return lent
    return None


async def test_what_a_dead_worker_had_is_lent_again_without_anything_new(redis: Redis | None, tmp_path: Path) -> None:
    dead, alive = broker(redis, tmp_path), broker(redis, tmp_path)
    for one in (dead, alive):
        await one.startup()
    for text in (b"first", b"second"):
        await dead.kick(BrokerMessage(task_id="1", task_name="x", message=text, labels={}))
    lent = await take(dead)
    assert lent is not None
    assert lent[1] == b"first"
    other = await take(alive)
    assert other is not None
    assert other[1] == b"second"
    end = time.monotonic() + 2 * LEASE_S
    while time.monotonic() < end:  # told of in time, it stays where it is
        await dead.renew([lent[0]])
        await alive.renew([other[0]])
        assert await take(alive, 0.1) is None
    await alive.settle(other[0])
    assert await take(alive, 4 * LEASE_S) == lent
    await alive.give_back([lent[0]])
    assert await take(dead, LEASE_S / 2) == lent
    await dead.settle(lent[0])
    assert await take(alive, 2 * LEASE_S) is None
