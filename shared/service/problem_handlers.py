"""Exception handlers that turn the errors of routes and of the framework into problems."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from shared.problem_responses import EXAMPLES, ProblemResponse, problem_response
from shared.problems import ProblemError, validation_problem

# As FastAPI decides whether to parse a body.
_JSON_TYPE = re.compile(r"application/([a-z0-9.+-]+\+)?json")
_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")


def add_problem_handlers(app: FastAPI) -> None:
    """Make an application report the errors of its routes and of the framework as problems."""
    app.add_exception_handler(HTTPException, _handle_http_error)
    app.add_exception_handler(RequestValidationError, _handle_validation_error)


async def _handle_http_error(request: Request, error: Exception) -> ProblemResponse:
    if not isinstance(error, ProblemError):
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
        error = _convert_http_exception(request, error)
    return problem_response(error, path=request.url.path)


async def _handle_validation_error(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    errors = error.errors()
    problem = _json_expected_problem(request) if _is_body_unread(request, errors) else validation_problem(errors)
    return problem_response(problem, path=request.url.path)


def _is_body_unread(request: Request, errors: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the framework did not parse the body because of its content type."""
    is_json = bool(_JSON_TYPE.fullmatch(_get_content_type(request)))
    return not is_json and any(tuple(error["loc"]) == ("body",) and error["type"] != "missing" for error in errors)


def _json_expected_problem(request: Request) -> ProblemError:
    content_type = _get_content_type(request)
    found = f"The content type {content_type} is not accepted." if content_type else "The content type is missing."
    return ProblemError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "unsupported-content-type",
        "The content type is not supported",
        f"{found} Send JSON, with the header Content-Type: application/json.",
        extra={"accepted": ["application/json"]},
    )


def _get_content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _convert_http_exception(request: Request, error: HTTPException) -> ProblemError:
    path = request.url.path
    phrase = HTTPStatus(error.status_code).phrase
    code, title, detail = phrase.lower().replace(" ", "-"), phrase, str(error.detail)
    if error.status_code in EXAMPLES:
        code, title, _ = EXAMPLES[error.status_code]
    if error.status_code == HTTPStatus.NOT_FOUND and detail == phrase:
        detail = f"There is nothing at {path}. See /docs for what there is."
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_find_allowed_methods(request))
        detail = f"{request.method} is not allowed at {path}. Use {headers['Allow'].replace(', ', ' or ')}."
    return ProblemError(error.status_code, code, title, detail, headers=headers)


def _find_allowed_methods(request: Request) -> list[str]:
    """Return the methods of all routes at the path of a request; the framework knows only those of the first.

    HEAD is answered wherever GET is; see `shared.service.middleware.head_requests`.
    """
    allowed = {
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    }
    if "GET" in allowed:
        allowed.add("HEAD")
    return sorted(allowed)
