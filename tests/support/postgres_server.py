"""A PostgreSQL server for tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.reliability import postgres_server
from benchmarks.reliability.postgres_server import PostgresServer

__all__ = ["PostgresServer", "require_postgres", "run_postgres"]


@contextmanager
def run_postgres() -> Iterator[PostgresServer]:
    """Start a server, and stop it at the end; skip or fail the test as `require_postgres` does."""
    require_postgres()
    with postgres_server.run_postgres() as server:
        yield server


def require_postgres() -> None:
    """Skip the test where no server is installed, and fail it there in CI."""
    if postgres_server.find_programs() is None:
        reason = "PostgreSQL is not installed: apt-get install postgresql"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
