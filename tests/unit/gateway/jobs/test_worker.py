"""Files that are read by the worker: retries, restarts, failures."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.jobs import worker
from gateway.jobs.contracts import Counts
from gateway.settings import GatewaySettings
from shared.problems import ProblemError
from tests.support.gateway import Gateway, make_picture, run_gateway
from tests.support.jobs import create_job, get_job, get_problem_codes, run_job, wait_until_done


async def test_reads_all_files_past_failed_ones(gateway: Gateway) -> None:
    """There are more files than the queue holds at once, so each has to bring the next."""
    count = 3 * worker.CHAIN_COUNT
    files = [(f"{number}.png", make_picture(shade=number) if number % 3 else b"") for number in range(count)]
    job = await run_job(gateway, *files)
    assert job.counts == Counts(total=96, done=64, failed=32)
    assert len(gateway.detector.requests) == 64


async def test_retries_while_stages_are_overloaded(gateway: Gateway) -> None:
    gateway.detector.fails_with = ProblemError(503, "overloaded", "Overloaded", "Later.", headers={"Retry-After": "0"})
    job = await create_job(gateway, ("a.png", make_picture()))
    await gateway.detector.wait_for_requests(3)
    assert (await get_job(gateway, job)).files[0].state == "running"
    gateway.detector.fails_with = None
    assert (await wait_until_done(gateway, job)).files[0].state == "done"


async def test_file_fails_if_a_stage_fails_permanently(gateway: Gateway) -> None:
    gateway.detector.answer = "nonsense"
    job = await run_job(gateway, ("a.png", make_picture()))
    assert job.files[0].problem is not None
    assert job.files[0].problem.status == 502


async def test_restarted_gateway_continues() -> None:
    async with run_gateway(GatewaySettings(job_concurrency=0)) as idle:
        job = await create_job(idle, ("a.png", make_picture(shade=1)), ("b.png", make_picture(shade=2)))
    async with run_gateway(GatewaySettings()) as restarted:
        assert (await wait_until_done(restarted, job)).counts.done == 2


async def test_lost_and_deadly_files_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with run_gateway(GatewaySettings(job_concurrency=0)) as idle:
        job = await create_job(idle, ("lost.png", make_picture(shade=1)), ("deadly.png", make_picture(shade=2)))
    (tmp_path / "state" / "jobs" / job.id / "0").unlink()
    monkeypatch.setattr(worker, "_MAX_ATTEMPTS", 0)
    async with run_gateway(GatewaySettings()) as restarted:
        job = await wait_until_done(restarted, job)
        assert restarted.detector.requests == []
    assert get_problem_codes(job) == ["file-lost", "file-given-up"]


async def test_deleted_job_is_not_read_further(gateway: Gateway) -> None:
    gateway.detector.delay_s = 0.2
    job = await create_job(gateway, *((f"{number}.png", make_picture(shade=number)) for number in range(40)))
    await asyncio.sleep(0.1)
    assert (await gateway.http.delete(f"/v1/jobs/{job.id}")).status_code == 204
    started = len(gateway.detector.requests)
    await asyncio.sleep(1)
    assert len(gateway.detector.requests) <= min(started + 2, 38)  # the files that had been started
