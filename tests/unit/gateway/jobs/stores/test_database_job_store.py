"""Jobs in SQLite: full disks, and what killed processes leave. `tests/end_to_end/test_job_stores.py` has the rest."""

from __future__ import annotations

import sqlite3
import stat
import time
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from gateway.api.examples import RECEIPT_EXAMPLE
from gateway.jobs.contracts import FileState
from gateway.jobs.model import JobOptions, JobRecord, Outcome
from gateway.jobs.stores.database_job_store import DatabaseJobStore
from gateway.jobs.stores.job_store import JobsFullError, StoreLimits
from gateway.settings import GatewaySettings
from gateway.storage.database.sqlite import SqliteDatabase
from shared.contracts import Receipt
from tests.support.disks import fill_disk, open_directory, small_disk
from tests.support.gateway import assert_problem, make_picture, run_gateway
from tests.support.jobs import create_job as post_job
from tests.support.jobs import run_job
from tests.support.release_0_1_0 import write_files

LIMITS = StoreLimits(max_bytes=2**30, reserve_bytes=0, upload_s=600.0)
PICTURE = bytes(100_000)
MIB = 2**20


def open_store(folder: Path, limits: StoreLimits = LIMITS) -> DatabaseJobStore:
    return DatabaseJobStore(SqliteDatabase(folder), folder, limits)


async def create_job(store: DatabaseJobStore, count: int = 2, ttl_s: float = 60) -> JobRecord:
    record = JobRecord.create(JobOptions(), ttl_s)
    await store.begin(record)
    for index in range(count):
        await store.add_file(record.id, index, PICTURE)
    await store.commit(record, [FileState(index=index, name="a.png", state="queued") for index in range(count)])
    return record


def get_modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}


def list_files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder / "jobs")) for file in (folder / "jobs").rglob("*") if file.is_file())


async def test_files_are_private_in_a_directory_that_is_not(tmp_path: Path) -> None:
    record = await create_job(open_store(tmp_path))
    assert get_modes(tmp_path / "jobs") == {"jobs": 0o700, record.id: 0o700, "0": 0o600, "1": 0o600}


async def test_deleting_a_job_needs_no_space() -> None:
    with small_disk(2 * MIB) as folder:
        store = open_store(folder)
        record = await create_job(store, count=10)
        fill_disk(folder)
        with pytest.raises(JobsFullError):
            await create_job(store)
        assert await store.delete(record.id)
        assert list_files(folder) == []
        assert not await store.exists(record.id)


async def test_expired_jobs_are_deleted_from_a_full_disk() -> None:
    with small_disk(2 * MIB) as folder:
        store = open_store(folder)
        await create_job(store, count=5, ttl_s=-1)
        await create_job(store, count=5, ttl_s=-1)
        fill_disk(folder)
        assert await store.delete_expired() == 2
        assert list_files(folder) == []


async def test_jobs_leave_a_reserve() -> None:
    with small_disk(4 * MIB) as folder:
        store = open_store(folder, StoreLimits(max_bytes=2**30, reserve_bytes=2 * MIB, upload_s=600.0))
        with pytest.raises(JobsFullError, match="2,097,152 bytes free"):
            await create_job(store, count=100)
        # Not even a row is written.
        fill_disk(folder)
        before = (folder / "jobs.sqlite3").stat().st_mtime_ns
        with pytest.raises(JobsFullError):
            await create_job(store)
        assert (folder / "jobs.sqlite3").stat().st_mtime_ns == before


