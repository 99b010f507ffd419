"""Sends calls with httpx2, blocking or asynchronous."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import httpx2
from pydantic import ValidationError

from quittance_client._calls import Call
from quittance_client._retries import Exchange, Session, connection_error, parse_retry_after
from quittance_client._version import __version__
from quittance_client.errors import APIResponseError, status_error

T = TypeVar("T")
# The gateway sends something at least every ten seconds.
_STREAM_TIMEOUT = httpx2.Timeout(10.0, read=60.0)

_log = logging.getLogger("quittance_client")


class Sender:
    """Sends calls and blocks until they are done.

    Args:
        http: Client whose base URL is the gateway's.
        session: Limits, and what is known about the gateway.
    """

    def __init__(self, http: httpx2.Client, session: Session) -> None:
        self._http = http
        self.session = session

    def send(self, call: Call[T]) -> T:
        """Send a call, again if needed, and return what was read from the response.

        Raises:
            QuittanceError: If the call fails.
        """
        exchange = Exchange(call, self.session)
        while True:
            try:
                response = self._http.request(**exchange.next_request())
            except httpx2.TransportError as error:
                delay_s = exchange.delay_after_error(error)
            else:
                if exchange.accepts(response):
                    return _read(call, response, self.session)
                delay_s = exchange.delay_after_response(response)
            _log_retry(call, delay_s)
            time.sleep(delay_s)

    @contextmanager
    def stream_lines(self, call: Call[Any]) -> Iterator[Iterator[str]]:
        """Send a call once and yield the lines of its response as they arrive.

        Raises:
            QuittanceError: If the call fails, also while lines are read inside the block.
        """
        try:
            with self._http.stream(call.method, call.path, timeout=_STREAM_TIMEOUT) as response:
                if not response.is_success:
                    response.read()
                    raise status_error(response, parse_retry_after(response.headers))
                yield response.iter_lines()
        except httpx2.TransportError as error:
            raise connection_error(error, self.session.base_url) from error


class AsyncSender:
    """Sends calls without blocking.

    Args:
        http: Client whose base URL is the gateway's.
        session: Limits, and what is known about the gateway.
    """

    def __init__(self, http: httpx2.AsyncClient, session: Session) -> None:
        self._http = http
        self.session = session

    async def send(self, call: Call[T]) -> T:
        """Send a call, again if needed, and return what was read from the response.

        Raises:
            QuittanceError: If the call fails.
        """
        exchange = Exchange(call, self.session)
        while True:
            try:
                response = await self._http.request(**exchange.next_request())
            except httpx2.TransportError as error:
                delay_s = exchange.delay_after_error(error)
            else:
                if exchange.accepts(response):
                    return _read(call, response, self.session)
                delay_s = exchange.delay_after_response(response)
            _log_retry(call, delay_s)
            await asyncio.sleep(delay_s)

    @asynccontextmanager
    async def stream_lines(self, call: Call[Any]) -> AsyncIterator[AsyncIterator[str]]:
        """Send a call once and yield the lines of its response as they arrive.

        Raises:
            QuittanceError: If the call fails, also while lines are read inside the block.
        """
        try:
            async with self._http.stream(call.method, call.path, timeout=_STREAM_TIMEOUT) as response:
                if not response.is_success:
                    await response.aread()
                    raise status_error(response, parse_retry_after(response.headers))
                yield response.aiter_lines()
        except httpx2.TransportError as error:
            raise connection_error(error, self.session.base_url) from error


def _read(call: Call[T], response: httpx2.Response, session: Session) -> T:
    try:
        return call.read(response)
    except ValidationError as error:
        raise APIResponseError(
            f"The response of {session.base_url} to {call.method} {call.path} does not match the API of version "
            f"{__version__}. Is this a Quittance gateway of the same version?"
        ) from error


def _log_retry(call: Call[Any], delay_s: float) -> None:
    _log.info("Request failed and is sent again", extra={"call": f"{call.method} {call.path}", "delay_s": delay_s})
