"""The client inside the process: keys and limits of the network are not for it."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from gateway.api_keys import KeyBook
from gateway.settings import GatewaySettings
from quittance import client
from quittance.client import connect, patient_settings


def test_the_chain_in_this_process_needs_no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUITTANCE_RATE_LIMIT", "1/hour")
    KeyBook(GatewaySettings.from_environment().state_directory).create("somebody", None)
    settings = patient_settings()
    assert (settings.access, settings.rate_limit) == ("open", None)


async def test_a_key_goes_along_with_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers.get("authorization"))
        return httpx2.Response(204)

    original = httpx2.AsyncClient

    def mocked(**options: object) -> httpx2.AsyncClient:
        return original(transport=httpx2.MockTransport(answer), **options)  # type: ignore[arg-type]

    monkeypatch.setattr(client.httpx2, "AsyncClient", mocked)
    for key in ("qt_secret", None):
        async with connect("http://gateway", key) as receipts:
            await receipts.send("GET", "/readyz")
    assert seen == ["Bearer qt_secret", None]