async def test_sweep_deletes_what_killed_processes_left(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    record = await create_job(store)
    # Killed between the outcome and the deletion of the file; and between the deletion of a job's row and its folder.
    await store.finish_file(record.id, 0, Outcome([Receipt.model_validate(RECEIPT_EXAMPLE)]))
    (tmp_path / "jobs" / record.id / "0").write_bytes(PICTURE)
    (tmp_path / "jobs" / ("f" * 32)).mkdir()
    (tmp_path / "jobs" / ("f" * 32) / "0").write_bytes(PICTURE)
    await open_store(tmp_path).delete_expired()
    assert list_files(tmp_path) == [f"{record.id}/1"]
    assert [path.name for path in (tmp_path / "jobs").iterdir()] == [record.id]


async def test_sweep_deletes_files_whose_database_is_gone(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await create_job(store)
    (tmp_path / "jobs.sqlite3").rename(tmp_path / "elsewhere")
    assert await store.delete_expired() == 0
    assert list_files(tmp_path) == []
    assert not (tmp_path / "jobs.sqlite3").exists()


async def test_jobs_of_an_earlier_release_are_read_and_deleted(tmp_path: Path) -> None:
    write_files(tmp_path)
    job_id, told = "f" * 32, FileState(index=0, name="a.png", state="queued").model_dump_json()
    with sqlite3.connect(tmp_path / "jobs.sqlite3") as connection:
        expires, options = time.time() + 60, JobOptions().model_dump_json()
        connection.execute(
            "INSERT INTO jobs (id, created, expires, options, revision) VALUES (?, 0, ?, ?, 1)",
            (job_id, expires, options),
        )
        connection.execute("INSERT INTO files VALUES (?, 0, 'a.png', 'queued', 0, 1, ?, NULL)", (job_id, told))
    (tmp_path / "jobs" / job_id).mkdir(parents=True)
    (tmp_path / "jobs" / job_id / "0").write_bytes(PICTURE)
    store = open_store(tmp_path)
    assert await store.exists(job_id)
    work = await store.start_file(job_id, 0)
    assert work is not None
    assert work.data == PICTURE
    assert await store.finish_file(job_id, 0, Outcome([Receipt.model_validate(RECEIPT_EXAMPLE)]))
    assert list_files(tmp_path) == []
    assert await store.delete(job_id)


async def test_jobs_can_be_followed_in_a_directory_without_the_right_to_write() -> None:
    with open_directory() as folder:
        record = await create_job(open_store(folder))
        folder.chmod(0o500)
        snapshot = await open_store(folder).find(record.id)
        assert snapshot is not None
        assert [file.state for file in snapshot.files] == ["queued", "queued"]


def make_bomb(bytes_per_file: int, count: int) -> bytes:
    """Build a small zip of large files."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for index in range(count):
            archive.writestr(f"{index}.png", bytes(bytes_per_file))
    return buffer.getvalue()


async def test_zips_do_not_fill_the_disk() -> None:
    with small_disk(8 * MIB) as folder:
        settings = GatewaySettings(state_directory=folder, job_reserve_bytes=2 * MIB, job_concurrency=0)
        async with run_gateway(settings) as gateway:
            form = [("files", ("a.zip", make_bomb(MIB, 10), "application/zip"))]
            for _ in range(4):
                problem = assert_problem(await gateway.http.post("/v1/jobs", files=form), 507, "storage-full")
                assert "QUITTANCE_JOB_RESERVE_BYTES" in problem.detail
                assert list_files(folder) == []
            await post_job(gateway, ("a.png", make_picture()))


async def test_jobs_share_a_quota() -> None:
    settings = GatewaySettings(job_store_bytes=300_000, job_concurrency=0, job_reserve_bytes=0)
    async with run_gateway(settings) as gateway:
        job = await post_job(gateway, ("a.png", PICTURE))
        form = [("files", ("b.png", PICTURE * 2, "image/png"))]
        response = await gateway.http.post("/v1/jobs", files=form)
        assert_problem(response, 507, "storage-full")
        assert response.headers["retry-after"] == "60"
        assert (await gateway.http.delete(f"/v1/jobs/{job.id}")).status_code == 204
        await post_job(gateway, ("b.png", PICTURE * 2))


async def test_gateway_deletes_leftovers_when_it_starts(tmp_path: Path) -> None:
    settings = GatewaySettings(state_directory=tmp_path)
    async with run_gateway(settings) as gateway:
        job = await run_job(gateway, ("a.png", make_picture()))
    leftover = tmp_path / "jobs" / job.id / "0"
    leftover.write_bytes(PICTURE)
    async with run_gateway(settings) as gateway:
        await run_job(gateway, ("b.png", make_picture(shade=7)))
        assert not leftover.exists()
