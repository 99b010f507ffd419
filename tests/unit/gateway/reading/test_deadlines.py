"""Time limits that callers set for a receipt."""

from __future__ import annotations

import asyncio
import time

import pytest

from gateway.settings import GatewaySettings
from shared.service.deadline import TIMEOUT_HEADER
from tests.support.gateway import assert_problem, make_picture, run_gateway


async def test_stops_at_the_deadline_of_the_caller() -> None:
    async with run_gateway(GatewaySettings()) as gateway:
        gateway.detector.delay_s = 2
        headers = {"Content-Type": "image/png", TIMEOUT_HEADER: "300"}
        start = time.monotonic()
        response = await gateway.http.post("/v1/receipts", content=make_picture(), headers=headers)
        assert 0.3 <= time.monotonic() - start < 1.9
        assert_problem(response, 504, "deadline-exceeded")
        assert response.headers["retry-after"]
        await asyncio.sleep(2)
        assert gateway.recognizer.requests == []


async def test_caller_who_joins_with_more_time_gets_the_receipt() -> None:
    async with run_gateway(GatewaySettings()) as gateway:
        gateway.detector.delay_s = 3
        headers = {"Content-Type": "image/png", TIMEOUT_HEADER: "2000"}
        short = asyncio.create_task(gateway.http.post("/v1/receipts", content=make_picture(), headers=headers))
        await gateway.detector.wait_for_requests()
        long = asyncio.create_task(gateway.post(make_picture()))
        assert_problem(await short, 504, "deadline-exceeded")
        assert (await long).status_code == 200


@pytest.mark.parametrize("value", ["", "soon", "1.5", "-1", "1" * 10])
async def test_rejects_invalid_timeouts(value: str) -> None:
    async with run_gateway(GatewaySettings()) as gateway:
        response = await gateway.http.post("/v1/receipts", content=make_picture(), headers={TIMEOUT_HEADER: value})
        assert_problem(response, 400, "timeout-invalid")


async def test_caller_cannot_extend_the_timeout_of_the_gateway() -> None:
    async with run_gateway(GatewaySettings(receipt_timeout_s=2)) as gateway:
        gateway.extractor.delay_s = 10
        headers = {"Content-Type": "image/png", TIMEOUT_HEADER: "60000"}
        problem = assert_problem(
            await gateway.http.post("/v1/receipts", content=make_picture(), headers=headers), 504, "deadline-exceeded"
        )
        assert (problem.model_extra or {})["stage"] == "extractor"
