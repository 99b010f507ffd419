"""The command `serve`: what it starts, and what it says before and after startup."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI

from quittance import serve
from shared.observability.metrics import ServiceMetrics
from shared.service.components import ServiceComponents, set_components
from shared.service.health import Health
from shared.service.settings import ServiceSettings
from tests.support.command_line import run_command


def make_app(port: int) -> FastAPI:
    app = FastAPI()
    set_components(app, ServiceComponents(ServiceSettings(port=port), Health(), ServiceMetrics("toy")))
    return app


def test_starts_the_requested_app(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[FastAPI] = []
    built: list[str] = []

    def create_app(name: str) -> FastAPI:
        built.append(name)
        return make_app(0)

    def run(app: FastAPI, *, host: str, port: int, settings: ServiceSettings) -> None:
        assert (host, port) == ("127.0.0.1", settings.port)
        started.append(app)

    monkeypatch.setattr(serve, "run", run)
    monkeypatch.setattr(serve, "create_app", create_app)
    for arguments in ([], ["gateway"], ["detector"]):
        assert run_command("serve", *arguments).exit_code == 0
    assert built == ["all", "gateway", "detector"]
    assert len(started) == 3
    assert run_command("serve", "printer").exit_code == 2


def test_reports_a_port_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(serve, "create_app", lambda _: make_app(port))
        result = run_command("serve")
    assert result.exit_code == 1
    assert f"Port {port} is in use" in result.stderr


async def test_shows_the_next_steps_once_ready() -> None:
    events: list[str] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        events.append("started")
        yield
        events.append("ended")

    app = FastAPI(lifespan=lifespan)
    serve.call_when_ready(app, lambda: events.append("called"))
    async with app.router.lifespan_context(app):
        pass
    assert events == ["started", "called", "ended"]
    assert "curl -F file=@receipt.jpg http://127.0.0.1:8000/v1/receipts" in serve.format_next_steps(
        "http://127.0.0.1:8000"
    )


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:1"), ("::", "http://[::1]:1"), ("box", "http://box:1")],
)
def test_shows_a_url_for_a_browser(host: str, url: str) -> None:
    assert serve.format_url(host, 1) == url
