"""Jobs of a gateway in this process."""

from __future__ import annotations

import asyncio
from typing import Protocol

import httpx2

from gateway.jobs.contracts import FileResult, Job

File = tuple[str, bytes]


class WithClient(Protocol):
    """A gateway under test, with an HTTP client."""

    http: httpx2.AsyncClient


async def create_job(gateway: WithClient, *files: File, **params: str) -> Job:
    """Create a job with files, given by name and content."""
    form = [("files", (name, content, "application/octet-stream")) for name, content in files]
    response = await gateway.http.post("/v1/jobs", files=form, params=params)
    assert response.status_code == 202, response.text
    job = Job.model_validate_json(response.content)
    assert response.headers["location"] == f"/v1/jobs/{job.id}"
    assert response.headers["cache-control"] == "no-store"
    return job


async def get_job(gateway: WithClient, job: Job) -> Job:
    """Return the current state of a job."""
    return Job.model_validate_json((await gateway.http.get(f"/v1/jobs/{job.id}")).content)


async def wait_until_done(gateway: WithClient, job: Job) -> Job:
    """Wait for a job and return its final state."""
    async with asyncio.timeout(20):
        await gateway.http.get(f"/v1/jobs/{job.id}/events")  # ends with the job
    job = await get_job(gateway, job)
    assert job.state == "done"
    return job


async def run_job(gateway: WithClient, *files: File, **params: str) -> Job:
    """Create a job, wait for it and return its final state."""
    return await wait_until_done(gateway, await create_job(gateway, *files, **params))


async def get_results(gateway: WithClient, job: Job) -> list[FileResult]:
    """Return the results of a job."""
    response = await gateway.http.get(f"/v1/jobs/{job.id}/results")
    return [FileResult.model_validate(row) for row in response.json()]


def get_problem_codes(job: Job) -> list[str]:
    """Return the problem codes of the failed files, in the order of the job."""
    return [file.problem.type.rpartition(":")[2] for file in job.files if file.problem is not None]
