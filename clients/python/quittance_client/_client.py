"""The two clients: `Client` blocks, `AsyncClient` is for asyncio."""

from __future__ import annotations

import os
import platform
from types import TracebackType
from typing import Any, Self

import httpx2

from quittance_client import _calls
from quittance_client._corrections import AsyncCorrectionsApi, CorrectionsApi
from quittance_client._exports import AsyncExports, Exports
from quittance_client._jobs import AsyncJobs, Jobs
from quittance_client._receipts import AsyncReceipts, Receipts
from quittance_client._retries import RetryPolicy, Session
from quittance_client._sending import AsyncSender, Sender
from quittance_client._version import __version__
from quittance_client.models import Liveness, Readiness

DEFAULT_URL = "http://127.0.0.1:8000"
_DEFAULT_RETRIES = RetryPolicy()
_TIMEOUT_S = 120.0


class Client:
    """A client of a Quittance gateway. Threads may share it.

        with Client("http://127.0.0.1:8000") as client:
            receipt = client.receipts.read("receipt.jpg")

    Args:
        base_url: URL of the gateway.
        api_key: API key; the environment variable `QUITTANCE_API_KEY` if left out.
        timeout_s: Seconds for a call, including its retries. They are sent to the gateway, which
            may have a lower limit.
        retries: When failed requests are sent again; see `RetryPolicy`.
        transport: httpx2 transport, for a proxy, certificates, or tests.

    Attributes:
        receipts: Read, get and delete receipts.
        corrections: Correct the fields of a receipt.
        jobs: Read many files in the background.
        exports: Get receipts as a JSON, CSV or XLSX file.
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        timeout_s: float = _TIMEOUT_S,
        retries: RetryPolicy = _DEFAULT_RETRIES,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._http = httpx2.Client(transport=transport, **_http_arguments(base_url, api_key))
        self._sender = Sender(self._http, Session(base_url, retries, timeout_s))
        self.receipts = Receipts(self._sender)
        self.corrections = CorrectionsApi(self._sender)
        self.jobs = Jobs(self._sender)
        self.exports = Exports(self._sender)

    def health(self) -> Liveness:
        """Return whether the process of the gateway is alive. There are no retries."""
        return self._sender.send(_calls.get_health())

    def readiness(self) -> Readiness:
        """Return whether the gateway takes work; raise `ServerError` if it does not. There are no retries."""
        return self._sender.send(_calls.get_readiness())

    def metrics(self) -> str:
        """Return the metrics of the gateway in the text format of Prometheus."""
        return self._sender.send(_calls.get_metrics())

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient:
    """A client of a Quittance gateway for asyncio.

        async with AsyncClient("http://127.0.0.1:8000") as client:
            receipt = await client.receipts.read("receipt.jpg")

    Args:
        base_url: URL of the gateway.
        api_key: API key; the environment variable `QUITTANCE_API_KEY` if left out.
        timeout_s: Seconds for a call, including its retries. They are sent to the gateway, which
            may have a lower limit.
        retries: When failed requests are sent again; see `RetryPolicy`.
        transport: httpx2 transport, for a proxy, certificates, tests, or a gateway in the same process.

    Attributes:
        receipts: Read, get and delete receipts.
        corrections: Correct the fields of a receipt.
        jobs: Read many files in the background.
        exports: Get receipts as a JSON, CSV or XLSX file.
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        timeout_s: float = _TIMEOUT_S,
        retries: RetryPolicy = _DEFAULT_RETRIES,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx2.AsyncClient(transport=transport, **_http_arguments(base_url, api_key))
        self._sender = AsyncSender(self._http, Session(base_url, retries, timeout_s))
        self.receipts = AsyncReceipts(self._sender)
        self.corrections = AsyncCorrectionsApi(self._sender)
        self.jobs = AsyncJobs(self._sender)
        self.exports = AsyncExports(self._sender)

    async def health(self) -> Liveness:
        """Return whether the process of the gateway is alive. There are no retries."""
        return await self._sender.send(_calls.get_health())

    async def readiness(self) -> Readiness:
        """Return whether the gateway takes work; raise `ServerError` if it does not. There are no retries."""
        return await self._sender.send(_calls.get_readiness())

    async def metrics(self) -> str:
        """Return the metrics of the gateway in the text format of Prometheus."""
        return await self._sender.send(_calls.get_metrics())

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


def _http_arguments(base_url: str, api_key: str | None) -> dict[str, Any]:
    headers = {"User-Agent": f"quittance-client/{__version__} python/{platform.python_version()}"}
    key = api_key or os.environ.get("QUITTANCE_API_KEY")
    if key:
        headers["Authorization"] = f"Bearer {key}"
    return {"base_url": base_url, "headers": headers}
