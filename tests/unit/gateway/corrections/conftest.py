"""Fixtures for tests of corrections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.text_gateway import TextGateway, run_text_gateway


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[TextGateway]:
    """A gateway that reads the text in the metadata of pictures."""
    async with run_text_gateway(tmp_path / "state") as running:
        yield running
