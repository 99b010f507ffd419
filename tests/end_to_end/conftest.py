"""Fixtures for end-to-end tests: real processes, clients of them, and a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from benchmarks.processes import SERVICES, Process
from tests.support.browser import browser, context, visit
from tests.support.deployment import Deployment, Site, run_deployment, run_embedded

__all__ = ["browser", "context", "visit"]

_REQUEST_TIMEOUT_S = 60.0


@pytest.fixture(scope="session")
def weights(repository: Path) -> None:
    """Skip tests if the weights of a model are missing."""
    missing = [
        name for name in SERVICES if not (repository / "services" / name / "weights" / "model.safetensors").is_file()
    ]
    if missing:
        pytest.skip(f"no weights in services/*/weights of: {', '.join(missing)}")


@pytest.fixture(scope="session")
def embedded(weights: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A gateway with the models in its own process, shared by all tests."""
    with run_embedded(tmp_path_factory.mktemp("deployment")) as running:
        yield running


@pytest.fixture(scope="session")
def deployment(repository: Path, embedded: Process) -> Iterator[Deployment]:
    """The processes of docker-compose.yml and `embedded`, shared by all tests."""
    with run_deployment(repository, embedded) as running:
        yield running


@pytest.fixture(params=["gateway", "embedded"])
def gateway(request: pytest.FixtureRequest, deployment: Deployment) -> Iterator[httpx2.Client]:
    """A client of a gateway: once with its stages in other processes, once with the models in its own."""
    process: Process = getattr(deployment, request.param)
    with httpx2.Client(base_url=process.url, timeout=_REQUEST_TIMEOUT_S) as client:
        yield client


@pytest.fixture
def distributed(deployment: Deployment) -> Iterator[httpx2.Client]:
    """A client of the gateway with its stages in other processes and Redis as its cache."""
    with httpx2.Client(base_url=deployment.gateway.url, timeout=_REQUEST_TIMEOUT_S) as client:
        yield client


@pytest.fixture
def site(repository: Path, tmp_path: Path) -> Iterator[Site]:
    """Processes for one test."""
    site = Site(repository, tmp_path)
    yield site
    site.stop_all()
