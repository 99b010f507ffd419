"""What an application exposes to its routes and to the code that runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from fastapi import FastAPI

from shared.observability.metrics import ServiceMetrics
from shared.service.health import Health
from shared.service.settings import ServiceSettings


@dataclass(frozen=True)
class ServiceComponents:
    """Parts of one application that outlive a request."""

    settings: ServiceSettings
    health: Health
    metrics: ServiceMetrics


def set_components(app: FastAPI, components: ServiceComponents) -> None:
    """Attach its components to an application."""
    app.state.components = components


def get_components(app: FastAPI) -> ServiceComponents:
    """Return the components of an application made by `shared.service.app.create_service_app`."""
    return cast(ServiceComponents, app.state.components)
