"""Reject parameters that would have no effect: misspelled ones, and those that are sent in the form."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from urllib.parse import quote

from fastapi import Depends, Request
from fastapi.routing import APIRoute

from shared.problems import ProblemError

_MAX_SHOWN = 40


async def _require_known_parameters(request: Request) -> None:
    known = _get_parameters(request)
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise _unknown_parameter_problem(unknown[0], known)


# For the routers of the gateway. The services ignore what they do not know: in an upgrade, a gateway may be newer.
KNOWN_PARAMETERS = Depends(_require_known_parameters)


def reject_misplaced_parameters(request: Request, fields: Iterable[str]) -> None:
    """Raise `ProblemError` 422 `misplaced-parameter` if a field of the form is a parameter of the route's URL."""
    for name in set(_get_parameters(request)).intersection(fields):
        raise ProblemError(
            422,
            "misplaced-parameter",
            "A parameter is in the wrong place",
            f"The form has a field `{name}`, where it has no effect. Send it in the URL: {request.url.path}?{name}=...",
            extra={"parameter": name},
        )


def _get_parameters(request: Request) -> list[str]:
    route = request.scope["route"]
    assert isinstance(route, APIRoute)  # noqa: S101 - only these have dependencies
    dependencies = route.dependant  # codespell:ignore dependant
    return [parameter.alias for parameter in dependencies.query_params]


def _unknown_parameter_problem(name: str, known: list[str]) -> ProblemError:
    listed = ", ".join(f"`{one}`" for one in known)
    advice = f"The parameters of this URL are: {listed}." if known else "This URL takes no parameters."
    if similar := get_close_matches(name, known, n=1):
        advice = f"Did you mean `{similar[0]}`? {advice}"
    return ProblemError(
        422,
        "unknown-parameter",
        "A parameter is not known",
        f"The parameter `{quote(name[:_MAX_SHOWN])}` is not known here, and would have no effect. {advice}",
        extra={"parameter": quote(name[:_MAX_SHOWN])},
    )
