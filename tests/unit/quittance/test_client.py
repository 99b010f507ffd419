"""The gateway inside this process: started, ready, and reached through the client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI

from gateway.settings import GatewaySettings
from quittance import client
from quittance.extract import to_contract
from quittance_client import APIResponseError
from quittance_client.models import Receipt
from shared.service.app import create_service_app
from shared.service.settings import ServiceSettings
from shared.startup import StartupError
from tests.support.command_line import RECEIPT


def create_app(error: Exception | None = None) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[str]:
        if error is not None:
            raise error
        yield "model-1"

    return create_service_app(
        name="one", title="one", description="one", settings=ServiceSettings(), lifespan=lifespan, routers=[APIRouter()]
    )


async def test_application_is_ready_when_the_client_is() -> None:
    async with client.run_in_process(create_app()) as transport, client.client_in_process(transport) as api:
        assert (await api.readiness()).status == "ready"


async def test_failed_startup_is_raised() -> None:
    with pytest.raises(StartupError, match="no weights"):
        async with client.run_in_process(create_app(StartupError("no weights"))):
            pass


def test_settings_leave_out_limits_for_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUITTANCE_ACCESS", "keys")
    monkeypatch.setenv("QUITTANCE_RATE_LIMIT", "1/minute")
    monkeypatch.setenv("QUITTANCE_MAX_PAGES", "3")
    settings = client.patient_settings()
    expected = GatewaySettings.from_environment().replaced(
        access="open", rate_limit=None, receipt_timeout_s=600, stage_timeout_s=600, request_timeout_s=600
    )
    assert settings == expected


def test_receipt_becomes_the_contract() -> None:
    contract = to_contract(Receipt.model_validate(RECEIPT))
    assert contract.model_dump(mode="json") == Receipt.model_validate(RECEIPT).model_dump(mode="json")
    with pytest.raises(APIResponseError, match="does not know"):
        to_contract(Receipt.model_validate(RECEIPT | {"unknown": []}))
