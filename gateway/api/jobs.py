"""The job routes."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from gateway.api.examples import RECEIPT_EXAMPLE
from gateway.api.parameters import KNOWN_PARAMETERS
from gateway.api.requests import SplitQuery
from gateway.components import get_gateway_components
from gateway.export_tables import ExportRow
from gateway.exports import (
    MEDIA_TYPES,
    ExportFormat,
    build_export_headers,
    build_export_responses,
    write_export,
    write_json,
)
from gateway.jobs.contracts import FileResult, Job
from gateway.jobs.intake.intake import FILES_FIELD, WEBHOOK_FIELD
from gateway.jobs.model import JobOptions, Snapshot
from gateway.jobs.stores.job_store import JobsFullError, JobsUnavailableError
from gateway.request_context import get_caller
from shared.problem_responses import problem_responses
from shared.problems import ProblemError
from shared.service.components import get_components
from shared.service.uploads import OrientationQuery

JobId = Annotated[
    str, Path(pattern="^[0-9a-f]{32}$", description="The ID of a job.", examples=["0f3a6c1e9d2b4857a1c0e4f6b8d2a395"])
]
_NO_STORE = {"Cache-Control": "no-store"}
_FORM_OPENAPI: dict[str, Any] = {
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
                            "description": "Where to POST the job when it is done, signed by the Standard Webhooks "
                            "specification.",
                        },
                    },
                }
            }
        },
    }
}
_RESULT_EXAMPLE = {
    "index": 0,
    "name": "a.jpg",
    "state": "done",
    "page": None,
    "receipt": RECEIPT_EXAMPLE,
    "problem": None,
}
_EVENTS_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The events.",
        "content": {
            "text/event-stream": {
                # OpenAPI 3.1 cannot say whether a schema is that of the stream or of each event: tools differ.
                "schema": {},
                "example": 'event: progress\ndata: {"total": 3, "queued": 1, "running": 1, "done": 1, "failed": 0}\n\n',
            }
        },
    }
}

_log = logging.getLogger(__name__)


def build_jobs_router() -> APIRouter:
    """Build the routes under /v1/jobs."""
    router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[KNOWN_PARAMETERS])

    @router.post(
        "",
        operation_id="createJob",
        summary="Read many files",
        status_code=202,
        response_model=Job,
        responses=problem_responses(400, 408, 413, 415, 422, 503, 507),
        openapi_extra=_FORM_OPENAPI,
    )
    async def create_job(request: Request, orientation: OrientationQuery = None, split: SplitQuery = None) -> Response:
        """Upload many pictures, documents or zips of them, to be read in the background.

        The response is sent when all files have arrived. A file that cannot be read fails with a reason and does not
        affect the others. The job and its results are stored until it expires or is deleted.
        """
        cache_control = request.headers.get("cache-control")
        options = JobOptions(
            orientation=orientation,
            split=split,
            cache_control=cache_control,
            owner=get_caller(request).group,
        )
        try:
            snapshot = await get_gateway_components(request.app).jobs.create(request, options)
        except JobsFullError as error:
            _log.warning("Job refused", extra={"reason": str(error)})
            raise _storage_full_problem() from error
        except JobsUnavailableError as error:
            raise _jobs_unavailable_problem("The files were not stored. Try again later.") from error
        job = snapshot.to_job()
        headers = _NO_STORE | {"Location": f"/v1/jobs/{job.id}"}
        return Response(job.model_dump_json(), 202, media_type="application/json", headers=headers)

    @router.get(
        "/{job_id}",
        operation_id="getJob",
        summary="Get the progress of a job",
        response_model=Job,
        responses=problem_responses(404, 422, 503),
    )
    async def get_job(request: Request, job_id: JobId) -> Response:
        """Return the state of a job and of each of its files."""
        job = (await _require_job(request, job_id)).to_job()
        return Response(job.model_dump_json(), media_type="application/json", headers=_NO_STORE)

    @router.get(
        "/{job_id}/events",
        operation_id="followJob",
        summary="Follow a job",
        response_class=StreamingResponse,
        responses=_EVENTS_RESPONSES | problem_responses(404, 422, 503),
    )
    async def follow_job(request: Request, job_id: JobId) -> Response:
        """Stream server-sent events: `file` (a FileState), `progress` (Counts), and finally `done` (a Job).

        The stream begins with the current state of all files, so a client can connect late or reconnect without missing
        anything.
        """
        health = get_components(request.app).health
        try:
            events = await get_gateway_components(request.app).jobs.follow(job_id, get_caller(request), health)
        except JobsUnavailableError as error:
            raise _jobs_unavailable_problem() from error
        if events is None:
            raise _job_not_found_problem(job_id)
        headers = _NO_STORE | {"X-Accel-Buffering": "no"}  # nginx would buffer the events
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)

    @router.get(
        "/{job_id}/results",
        operation_id="getJobResults",
        summary="Get the results so far",
        response_model=list[FileResult],
        responses=build_export_responses("The results.", _RESULT_EXAMPLE) | problem_responses(404, 422, 503),
    )
    async def get_job_results(
        request: Request,
        job_id: JobId,
        export_format: Annotated[
            ExportFormat,
            Query(
                alias="format",
                description="json and jsonl contain everything, csv and xlsx the fields; items-csv and "
                "the second sheet of xlsx have a row per item, codes-csv and the third sheet a row per code.",
            ),
        ] = "json",
    ) -> Response:
        """Return one row per receipt or failed file, for the files finished so far, in the order they were sent.

        `json` and `jsonl` contain objects with `index`, `name`, `state`, `page`, `receipt` and `problem`; `csv`,
        `items-csv`, `codes-csv` and `xlsx` are tables as in `POST /v1/exports`.
        """
        job = await _require_job(request, job_id)
        results = get_gateway_components(request.app).jobs.read_results(job)
        if export_format in ("json", "jsonl"):
            objects = (result.model_dump_json() async for result in results)
            content = write_json(objects, as_list=export_format == "json")
        else:
            content = write_export(_build_export_rows(results), export_format)
        headers = _NO_STORE | build_export_headers(f"job-{job_id[:8]}", export_format)
        return StreamingResponse(content, media_type=MEDIA_TYPES[export_format], headers=headers)

    @router.delete(
        "/{job_id}",
        operation_id="deleteJob",
        summary="Cancel and delete a job",
        status_code=204,
        response_class=Response,
        responses=problem_responses(404, 422, 503),
    )
    async def delete_job(request: Request, job_id: JobId) -> Response:
        """Cancel a job and delete its files and results. Its receipts stay in the cache until they expire there."""
        try:
            existed = await get_gateway_components(request.app).jobs.delete(job_id, get_caller(request))
        except JobsUnavailableError as error:
            raise _jobs_unavailable_problem("The job may not be deleted. Try again later.") from error
        if not existed:
            raise _job_not_found_problem(job_id)
        return Response(status_code=204)

    return router


async def _require_job(request: Request, job_id: str) -> Snapshot:
    """Return a job of the caller; raise `ProblemError` 404 or 503."""
    try:
        job = await get_gateway_components(request.app).jobs.find(job_id, get_caller(request))
    except JobsUnavailableError as error:
        raise _jobs_unavailable_problem() from error
    if job is None:
        raise _job_not_found_problem(job_id)
    return job


async def _build_export_rows(results: AsyncIterator[FileResult]) -> AsyncIterator[ExportRow]:
    async for result in results:
        error = "" if result.problem is None else f"{result.problem.title}. {result.problem.detail}"
        yield ExportRow(file=result.name, page=result.page, receipt=result.receipt, error=error)


def _jobs_unavailable_problem(advice: str = "Try again later.") -> ProblemError:
    detail = f"The job store is unavailable or full. {advice}"
    return ProblemError(503, "jobs-unavailable", "Jobs are unavailable", detail, headers={"Retry-After": "5"})


def _storage_full_problem() -> ProblemError:
    return ProblemError(
        507,
        "storage-full",
        "There is no space for the files",
        "The files were not stored: jobs fill the space that they may use, or the disk has too little. Try again when "
        "jobs have been read, delete jobs that are done, or send fewer files. Operators: see QUITTANCE_JOB_STORE_BYTES "
        "and QUITTANCE_JOB_RESERVE_BYTES.",
        headers={"Retry-After": "60"},
    )


def _job_not_found_problem(job_id: str) -> ProblemError:
    detail = f"There is no job with the ID {job_id}; it may have expired. Send the files to POST /v1/jobs."
    return ProblemError(404, "job-not-found", "Job not found", detail)
