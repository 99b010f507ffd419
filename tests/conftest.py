"""Fixtures that all tests share, markers by folder, and what runs side by side."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Several processes run tests at once, so one thread each is fastest. Libraries read this when they are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadGroupScheduling

from tests.support.postgres_server import PostgresServer, run_postgres
from tests.support.schedule import FileScheduling, find_group

ROOT = Path(__file__).resolve().parent.parent
SROIE = ROOT.parent / "shared" / "sroie"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        if folder in ("unit", "end_to_end"):
            item.add_marker(folder)
        if group := find_group(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group(group))
        if "browser" in getattr(item, "fixturenames", ()):
            # On a busy machine, a browser may miss an event. The report lists reruns.
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadGroupScheduling | None:
    return FileScheduling(config, log) if config.getoption("dist") == "loadgroup" else None


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def sroie() -> Path:
    """The folder of the SROIE receipts; tests that need it are skipped if it is missing."""
    if not (SROIE / "split.json").is_file():
        pytest.skip(f"the SROIE receipts are not at {SROIE}")
    return SROIE


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server; tests that need it are skipped if none is installed."""
    with run_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> str:
    """The URL of an empty database."""
    return postgres.create_database()
