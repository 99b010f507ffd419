"""What belongs to the request being answered: context variables, and keys of the ASGI scope.

Context variables reach the tasks that a request starts. Keys of the scope let an inner layer tell an outer one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from asgi_correlation_id import correlation_id
from starlette.types import Scope

from shared.service.deadline import Deadline

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

REQUEST_ID_HEADER = "X-Request-ID"

_CALLER_NAME = "quittance.caller_name"

_deadline: ContextVar[Deadline | None] = ContextVar("deadline", default=None)
_tracer: ContextVar[Tracer | None] = ContextVar("tracer", default=None)
_trace_id: ContextVar[str | None] = ContextVar("trace_id", default=None)
_caller: ContextVar[str] = ContextVar("caller", default="")


def current_request_id() -> str | None:
    """Return the ID of the current request; None outside a request."""
    return correlation_id.get()


def request_id_headers() -> dict[str, str]:
    """Return headers that pass the ID of the current request on to another service; empty outside a request."""
    request_id = current_request_id()
    return {REQUEST_ID_HEADER: request_id} if request_id else {}


def current_deadline() -> Deadline | None:
    """Return the deadline of the current request; None outside a request, or if it has no deadline."""
    return _deadline.get()


@contextmanager
def use_deadline(deadline: Deadline | None) -> Iterator[None]:
    """Set the deadline inside the block and in tasks started there; None for work without a deadline."""
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


def current_caller() -> str:
    """Return whom the current work is done for, so that callers can take turns; empty if unknown."""
    return _caller.get()


@contextmanager
def use_caller(caller: str) -> Iterator[None]:
    """Set the caller inside the block and in tasks started there."""
    token = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(token)


def current_tracer() -> Tracer | None:
    """Return the tracer of the current request; None if it is not traced."""
    return _tracer.get()


def current_trace_id() -> str | None:
    """Return the trace ID of the current request, 32 hexadecimal digits; None if it is not traced."""
    return _trace_id.get()


@contextmanager
def use_trace(tracer: Tracer, trace_id: str) -> Iterator[None]:
    """Set tracer and trace ID inside the block and in tasks started there."""
    tokens = _tracer.set(tracer), _trace_id.set(trace_id)
    try:
        yield
    finally:
        _tracer.reset(tokens[0])
        _trace_id.reset(tokens[1])


def set_caller_name(scope: Scope, name: str) -> None:
    """Record who sent a request, for its log line."""
    scope[_CALLER_NAME] = name


def get_caller_name(scope: Scope) -> str | None:
    """Return who sent a request; None if unknown."""
    name: str | None = scope.get(_CALLER_NAME)
    return name
