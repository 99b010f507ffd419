"""Puts the parts together: a service alone, the gateway with its stages elsewhere, or everything in one process.

The only module that knows both the gateway and the services. Services, and with them the networks, are imported when
one is asked for: a gateway whose stages have URLs starts without them.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import httpx2
from fastapi import FastAPI

from gateway.app import create_app
from gateway.settings import GatewaySettings, StageSettings
from gateway.stages.connection import stages_over_http
from gateway.stages.stages import Stages
from shared.service.health import Health
from shared.service.tracing import traced

SERVICES = ("detector", "recognizer", "extractor")


def service_app(name: str) -> FastAPI:
    """Makes the application of one service, with settings from the environment.

    Args:
        name: detector, recognizer or extractor.

    Raises:
        ValueError: If there is no such service.
        SettingsError: If a setting is wrong.
    """
    if name not in SERVICES:
        raise ValueError(f"There is no service {name!r}; there are {', '.join(SERVICES)}.")
    app: FastAPI = importlib.import_module(f"services.{name}.app").create_app()
    return app


def measured_services() -> dict[str, FastAPI]:
    """Makes the applications of all services, to measure them with receipts that are kept from training.

    Their labels are known to the directory of merchants, which therefore keeps to those of the training receipts.

    Raises:
        SettingsError: If a setting is wrong.
    """
    from services.extractor.app import create_app as create_extractor
    from services.extractor.settings import ExtractorSettings
    from services.extractor.training.evaluate import measured

    extractor = create_extractor(measured(ExtractorSettings.from_environment()))
    return {name: extractor if name == "extractor" else service_app(name) for name in SERVICES}


def embedded_gateway(settings: GatewaySettings | None = None) -> FastAPI:
    """Makes the gateway: with the stages inside its process, or, if the settings name their URLs, elsewhere.

    Args:
        settings: Read from the environment if left out.

    Raises:
        SettingsError: If a setting is wrong.
    """
    settings = settings or GatewaySettings.from_environment()
    if settings.stages.are_remote:
        return create_app(settings, stages_over_http)
    return gateway_around({name: service_app(name) for name in SERVICES}, settings)


def gateway_around(services: dict[str, FastAPI], settings: GatewaySettings) -> FastAPI:
    """Makes a gateway that runs the applications of the services inside its own process.

    They start and end with the gateway, and are reached by the same requests as over the network.

    Args:
        services: The applications by name.
        settings: Of the gateway.
    """

    @asynccontextmanager
    async def stages_in_process(settings: StageSettings) -> AsyncIterator[Stages]:
        async with AsyncExitStack() as stack:
            for name, app in services.items():
                await stack.enter_async_context(app.router.lifespan_context(app))
                gateway_health.require(name, _works(app.state.health))
            clients = {name: await stack.enter_async_context(_client(name, app)) for name, app in services.items()}
            yield Stages(**clients, timeout_s=settings.stage_timeout_s)

    gateway = create_app(settings, stages_in_process)
    gateway_health: Health = gateway.state.health
    for app in services.values():
        gateway.state.metrics.include(app.state.metrics)
    return gateway


def _client(name: str, app: FastAPI) -> httpx2.AsyncClient:
    transport = traced(httpx2.ASGITransport(app=app, raise_app_exceptions=False))
    return httpx2.AsyncClient(transport=transport, base_url=f"http://{name}", trust_env=False)


def _works(health: Health) -> Callable[[], bool]:
    return lambda: not health.broken
