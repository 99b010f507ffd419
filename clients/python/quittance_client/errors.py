"""Errors that the client raises. `QuittanceError` is the base of all of them."""

from __future__ import annotations

import httpx2
from pydantic import ValidationError

from quittance_client.models import Problem

_PROBLEM_PREFIX = "urn:quittance:problem:"


class QuittanceError(Exception):
    """Base of all errors of this package."""


class APIConnectionError(QuittanceError):
    """The gateway could not be reached, or the connection broke."""


class APITimeoutError(APIConnectionError):
    """The gateway did not answer in time."""


class APIResponseError(QuittanceError):
    """The response does not match the API of this version."""


class JobTimeoutError(QuittanceError):
    """The job did not finish in the time given to `wait`; it goes on at the gateway."""


class APIStatusError(QuittanceError):
    """The gateway answered with an error.

    Attributes:
        status: HTTP status.
        code: Kebab-case name of the problem, such as `picture-damaged`; None if the gateway did not send one.
        title: Summary of the kind of problem.
        detail: What was wrong, and what to do about it.
        request_id: ID of the request in the logs of the gateway.
        retry_after_s: Seconds after which the gateway asks to try again; None if it did not say.
        problem: The whole problem, with all its members; None if the response has none.
    """

    def __init__(self, response: httpx2.Response, retry_after_s: float | None = None) -> None:
        self.status = response.status_code
        self.problem = _read_problem(response)
        self.retry_after_s = retry_after_s
        self.code: str | None = None
        self.title = response.reason_phrase
        self.detail = ""
        self.request_id: str | None = response.headers.get("X-Request-ID")
        message = f"The gateway answered {self.status} {self.title}".rstrip()
        if self.problem is not None:
            if self.problem.type.startswith(_PROBLEM_PREFIX):
                self.code = self.problem.type.removeprefix(_PROBLEM_PREFIX)
            self.title, self.detail = self.problem.title, self.problem.detail
            self.request_id = self.problem.request_id or self.request_id
            message = f"{self.title}. {self.detail}"
        super().__init__(message)


class BadRequestError(APIStatusError):
    """400: the request cannot be understood."""


class AuthenticationError(APIStatusError):
    """401: the API key is missing or not valid."""


class NotFoundError(APIStatusError):
    """404: the receipt, job or page does not exist."""


class ConflictError(APIStatusError):
    """409: a request with the same idempotency key is still being answered."""


class UploadTooLargeError(APIStatusError):
    """413: the file or the picture is too large."""


class UnsupportedFormatError(APIStatusError):
    """415: the format of the file is not supported."""


class InvalidInputError(APIStatusError):
    """422: the picture is damaged, or a value is not valid."""


class RateLimitError(APIStatusError):
    """429: too many requests."""


class ServerError(APIStatusError):
    """5xx: the gateway or a stage failed, is overloaded, or took too long."""


_CLASSES: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    404: NotFoundError,
    409: ConflictError,
    413: UploadTooLargeError,
    415: UnsupportedFormatError,
    422: InvalidInputError,
    429: RateLimitError,
}


def status_error(response: httpx2.Response, retry_after_s: float | None = None) -> APIStatusError:
    """Return the error for a response with an error status, whose body has been read."""
    fallback = ServerError if response.status_code >= 500 else APIStatusError
    return _CLASSES.get(response.status_code, fallback)(response, retry_after_s)


def _read_problem(response: httpx2.Response) -> Problem | None:
    try:
        return Problem.model_validate_json(response.content)
    except ValidationError:
        return None
