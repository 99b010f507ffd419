"""Deadline and retries of one call, without any input or output."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from quittance_client._calls import Call
from quittance_client.errors import APIConnectionError, APIStatusError, APITimeoutError, status_error

_IDEMPOTENT_METHODS = frozenset({"GET", "PUT", "DELETE"})
# Nothing was done: any request may be sent again.
_REFUSED = frozenset({429, 503})
# Something may have been done: only requests that can be repeated are sent again.
_FAILED = frozenset({502, 504})
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_USELESS_TO_REPEAT = (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)
_CONNECT_S = 10.0
# The gateway's own 504, which says more, should arrive before the client gives up.
_GRACE_S = 1.0
# The gateway takes nine digits.
_MAX_TIMEOUT_MS = 999_999_999


@dataclass(frozen=True)
class RetryPolicy:
    """When a failed request is sent again.

    Delays double from `initial_delay_s` to `max_delay_s` and are jittered. A `Retry-After` of the gateway is honored:
    the request is not sent earlier, and not sent again if that would exceed a limit.

    Attributes:
        max_attempts: Maximum number of attempts; 1 turns retries off.
        max_elapsed_s: Seconds after the first attempt within which the last one must start.
        initial_delay_s: Seconds before the second attempt.
        max_delay_s: Maximum seconds between two attempts, unless the gateway asks for more.
    """

    max_attempts: int = 4
    max_elapsed_s: float = 60.0
    initial_delay_s: float = 0.5
    max_delay_s: float = 8.0

    def delay_s(self, failures: int, retry_after_s: float | None = None) -> float:
        """Return the seconds to wait after so many failed attempts (1 or more)."""
        backoff_s = min(self.max_delay_s, self.initial_delay_s * 2.0 ** (failures - 1))
        if retry_after_s is not None:
            return retry_after_s + random.uniform(0, backoff_s)  # noqa: S311 - spreads load, hides nothing
        return random.uniform(backoff_s / 2, backoff_s)  # noqa: S311


NO_RETRIES = RetryPolicy(max_attempts=1)


@dataclass
class Session:
    """What all calls of a client share.

    Attributes:
        base_url: URL of the gateway, for messages.
        retries: When failed requests are sent again.
        timeout_s: Seconds for a call, including its retries.
        accepts_keys: False once the gateway has said that it keeps no answers for idempotency keys.
    """

    base_url: str
    retries: RetryPolicy
    timeout_s: float
    accepts_keys: bool = True


class Exchange:
    """All attempts of one call.

    Args:
        call: What to send.
        session: Limits, and what is known about the gateway.
    """

    def __init__(self, call: Call[Any], session: Session) -> None:
        self._call = call
        self._session = session
        self._policy = NO_RETRIES if call.is_probe else session.retries
        self._timeout_s = session.timeout_s if call.timeout_s is None else call.timeout_s
        self._start = time.monotonic()
        self._failures = 0
        self._may_be_done = False
        self._key = call.idempotency_key
        if call.takes_key and self._key is None and session.accepts_keys and self._policy.max_attempts > 1:
            self._key = str(uuid.uuid4())

    def next_request(self) -> dict[str, Any]:
        """Return the arguments of the next request for `httpx2.Client.request`."""
        left_s = max(0.0, self._timeout_s - self._elapsed_s())
        headers = {**self._call.headers, "X-Timeout-Ms": str(min(int(left_s * 1000), _MAX_TIMEOUT_MS))}
        if self._key is not None:
            headers["Idempotency-Key"] = self._key
        timeout = httpx2.Timeout(left_s + _GRACE_S, connect=min(_CONNECT_S, left_s))
        return {**self._call.request_arguments(), "headers": headers, "timeout": timeout}

    def accepts(self, response: httpx2.Response) -> bool:
        """Return whether a response ends the call well."""
        # What an earlier attempt deleted is gone.
        is_deleted = self._call.method == "DELETE" and response.status_code == 404 and self._may_be_done
        return response.is_success or is_deleted

    def delay_after_error(self, error: httpx2.TransportError) -> float:
        """Return the seconds until the next attempt.

        Raises:
            APIConnectionError: If no attempts are left.
        """
        was_sent = not isinstance(error, _NOT_SENT)
        can_repeat = not isinstance(error, _USELESS_TO_REPEAT) and (self._is_repeatable or not was_sent)
        self._may_be_done |= was_sent
        delay_s = self._next_delay(None) if can_repeat else None
        if delay_s is None:
            raise connection_error(error, self._session.base_url, self._timeout_s) from error
        return delay_s

    def delay_after_response(self, response: httpx2.Response) -> float:
        """Return the seconds until the next attempt after an error response, whose body has been read.

        Raises:
            APIStatusError: If no attempts are left.
        """
        error = status_error(response, parse_retry_after(response.headers))
        if error.code == "idempotency-off" and self._key is not None and self._call.idempotency_key is None:
            self._session.accepts_keys, self._key = False, None
            return 0.0
        self._may_be_done |= error.status in _FAILED
        delay_s = self._next_delay(error.retry_after_s) if self._can_repeat_after(error) else None
        if delay_s is None:
            raise error
        return delay_s

    @property
    def _is_repeatable(self) -> bool:
        call = self._call
        return call.method in _IDEMPOTENT_METHODS or call.is_read_only or self._key is not None

    def _can_repeat_after(self, error: APIStatusError) -> bool:
        if error.status in _REFUSED or error.code == "idempotency-key-in-use":
            return True
        return error.status in _FAILED and self._is_repeatable

    def _next_delay(self, retry_after_s: float | None) -> float | None:
        self._failures += 1
        if self._failures >= self._policy.max_attempts:
            return None
        delay_s = self._policy.delay_s(self._failures, retry_after_s)
        return delay_s if self._elapsed_s() + delay_s < min(self._policy.max_elapsed_s, self._timeout_s) else None

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._start


def connection_error(error: httpx2.TransportError, base_url: str, timeout_s: float | None = None) -> APIConnectionError:
    """Return the error of this package for one of httpx2."""
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx2.UnsupportedProtocol):
        return APIConnectionError(
            f"{base_url} cannot be reached: it does not begin with http:// or https://. "
            "Write it like http://127.0.0.1:8000."
        )
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        message = f"{base_url} cannot be reached: {reason}. Is the gateway running?"
        return APITimeoutError(message) if isinstance(error, httpx2.TimeoutException) else APIConnectionError(message)
    if isinstance(error, httpx2.TimeoutException):
        return APITimeoutError(f"{base_url} did not answer in time" + (f" ({timeout_s:g} s)." if timeout_s else "."))
    return APIConnectionError(f"The connection to {base_url} broke: {reason}.")


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds in a `Retry-After` header (RFC 9110: seconds or a date); None if there is none."""
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
