"""Errors for people and programs: problem details (RFC 9457) for everything that goes wrong in a request.

Raise `ProblemError` anywhere in a request. `shared.service.problem_handlers` turns it, the framework's own errors
(404, 405)
and failed validation into `application/problem+json`; errors that nobody foresaw are answered by the middleware of
`shared.service.guard`, with `unforeseen_problem`. The framework is not imported here: it takes longer to load than a
page to be rendered, and the renderer raises problems, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from asgi_correlation_id import correlation_id
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from shared.contracts import Problem

MEDIA_TYPE = "application/problem+json"
_MOST_ERRORS_LISTED = 20

# Status -> (code, title, example of a detail): what the OpenAPI schema says where a route says nothing better.
EXAMPLES: dict[int, tuple[str, str, str]] = {
    400: ("bad-request", "The request cannot be understood", "The multipart body has no boundary."),
    401: ("key-missing", "An API key is needed", "This gateway lets nobody in without a key."),
    404: ("not-found", "There is nothing here", "There is nothing at /v1/receipt. See /docs for what there is."),
    405: ("method-not-allowed", "This method is not allowed here", "GET is not allowed at /v1/receipts. Use POST."),
    408: ("upload-too-slow", "The upload took too long", "The body had not arrived after 60 s."),
    409: ("idempotency-key-in-use", "The first request is still being answered", "Try again in a second."),
    413: (
        "upload-too-large",
        "The upload is too large",
        "The upload has more than 10,485,760 bytes, the most allowed.",
    ),
    415: ("unsupported-format", "The format is not supported", "This is a GIF. Send a JPEG, PNG or WebP."),
    422: ("picture-damaged", "The picture is damaged", "The JPEG is cut off or damaged. Send the whole file."),
    429: ("too-many-requests", "Too many requests", "Try again in 5 s."),
    500: ("internal-error", "Something went wrong here", "This was not your fault. The error has been logged."),
    502: ("stage-failed", "A stage failed", "The detector answered with an error."),
    503: ("overloaded", "The service is overloaded", "The queue is full. Try again in 2 s."),
    504: ("deadline-exceeded", "The request took too long", "There was no result after 60 s."),
}


class ProblemError(HTTPException):
    """An error that the caller is told about, as problem details.

    An HTTPException, because FastAPI lets nothing else through while it reads a request's body.
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
        """Describes the error.

        Args:
            status: HTTP status, 400 to 599.
            code: Kebab-case name for programs, for example `picture-damaged`; the problem's type is made from it.
            title: What kind of error it is, always the same for the code.
            detail: What was wrong this time, with which input, and what to do.
            headers: Headers of the answer, for example `Retry-After` in seconds.
            extra: More members of the problem, JSON values.
        """
        super().__init__(status_code=status, detail=detail, headers=dict(headers or {}))
        self.code = code
        self.title = title
        self.extra = dict(extra or {})

    @property
    def status(self) -> int:
        """HTTP status of the answer."""
        return self.status_code

    def __str__(self) -> str:
        """For logs: the code and what was wrong."""
        return f"{self.code}: {self.detail}"


class ProblemResponse(JSONResponse):
    """An answer of the media type application/problem+json."""

    media_type = MEDIA_TYPE


def problem_of(error: ProblemError, *, path: str | None) -> Problem:
    """Describes a problem; `path` is that of the request, the problem's instance."""
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
    """Renders a problem; `path` is that of the request, the problem's instance."""
    problem = problem_of(error, path=path)
    return ProblemResponse(problem.model_dump(exclude_none=True), status_code=error.status, headers=error.headers)


def problem_type(code: str) -> str:
    """Gives the URI of a problem's type."""
    return f"urn:quittance:problem:{code}"


def unforeseen_problem() -> ProblemError:
    """The problem for an error that nobody foresaw: tells the request id to ask for, and nothing else."""
    return ProblemError(
        500,
        "internal-error",
        "Something went wrong here",
        "This was not your fault. The error has been logged with the request id given here.",
    )


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Documents the errors of a route for OpenAPI: `@router.post(..., responses=problem_responses(413, 422))`."""
    return {status: {"model": Problem, "description": EXAMPLES[status][1]} for status in statuses}


def validation_problem(errors: Sequence[Mapping[str, Any]], *, code: str = "invalid-request") -> ProblemError:
    """Turns the errors of pydantic (`error.errors()`) into a problem that lists them; values sent are not repeated."""
    listed = [
        {"where": ".".join(str(step) for step in fault.get("loc", ())), "message": str(fault.get("msg", ""))}
        for fault in errors[:_MOST_ERRORS_LISTED]
    ]
    first = "; ".join(f"{fault['where']}: {fault['message']}" for fault in listed[:3])
    more = f" and {len(errors) - 3} more" if len(errors) > 3 else ""
    return ProblemError(422, code, "The request is not valid", f"{first}{more}.", extra={"errors": listed})
