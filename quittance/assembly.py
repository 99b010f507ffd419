"""Assembles the parts: a single service, a gateway with remote stages, or everything in one process.

Besides bulk extraction, which calls no service, this is the only module that knows both the gateway and the services.
Services, and with them the networks, are imported on demand, so that a gateway with remote stages starts without them.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import httpx2
from fastapi import FastAPI

from gateway.app import create_app
from gateway.settings import GatewaySettings, StageSettings
from gateway.stages.connection import open_client, stages_over_http
from gateway.stages.stages import Stages
from shared.service.components import get_components
from shared.service.health import Health

SERVICES = ("detector", "recognizer", "extractor")


def create_service(name: str) -> FastAPI:
    """Create the app of one service, with settings from the environment.

    Args:
        name: detector, recognizer or extractor.

    Raises:
        ValueError: If there is no such service.
        SettingsError: If a setting is invalid.
    """
    if name not in SERVICES:
        raise ValueError(f"There is no service {name!r}; the services are {', '.join(SERVICES)}.")
    app: FastAPI = importlib.import_module(f"services.{name}.app").create_app()
    return app


def create_measured_services() -> dict[str, FastAPI]:
    """Create the apps of all services for measuring them with receipts that are not used for training.

    The merchant directory knows these receipts too, so it is limited to the merchants of training receipts.

    Raises:
        SettingsError: If a setting is invalid.
    """
    from services.extractor.app import create_app as create_extractor
    from services.extractor.settings import ExtractorSettings

    extractor = create_extractor(ExtractorSettings.from_environment().for_measurement())
    return {name: extractor if name == "extractor" else create_service(name) for name in SERVICES}


def create_gateway(settings: GatewaySettings | None = None) -> FastAPI:
    """Create the gateway, with the stages in its process unless the settings have their URLs.

    Args:
        settings: Settings of the gateway; by default those of the environment.

    Raises:
        SettingsError: If a setting is invalid.
    """
    settings = settings or GatewaySettings.from_environment()
    if settings.stages.are_remote:
        return create_app(settings, stages_over_http)
    return create_embedded_gateway({name: create_service(name) for name in SERVICES}, settings)


def create_embedded_gateway(services: dict[str, FastAPI], settings: GatewaySettings) -> FastAPI:
    """Create a gateway that runs the applications of the services inside its own process.

    They start and stop with the gateway, and are called with the same requests as over the network.

    Args:
        services: The applications by name.
        settings: Settings of the gateway.
    """
    gateway = create_app(settings, InProcessStages(services).open)
    for name, app in services.items():
        health = get_components(app).health
        get_components(gateway).health.require(name, partial(_is_intact, health))
        get_components(gateway).health.watch(name, partial(_get_busy_s, health))
        get_components(gateway).metrics.include(get_components(app).metrics)
    return gateway


class InProcessStages:
    """The stages as applications that run inside the gateway's process.

    Args:
        services: The applications by name.
    """

    def __init__(self, services: dict[str, FastAPI]) -> None:
        self._services = services

    @asynccontextmanager
    async def open(self, settings: StageSettings) -> AsyncIterator[Stages]:
        """Start the applications, and stop them at the end of the block."""
        async with AsyncExitStack() as stack:
            for app in self._services.values():
                await stack.enter_async_context(app.router.lifespan_context(app))
            clients = {
                name: await stack.enter_async_context(
                    open_client(f"http://{name}", httpx2.ASGITransport(app=app, raise_app_exceptions=False))
                )
                for name, app in self._services.items()
            }
            yield Stages(**clients, timeout_s=settings.stage_timeout_s)


def _is_intact(health: Health) -> bool:
    return not health.broken_parts


def _get_busy_s(health: Health) -> float:
    return health.busy_s
