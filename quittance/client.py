"""The gateway inside this process, behind the same client as one that is reached over the network."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from fastapi import FastAPI

from gateway.settings import GatewaySettings
from quittance.assembly import create_gateway
from quittance_client import NO_RETRIES, AsyncClient
from shared.startup import StartupError

IN_PROCESS_URL = "http://localhost"
# This process is the only caller.
_PATIENCE_S = 600.0
_READY_CHECK_S = 0.05


@asynccontextmanager
async def open_embedded_client() -> AsyncIterator[AsyncClient]:
    """Start the gateway with its services inside this process, and open a client of it.

    Raises:
        SettingsError: If a setting is not valid.
        StartupError: If the models cannot be loaded.
    """
    gateway = create_gateway(patient_settings())
    async with run_in_process(gateway) as transport, client_in_process(transport) as client:
        yield client


def client_in_process(transport: httpx2.ASGITransport) -> AsyncClient:
    """Return a client of a gateway that `run_in_process` has started."""
    return AsyncClient(IN_PROCESS_URL, transport=transport, timeout_s=_PATIENCE_S, retries=NO_RETRIES)


def patient_settings() -> GatewaySettings:
    """Return the settings of the environment for a gateway whose only caller is this process.

    Timeouts are long, and there are no keys and rate limits, which are for callers from the network.

    Raises:
        SettingsError: If a setting is not valid.
    """
    timeouts = ("receipt_timeout_s", "stage_timeout_s", "request_timeout_s")
    return GatewaySettings.from_environment().replaced(
        **dict.fromkeys(timeouts, _PATIENCE_S), access="open", rate_limit=None
    )


@asynccontextmanager
async def run_in_process(app: FastAPI) -> AsyncIterator[httpx2.ASGITransport]:
    """Start an application in this process, wait until it is ready, and yield a transport to it.

    Raises:
        StartupError: If the models cannot be loaded, or are not ready in time.
    """
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        await _wait_until_ready(transport)
        yield transport


async def _wait_until_ready(transport: httpx2.ASGITransport) -> None:
    end = time.monotonic() + _PATIENCE_S
    async with httpx2.AsyncClient(transport=transport, base_url=IN_PROCESS_URL) as http:
        while not (response := await http.get("/readyz")).is_success:
            if time.monotonic() > end:
                raise StartupError(f"The models were not ready within {_PATIENCE_S:g} s: {response.text}")
            await asyncio.sleep(_READY_CHECK_S)
