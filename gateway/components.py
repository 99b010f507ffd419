"""The parts of a running gateway that its routes use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from fastapi import FastAPI

from gateway.jobs.jobs import Jobs
from gateway.reading.pipeline import Pipeline
from gateway.reading.receipts import Receipts


@dataclass(frozen=True)
class GatewayComponents:
    """The parts of a running gateway that its routes use."""

    receipts: Receipts
    jobs: Jobs
    pipeline: Pipeline


def set_gateway_components(app: FastAPI, components: GatewayComponents) -> None:
    """Attach its components to the application of a gateway."""
    app.state.gateway = components


def get_gateway_components(app: FastAPI) -> GatewayComponents:
    """Return the components of the application of a gateway that has started."""
    return cast(GatewayComponents, app.state.gateway)
