"""The routes of jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from gateway.api.examples import RECEIPT_EXAMPLE
from gateway.api.requests import SplitQuery
from gateway.exports import FORMATS, ExportFormat, ExportRow, export, export_headers, export_responses, json_pieces
from gateway.jobs.contracts import FileResult, Job
from gateway.jobs.intake.intake import FILES_FIELD, WEBHOOK_FIELD
from gateway.jobs.model import JobOptions, JobsUnavailableError
from gateway.jobs.service import Jobs
from shared.problems import ProblemError, problem_responses
from shared.service.health import Health
from shared.service.uploads import OrientationQuery

JobId = Annotated[
    str, Path(pattern="^[0-9a-f]{32}$", description="The `id` of a job.", examples=["0f3a6c1e9d2b4857a1c0e4f6b8d2a395"])
]
_NO_STORE = {"Cache-Control": "no-store"}
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FILES_FIELD],
                    "properties": {
                        FILES_FIELD: {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "description": "Pictures, documents, or zips of them.",
                        },
                        WEBHOOK_FIELD: {
                            "type": "string",
                            "format": "uri",
                            "description": "Is sent the job by POST once it is done, signed by the rules of Standard "
                            "Webhooks.",
                        },
                    },
                }
            }
        },
    }
}
_ROW = {"index": 0, "name": "a.jpg", "state": "done", "page": None, "receipt": RECEIPT_EXAMPLE, "problem": None}
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The events.",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": 'event: progress\ndata: {"total": 3, "queued": 1, "running": 1, "done": 1, "failed": 0}\n\n',
            }
        },
    }
}


def jobs_router() -> APIRouter:
    """Makes the routes under /v1/jobs."""
    router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

    @router.post(
        "",
        operation_id="createJob",
        summary="Read many files",
        status_code=202,
        response_model=Job,
        responses=problem_responses(400, 408, 413, 415, 422, 503),
        openapi_extra=_FORM,
    )
    async def create_job(request: Request, orientation: OrientationQuery = None, split: SplitQuery = None) -> Response:
        """Takes many pictures, documents or zips of them, and reads them one after the other.

        The answer comes as soon as all are taken in. A file that cannot be read says why and does not keep the others
        from being read. The job and its results are kept until it expires or is deleted.
        """
        cache_control = request.headers.get("cache-control")
        options = JobOptions(orientation=orientation, split=split is not None, cache_control=cache_control)
        try:
            job = await _jobs(request).create(request, options)
        except JobsUnavailableError as error:
            raise _unavailable("The files were not kept. Try again later.") from error
        headers = _NO_STORE | {"Location": f"/v1/jobs/{job.id}"}
        return Response(job.model_dump_json(), 202, media_type="application/json", headers=headers)

    @router.get(
        "/{job_id}",
        operation_id="getJob",
        summary="How far a job is",
        response_model=Job,
        responses=problem_responses(404, 422, 503),
    )
    async def get_job(request: Request, job_id: JobId) -> Response:
        """Gives the state of a job and of each of its files."""
        job = await _existing(request, job_id)
        return Response(job.model_dump_json(), media_type="application/json", headers=_NO_STORE)

    @router.get(
        "/{job_id}/events",
        operation_id="followJob",
        summary="Follow a job",
        response_class=StreamingResponse,
        responses=_EVENTS | problem_responses(404, 422, 503),
    )
    async def follow_job(request: Request, job_id: JobId) -> Response:
        """Sends server-sent events: `file` (a FileState), `progress` (Counts), and `done` (a Job) at the end.

        It begins with the present state of all files, so that nothing is missed by asking late or again.
        """
        health: Health = request.app.state.health
        try:
            events = await _jobs(request).events(job_id, lambda: health.draining)
        except JobsUnavailableError as error:
            raise _unavailable() from error
        if events is None:
            raise _not_found(job_id)
        headers = _NO_STORE | {"X-Accel-Buffering": "no"}  # nginx would hold events back
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)

    @router.get(
        "/{job_id}/results",
        operation_id="getJobResults",
        summary="What was read so far",
        response_model=list[FileResult],
        responses=export_responses("The rows.", _ROW) | problem_responses(404, 422, 503),
    )
    async def get_job_results(
        request: Request,
        job_id: JobId,
        how: Annotated[
            ExportFormat, Query(alias="format", description="json and jsonl hold everything, csv and xlsx the fields.")
        ] = "json",
    ) -> Response:
        """Gives a row for each receipt, or file that failed, of those finished by now, in the order they were sent.

        `json` and `jsonl` hold objects with `index`, `name`, `state`, `page`, `receipt` and `problem`; `csv` and `xlsx`
        are tables as of `POST /v1/exports`.
        """
        job = await _existing(request, job_id)
        results = _jobs(request).results(job)
        if how in ("json", "jsonl"):
            content = json_pieces((row.model_dump_json() async for row in results), as_list=how == "json")
        else:
            content = export(_table_rows(results), how)
        headers = _NO_STORE | export_headers(f"job-{job.id[:8]}", how)
        return StreamingResponse(content, media_type=FORMATS[how], headers=headers)

    @router.delete(
        "/{job_id}",
        operation_id="deleteJob",
        summary="Cancel and forget a job",
        status_code=204,
        response_class=Response,
        responses=problem_responses(404, 422, 503),
    )
    async def delete_job(request: Request, job_id: JobId) -> Response:
        """Cancels what is not read yet, and forgets the files and results. The cache of receipts keeps its own time."""
        try:
            found = await _jobs(request).delete(job_id)
        except JobsUnavailableError as error:
            raise _unavailable("The job may still be kept. Try again later.") from error
        if not found:
            raise _not_found(job_id)
        return Response(status_code=204)

    return router


async def _existing(request: Request, job_id: str) -> Job:
    try:
        job = await _jobs(request).get(job_id)
    except JobsUnavailableError as error:
        raise _unavailable() from error
    if job is None:
        raise _not_found(job_id)
    return job


async def _table_rows(results: AsyncIterator[FileResult]) -> AsyncIterator[ExportRow]:
    async for result in results:
        error = "" if result.problem is None else f"{result.problem.title}. {result.problem.detail}"
        yield ExportRow(file=result.name, page=result.page, receipt=result.receipt, error=error)


def _unavailable(more: str = "Try again later.") -> ProblemError:
    detail = f"What keeps the jobs cannot be reached, or has no room. {more}"
    return ProblemError(503, "jobs-unavailable", "Jobs are unavailable", detail, headers={"Retry-After": "5"})


def _not_found(job_id: str) -> ProblemError:
    detail = f"There is no job with the id {job_id}, or it is no longer kept. Send the files to POST /v1/jobs."
    return ProblemError(404, "job-not-found", "There is no such job", detail)


def _jobs(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs
