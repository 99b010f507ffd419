"""State of the request in progress: its caller, whether its response may be replayed, and its time for Redis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import cast

from starlette.requests import Request
from starlette.types import Scope

from gateway.caller import Caller

_SCOPE_KEY = "quittance.gateway"


@dataclass
class RequestContext:
    """State of one HTTP request, kept in its ASGI scope.

    Attributes:
        caller: Who sent the request.
        receipt_id: The receipt in the response, if any; a stored response is deleted together with it.
        is_replayable: Whether the response may be stored and sent again for the same idempotency key.
    """

    caller: Caller = field(default_factory=Caller)
    receipt_id: str | None = None
    is_replayable: bool = True


def get_request_context(scope: Scope) -> RequestContext:
    """Return the state of the request with this scope."""
    return cast(RequestContext, scope.setdefault(_SCOPE_KEY, RequestContext()))


def get_caller(request: Request) -> Caller:
    """Return who sent a request."""
    return get_request_context(request.scope).caller


@dataclass
class RedisBudget:
    """Time that the commands of one request may still wait for Redis, in seconds."""

    left_s: float


_redis_budget: ContextVar[RedisBudget | None] = ContextVar("redis_budget", default=None)


@contextmanager
def limit_redis_time(seconds: float) -> Iterator[None]:
    """Limit the time that all commands inside the block, and in tasks started there, wait for Redis together."""
    token = _redis_budget.set(RedisBudget(seconds))
    try:
        yield
    finally:
        _redis_budget.reset(token)


def get_redis_budget() -> RedisBudget | None:
    """Return the limit in force, or None if there is none."""
    return _redis_budget.get()
