"""Errors for people and programs: problem details (RFC 9457) for everything that goes wrong in a request.

Raise `ProblemError` anywhere in a request. `shared.service.problem_handlers` turns it, the errors of the framework
(404, 405) and failed validation into `application/problem+json`. `shared.service.guard` answers unexpected errors.
Neither FastAPI nor the contracts are imported here: processes that only decode pictures raise problems, too, and would
take twice as long to start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException

from shared.validation_messages import explain_errors

_MAX_ERRORS_LISTED = 20
_MAX_ERRORS_IN_DETAIL = 3


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
    found = explain_errors(errors)
    listed = found[:_MAX_ERRORS_LISTED]
    first = "; ".join(f"{error['where']}: {error['message']}" for error in listed[:_MAX_ERRORS_IN_DETAIL])
    more = f" and {len(found) - _MAX_ERRORS_IN_DETAIL} more" if len(found) > _MAX_ERRORS_IN_DETAIL else ""
    return ProblemError(422, code, "The request is not valid", f"{first}{more}.", extra={"errors": listed})
