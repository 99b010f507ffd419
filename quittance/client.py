"""The Python client: reads receipts with a running gateway, or with the chain inside this process.

    async with embedded() as client:
        receipt = await client.read(Path("receipt.jpg").read_bytes())
        print(receipt.fields.total)

Both ways speak the same HTTP contract; the second needs no server.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import httpx2
from fastapi import FastAPI
from pydantic import ValidationError

from shared.contracts import Problem, Receipt

if TYPE_CHECKING:
    from gateway.settings import GatewaySettings

_TIMEOUT_S = 120.0
_PATIENCE_S = 600.0


class ClientError(Exception):
    """A receipt could not be read; the message says why, and what to do where that is known.

    Attributes:
        problem: What the gateway answered, if it answered.
    """

    def __init__(self, message: str, problem: Problem | None = None) -> None:
        super().__init__(message)
        self.problem = problem


class ReceiptClient:
    """Reads receipts through a gateway.

    Args:
        http: A client whose base URL is the gateway's.
    """

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def read(self, data: bytes) -> Receipt:
        """Reads one receipt.

        Args:
            data: The bytes of a picture or a PDF.

        Raises:
            ClientError: If the gateway cannot be reached or refuses the picture.
        """
        response = await self.send("POST", "/v1/receipts", content=data, headers={"Content-Type": media_type(data)})
        try:
            return Receipt.model_validate_json(response.content)
        except ValidationError as error:
            raise ClientError(f"{self._http.base_url} does not answer as a gateway of this version does") from error

    async def send(self, method: str, path: str, **request: object) -> httpx2.Response:
        """Sends a request and gives a good answer; raises `ClientError` for any other."""
        try:
            response = await self._http.request(method, path, **request)  # type: ignore[arg-type]
        except httpx2.TransportError as error:
            reason = str(error) or type(error).__name__
            raise ClientError(f"{self._http.base_url} cannot be reached: {reason}. Is the gateway running?") from error
        if response.is_success:
            return response
        raise _refusal(response)


@asynccontextmanager
async def connect(url: str, key: str | None = None) -> AsyncIterator[ReceiptClient]:
    """A client of a gateway.

    Args:
        url: For example `http://127.0.0.1:8000`.
        key: An API key, where the gateway wants one.
    """
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(base_url=url, timeout=_TIMEOUT_S, headers=headers) as http:
        yield ReceiptClient(http)


@asynccontextmanager
async def embedded() -> AsyncIterator[ReceiptClient]:
    """A client of the whole chain inside this process; the models are loaded on entry.

    Raises:
        ClientError: If the models cannot be loaded.
    """
    from quittance.assembly import embedded_gateway  # not needed to talk to a server

    async with in_process(embedded_gateway(patient_settings())) as http:
        yield ReceiptClient(http)


def patient_settings() -> GatewaySettings:
    """Settings of a gateway for one caller who would rather wait than be told to come again; else as the environment.

    Raises:
        SettingsError: If a setting is wrong.
    """
    from gateway.settings import GatewaySettings

    times = ("receipt_timeout_s", "stage_timeout_s", "request_timeout_s")
    # Its one caller is this process: keys and limits are for those who come over the network.
    alone = {"access": "open", "rate_limit": None}
    return GatewaySettings.from_environment().model_copy(update=dict.fromkeys(times, _PATIENCE_S) | alone)


@asynccontextmanager
async def in_process(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """Starts an app in this process, waits until it is ready, and gives an HTTP client of it.

    Raises:
        ClientError: If the models cannot be loaded.
    """
    from shared.health import StartupError

    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(app.router.lifespan_context(app))
        except StartupError as error:
            raise ClientError(str(error)) from error
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://in-process", timeout=_PATIENCE_S) as http:
            await _wait_until_ready(http)
            yield http


async def _wait_until_ready(http: httpx2.AsyncClient) -> None:
    end = time.monotonic() + _PATIENCE_S
    while True:
        response = await http.get("/readyz")
        if response.is_success:
            return
        if time.monotonic() > end:
            raise ClientError(f"The models were not ready within {_PATIENCE_S:g} seconds: {_refusal(response)}")
        await asyncio.sleep(0.05)


def media_type(data: bytes) -> str:
    """The media type that the first bytes of a file tell; `application/octet-stream` if none that is known."""
    if data.startswith(b"\xff\xd8"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG"):
        return "image/png"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return "application/octet-stream"


def _refusal(response: httpx2.Response) -> ClientError:
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        return ClientError(f"The gateway answered {response.status_code} {response.reason_phrase}")
    return ClientError(f"{problem.title}. {problem.detail}", problem)
