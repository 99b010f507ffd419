"""Responses of problems, and what OpenAPI says about them."""

from __future__ import annotations

from typing import Any

from asgi_correlation_id import correlation_id
from starlette.responses import JSONResponse

from shared.contracts import Problem
from shared.problems import ProblemError, problem_type

MEDIA_TYPE = "application/problem+json"

# Status -> (code, title, example of a detail), for the OpenAPI schema of routes that describe nothing more specific.
EXAMPLES: dict[int, tuple[str, str, str]] = {
    400: ("bad-request", "The request cannot be understood", "The multipart body has no boundary."),
    401: ("key-missing", "An API key is required", "This gateway requires an API key."),
    403: (
        "cross-site-request",
        "Pages of other web sites may not call this gateway",
        "The request comes from a page of https://other.example.",
    ),
    404: ("not-found", "Nothing was found here", "There is nothing at /v1/receipt. See /docs for what there is."),
    405: ("method-not-allowed", "This method is not allowed here", "GET is not allowed at /v1/receipts. Use POST."),
    408: ("upload-too-slow", "The upload took too long", "The body had not arrived after 60 s."),
    409: ("idempotency-key-in-use", "The first request is still being answered", "Try again in a second."),
    413: (
        "upload-too-large",
        "The upload is too large",
        "The upload has more than the maximum of 26,214,400 bytes.",
    ),
    415: ("unsupported-format", "The format is not supported", "This is a GIF. Send a JPEG, PNG or WebP."),
    421: (
        "host-not-allowed",
        "This gateway does not answer under that name",
        "The request was sent to 'other.example'.",
    ),
    422: ("picture-damaged", "The picture is damaged", "The JPEG is truncated or damaged. Send the whole file."),
    429: ("too-many-requests", "Too many requests", "Try again in 5 s."),
    500: ("internal-error", "Something went wrong", "The error has been logged. Report it with the request ID."),
    502: ("stage-failed", "A stage failed", "The detector returned an error."),
    503: ("overloaded", "The service is overloaded", "The queue is full. Try again in 2 s."),
    504: ("deadline-exceeded", "The request took too long", "There was no result after 60 s."),
    507: ("storage-full", "There is no space for the files", "The files were not stored. Try again later."),
}


class ProblemResponse(JSONResponse):
    """A response of the media type application/problem+json."""

    media_type = MEDIA_TYPE


def describe_problem(error: ProblemError, *, path: str | None) -> Problem:
    """Return the contract of a problem; `path` is that of the request and becomes the problem's instance."""
    return Problem(
        type=problem_type(error.code),
        title=error.title,
        status=error.status,
        detail=error.detail,
        instance=path,
        request_id=correlation_id.get(),
        **error.extra,
    )


def problem_response(error: ProblemError, *, path: str | None) -> ProblemResponse:
    """Return the response of a problem; `path` is that of the request and becomes the problem's instance."""
    problem = describe_problem(error, path=path)
    return ProblemResponse(problem.model_dump(exclude_none=True), status_code=error.status, headers=error.headers)


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document the errors of a route for OpenAPI: `@router.post(..., responses=problem_responses(413, 422))`."""
    return {status: {"model": Problem, "description": EXAMPLES[status][1]} for status in statuses}
