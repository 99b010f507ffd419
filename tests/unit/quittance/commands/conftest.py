"""Fixtures for the tests of the commands: a gateway stand-in, a wide terminal, and sample files."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from PIL import Image
from rich.console import Console

from quittance import client
from quittance.display import console
from quittance_client import AsyncClient
from tests.support.command_line import PROBLEM, RECEIPT


@pytest.fixture
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "out", Console(width=200, no_color=True))


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch, wide_terminal: None) -> None:
    """Read every picture as the same receipt, unless its content says that it is damaged."""

    def respond(request: httpx2.Request) -> httpx2.Response:
        if b"damaged" in request.content:
            return httpx2.Response(422, json=PROBLEM)
        return httpx2.Response(200, json=RECEIPT)

    def open_client() -> AsyncClient:
        return AsyncClient("http://in-process", transport=httpx2.MockTransport(respond))

    monkeypatch.setattr(client, "open_embedded_client", open_client)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "receipt.png"
    Image.new("RGB", (200, 100), "white").save(path)
    return path


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    path = tmp_path / "damaged.jpg"
    path.write_bytes(b"\xff\xd8 damaged")
    return path
