"""Errors for people and programs: problem details (RFC 9457) for everything that goes wrong in a request.

Raise `ProblemError` anywhere in a request. `shared.service.problem_handlers` turns it, the errors of the framework
(404, 405) and failed validation into `application/problem+json`. `shared.service.guard` answers unexpected errors.
FastAPI is not imported here: that takes longer than rendering a page, and the renderer raises problems, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from asgi_correlation_id import correlation_id
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from shared.contracts import Problem

MEDIA_TYPE = "application/problem+json"

_MAX_ERRORS_LISTED = 20
_MAX_ERRORS_IN_DETAIL = 3

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


class ProblemError(HTTPException):
    """An error reported to the caller as problem details.

    It is an HTTPException because FastAPI lets no other exception pass while it reads a request's body.

    Args:
        status: HTTP status, 400 to 599.
        code: Kebab-case name for programs, for example `picture-damaged`; part of the problem's type.
        title: Kind of error; always the same for a code.
        detail: What was wrong, with which input, and what to do.
        headers: Headers of the response, for example `Retry-After` in seconds.
        extra: Additional members of the problem, JSON values.
    """

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(status_code=status, detail=detail, headers=dict(headers or {}))
        self.code = code
        self.title = title
        self.extra = dict(extra or {})

    @property
    def status(self) -> int:
        """HTTP status of the response."""
        return self.status_code

    def __str__(self) -> str:
        """Return code and detail, for logs."""
        return f"{self.code}: {self.detail}"


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


def problem_type(code: str) -> str:
    """Return the URI of a problem's type."""
    return f"urn:quittance:problem:{code}"


def internal_problem() -> ProblemError:
    """Describe an unexpected error: 500 `internal-error`, with nothing but the request ID."""
    return ProblemError(
        500,
        "internal-error",
        "Something went wrong",
        "The error is not in your request. It has been logged; report it with the request ID given here.",
    )


def validation_problem(errors: Sequence[Mapping[str, Any]], *, code: str = "invalid-request") -> ProblemError:
    """Describe the errors of pydantic (`error.errors()`): 422; the values sent are not repeated."""
    listed = [
        {"where": ".".join(str(step) for step in error.get("loc", ())), "message": str(error.get("msg", ""))}
        for error in errors[:_MAX_ERRORS_LISTED]
    ]
    first = "; ".join(f"{error['where']}: {error['message']}" for error in listed[:_MAX_ERRORS_IN_DETAIL])
    more = f" and {len(errors) - _MAX_ERRORS_IN_DETAIL} more" if len(errors) > _MAX_ERRORS_IN_DETAIL else ""
    return ProblemError(422, code, "The request is not valid", f"{first}{more}.", extra={"errors": listed})


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document the errors of a route for OpenAPI: `@router.post(..., responses=problem_responses(413, 422))`."""
    return {status: {"model": Problem, "description": EXAMPLES[status][1]} for status in statuses}
