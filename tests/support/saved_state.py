"""State of a gateway for tests of backups: a key, a correction, and a job with one file of three that is read."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from taskiq import BrokerMessage

from gateway.admission.api_keys import KeyStore
from gateway.caller import NO_OWNER
from gateway.corrections.store import CorrectionStore
from gateway.jobs.brokers.database_broker import DatabaseBroker
from gateway.jobs.contracts import FileState
from gateway.jobs.model import JobOptions, JobRecord, Outcome
from gateway.jobs.stores.database_job_store import DatabaseJobStore
from gateway.jobs.stores.job_store import StoreLimits
from gateway.storage.database.database import Database
from shared.contracts import FieldCorrection
from tests.support.receipts import RECEIPT

LEASE_S = 15.0
_LIMITS = StoreLimits(max_bytes=2**30, reserve_bytes=0, upload_s=600.0)


def open_jobs(database: Database, directory: Path) -> DatabaseJobStore:
    """Return the store of jobs."""
    return DatabaseJobStore(database, directory, _LIMITS)


def open_queue(database: Database) -> DatabaseBroker:
    """Return the queue of jobs."""
    return DatabaseBroker(database, LEASE_S)


async def add_correction(database: Database, value: str, owner: str = NO_OWNER) -> None:
    """Correct the company of the receipt."""
    correction = FieldCorrection(value=value, model_value=None, at=datetime.now(UTC))
    await CorrectionStore(database).put(RECEIPT, {"company": correction}, owner=owner)


async def add_job(database: Database, directory: Path, count: int = 3) -> str:
    """Add a job with some files, which are queued, and return its ID."""
    store, record = open_jobs(database, directory), JobRecord.create(JobOptions(), 3600)
    await store.begin(record)
    files = []
    for index in range(count):
        await store.add_file(record.id, index, b"picture %d of " % index + record.id.encode())
        files.append(FileState(index=index, name=f"{index}.png", state="queued"))
    await store.commit(record, files)
    for index in range(count):
        message = f"{record.id} {index}".encode()
        await open_queue(database).kick(BrokerMessage(task_id="a", task_name="a", message=message, labels={}))
    return record.id


async def finish_next_file(database: Database, directory: Path) -> bool:
    """Read the next file in the queue, as a worker does; return whether there was one."""
    lent = await open_queue(database).lend()
    if lent is None:
        return False
    message_id, data = lent
    job_id, index = data.decode().split()
    work = await open_jobs(database, directory).start_file(job_id, int(index))
    assert work is not None
    assert work.data == b"picture %d of " % int(index) + job_id.encode()
    assert await open_jobs(database, directory).finish_file(job_id, int(index), Outcome([RECEIPT]))
    await open_queue(database).settle(message_id)
    return True


async def fill(database: Database, directory: Path) -> tuple[str, str]:
    """Add a key, a correction and a job; return the key and the ID of the job."""
    _, secret = await asyncio.to_thread(KeyStore(database).create, "books", group="office")
    await add_correction(database, "ONE")
    job_id = await add_job(database, directory)
    assert await finish_next_file(database, directory)
    return secret, job_id
