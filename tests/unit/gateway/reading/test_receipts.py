"""Which receipts are read, shared between callers, cached and deleted."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from gateway.settings import GatewaySettings
from tests.support.gateway import Gateway, assert_problem, make_picture, run_gateway


async def test_answers_the_second_upload_from_the_cache(gateway: Gateway) -> None:
    first, second = (await gateway.post(make_picture())).json(), (await gateway.post(make_picture())).json()
    assert second == first | {"cached": True}
    assert len(gateway.detector.requests) == 1
    other = (await gateway.post(make_picture(shade=254))).json()
    assert other["id"] != first["id"]
    assert other["cached"] is False


async def test_reads_simultaneous_identical_uploads_once(gateway: Gateway) -> None:
    gateway.detector.delay_s = 0.05
    responses = await asyncio.gather(*(gateway.post(make_picture()) for _ in range(20)))
    assert {response.status_code for response in responses} == {200}
    assert len(gateway.detector.requests) == 1


async def test_disconnected_caller_does_not_cancel_the_others(gateway: Gateway) -> None:
    gateway.detector.delay_s = 0.1
    first = asyncio.create_task(gateway.post(make_picture()))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(gateway.post(make_picture()))
    await asyncio.sleep(0.01)
    first.cancel()
    assert (await second).status_code == 200
    assert len(gateway.detector.requests) == 1


async def test_new_weights_invalidate_cached_receipts(gateway: Gateway) -> None:
    await gateway.post(make_picture())
    gateway.extractor.model = "charlstm-2"  # restarted with other weights; heard of with the next answer
    assert (await gateway.post(make_picture(shade=1))).json()["models"]["extractor"] == "charlstm-2"
    again = (await gateway.post(make_picture())).json()
    assert again["cached"] is False
    assert again["models"]["extractor"] == "charlstm-2"


async def test_zero_ttl_disables_the_cache() -> None:
    async with run_gateway(GatewaySettings(cache_ttl_s=0)) as gateway:
        receipt = (await gateway.post(make_picture())).json()
        assert (await gateway.post(make_picture())).json()["cached"] is False
        assert (await gateway.http.get(f"/v1/receipts/{receipt['id']}")).status_code == 404


async def test_reads_uploads_while_redis_is_down() -> None:
    async with run_gateway(GatewaySettings.model_validate({"redis_url": "redis://127.0.0.1:1/0"})) as gateway:
        receipt = (await gateway.post(make_picture())).json()
        assert receipt["lines"]
        assert (await gateway.post(make_picture())).json()["cached"] is False
        assert_problem(await gateway.http.get(f"/v1/receipts/{receipt['id']}"), 503, "cache-unavailable")
        assert_problem(await gateway.http.delete(f"/v1/receipts/{receipt['id']}"), 503, "cache-unavailable")
        assert (await gateway.http.get("/readyz")).status_code == 200


async def test_honors_no_store_and_no_cache(gateway: Gateway) -> None:
    async def post(control: str) -> Any:
        headers = {"Content-Type": "image/png", "Cache-Control": control}
        return (await gateway.http.post("/v1/receipts", content=make_picture(), headers=headers)).json()

    receipt = await post("no-store")
    assert (await gateway.http.get(f"/v1/receipts/{receipt['id']}")).status_code == 404
    assert (await post("max-age=60"))["cached"] is False
    assert (await post("no-cache"))["cached"] is False
    assert (await post("no-store"))["cached"] is True
    assert len(gateway.detector.requests) == 3


async def test_does_not_cache_a_receipt_deleted_while_being_read(gateway: Gateway) -> None:
    receipt_id = hashlib.sha256(make_picture()).hexdigest()[:32]
    gateway.detector.delay_s = 2
    reading = asyncio.create_task(gateway.post(make_picture()))
    await gateway.detector.wait_for_requests()
    assert (await gateway.http.delete(f"/v1/receipts/{receipt_id}")).status_code == 204
    assert (await reading).status_code == 200
    assert (await gateway.http.get(f"/v1/receipts/{receipt_id}")).status_code == 404
