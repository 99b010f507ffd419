"""A POST that is sent again with the same idempotency key."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.types import Message

from gateway.admission.api_keys import KeyStore
from gateway.admission.idempotency import _Request
from gateway.settings import GatewaySettings
from gateway.storage.database.sqlite import SqliteDatabase
from shared.problems import ProblemError
from tests.support.gateway import Gateway, assert_problem, make_picture, run_gateway


async def post(
    gateway: Gateway, key: str, data: bytes = make_picture(), path: str = "/v1/receipts", **headers: str
) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"Content-Type": "image/png", "Idempotency-Key": key} | named
    return await gateway.http.post(path, content=data, headers=sent)


def is_replay(first: httpx2.Response, second: httpx2.Response) -> bool:
    assert second.headers.get("idempotency-replayed") == "true"
    return (first.status_code, first.content) == (second.status_code, second.content)


async def test_repeated_request_gets_the_same_bytes(gateway: Gateway) -> None:
    first, second = await post(gateway, "a"), await post(gateway, "a")
    assert is_replay(first, second)
    assert second.json()["cached"] is False
    assert second.headers["content-type"] == "application/json"
    assert "idempotency-replayed" not in first.headers
    assert len(gateway.detector.requests) == 1


async def test_form_with_another_boundary_is_the_same_request(gateway: Gateway) -> None:
    boundaries = itertools.count()

    async def form(data: bytes) -> httpx2.Response:
        boundary = f"----boundary{next(boundaries)}"
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'.encode()
        body = head + data + f"\r\n--{boundary}--\r\n".encode()
        # Boundaries are split across chunks.
        chunks = [body[start : start + 7] for start in range(0, len(body), 7)]

        async def stream() -> AsyncIterator[bytes]:
            for chunk in chunks:
                yield chunk

        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Idempotency-Key": "a"}
        return await gateway.http.post("/v1/receipts", content=stream(), headers=headers)

    assert is_replay(await form(make_picture()), await form(make_picture()))
    assert_problem(await form(make_picture(shade=7)), 422, "idempotency-key-reused")


@pytest.mark.parametrize(
    "changed",
    [{"data": make_picture(shade=1)}, {"path": "/v1/receipts?orientation=upright"}, {"Content_Type": "image/jpeg"}],
)
async def test_rejects_another_request_with_the_same_key(gateway: Gateway, changed: dict[str, Any]) -> None:
    await post(gateway, "a")
    problem = assert_problem(await post(gateway, "a", **changed), 422, "idempotency-key-reused")
    assert "Use a new key" in problem.detail
    assert (await post(gateway, "b", **changed)).status_code == 200
    assert (await post(gateway, "a")).status_code == 200


async def test_rejects_a_repeated_request_while_the_first_is_in_progress(gateway: Gateway) -> None:
    gateway.detector.delay_s = 2
    first = asyncio.create_task(post(gateway, "a"))
    await gateway.detector.wait_for_requests()
    refused = await post(gateway, "a")
    assert_problem(refused, 409, "idempotency-key-in-use")
    assert refused.headers["retry-after"] == "1"
    assert is_replay(await first, await post(gateway, "a"))


async def test_replays_final_problems_and_retries_others(gateway: Gateway) -> None:
    assert is_replay(await post(gateway, "bad", data=b"%!PS"), await post(gateway, "bad", data=b"%!PS"))
    gateway.detector.fails_with = ProblemError(503, "overloaded", "Busy", "Busy.", headers={"Retry-After": "1"})
    assert (await post(gateway, "a")).status_code == 503
    gateway.detector.fails_with = None
    assert (await post(gateway, "a")).status_code == 200


async def test_canceled_request_releases_its_key(gateway: Gateway) -> None:
    gateway.detector.delay_s = 5
    canceled = asyncio.create_task(post(gateway, "a"))
    await gateway.detector.wait_for_requests()
    canceled.cancel()
    await asyncio.gather(canceled, return_exceptions=True)
    await asyncio.sleep(0.05)
    gateway.detector.delay_s = 0
    assert (await post(gateway, "a")).status_code == 200


async def test_keys_of_different_callers_are_independent() -> None:
    key_store = KeyStore(SqliteDatabase(GatewaySettings().storage.state_directory))
    secrets = [key_store.create(name)[1] for name in "ab"]
    async with run_gateway(GatewaySettings()) as gateway:
        answers = [await post(gateway, "same", make_picture(shade=n), X_API_Key=key) for n, key in enumerate(secrets)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json()["id"] != answers[1].json()["id"]


async def test_deleting_a_receipt_deletes_its_stored_response(gateway: Gateway) -> None:
    first = await post(gateway, "a")
    assert (await gateway.http.delete(f"/v1/receipts/{first.json()['id']}")).status_code == 204
    second = await post(gateway, "a")
    assert second.status_code == 200
    assert "idempotency-replayed" not in second.headers
    assert len(gateway.detector.requests) == 2
    # The fingerprint is still known.
    assert_problem(await post(gateway, "a", data=make_picture(shade=1)), 422, "idempotency-key-reused")


async def test_does_not_store_the_response_of_a_receipt_deleted_meanwhile(gateway: Gateway) -> None:
    gateway.detector.delay_s = 2
    reading = asyncio.create_task(post(gateway, "a"))
    await gateway.detector.wait_for_requests()
    receipt_id = hashlib.sha256(make_picture()).hexdigest()[:32]
    assert (await gateway.http.delete(f"/v1/receipts/{receipt_id}")).status_code == 204
    assert (await reading).status_code == 200
    assert "idempotency-replayed" not in (await post(gateway, "a")).headers


async def test_no_store_stores_no_response(gateway: Gateway) -> None:
    await post(gateway, "a", Cache_Control="no-store")
    assert "idempotency-replayed" not in (await post(gateway, "a", Cache_Control="no-store")).headers
    assert len(gateway.detector.requests) == 2


async def test_rejects_keys_if_the_cache_is_off() -> None:
    async with run_gateway(GatewaySettings(cache_ttl_s=0)) as gateway:
        assert_problem(await post(gateway, "a"), 400, "idempotency-off")


@pytest.mark.parametrize("key", ["", "x" * 256, "a b"])
async def test_rejects_invalid_keys(gateway: Gateway, key: str) -> None:
    assert_problem(await post(gateway, key), 400, "idempotency-key-invalid")


def build_chunked_request(chunks: list[bytes]) -> _Request:
    waiting = list(chunks)

    async def receive() -> Message:
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    scope = {"type": "http", "method": "POST", "path": "/v1/jobs", "query_string": b"", "headers": []}
    return _Request(scope, receive)


async def test_fingerprint_alone_keeps_no_body_in_memory() -> None:
    chunks = [bytes(1024 * 1024)] * 32
    tracemalloc.start()
    try:
        fingerprint = await build_chunked_request(chunks).read_fingerprint(keep=False)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 1024 * 1024
    assert fingerprint == await build_chunked_request(chunks).read_fingerprint(keep=True)


@pytest.mark.parametrize("sizes", [[0], [5, 7], [256 * 1024], [2**20] * 20, [300_000, 1]], ids=str)
async def test_kept_body_can_be_received_again(sizes: list[int]) -> None:
    chunks = [bytes([number]) * size for number, size in enumerate(sizes)]
    request = build_chunked_request(chunks)
    await request.read_fingerprint(keep=True)
    body, message = b"", await request.receive()
    while message["more_body"]:
        body += message["body"]
        message = await request.receive()
    assert body + message["body"] == b"".join(chunks)


async def test_bad_requests_of_one_caller_push_out_nothing_of_others(tmp_path: Path) -> None:
    keys = KeyStore(SqliteDatabase(tmp_path))
    (_, quiet), (_, loud) = keys.create("quiet"), keys.create("loud")
    settings = GatewaySettings(state_directory=tmp_path, cache_max_entries=10, idempotency_max_entries=10)
    async with run_gateway(settings) as gateway:
        first = await post(gateway, "a", X_API_Key=quiet)
        for number in range(30):
            assert (await post(gateway, str(number), b"bad", X_API_Key=loud)).status_code == 415
        assert is_replay(first, await post(gateway, "a", X_API_Key=quiet))
        found = await gateway.http.get(f"/v1/receipts/{first.json()['id']}", headers={"X-API-Key": quiet})
        assert found.status_code == 200


async def test_deleting_a_receipt_deletes_the_responses_with_it(gateway: Gateway) -> None:
    first = await post(gateway, "a")
    assert (await gateway.http.delete(f"/v1/receipts/{first.json()['id']}")).status_code == 204
    again = await post(gateway, "a")
    assert "idempotency-replayed" not in again.headers
    assert len(gateway.detector.requests) == 2


async def test_pictures_of_pages_are_not_kept(gateway: Gateway) -> None:
    picture = make_picture(shade=3)
    for _ in range(2):
        response = await post(gateway, "a", picture, path="/v1/pages")
        assert (response.status_code, response.content) == (200, picture)
        assert "idempotency-replayed" not in response.headers
    assert_problem(await post(gateway, "a", make_picture(shade=4), path="/v1/pages"), 422, "idempotency-key-reused")


async def test_gateways_with_one_postgresql_share_responses(postgres_url: str) -> None:
    settings = GatewaySettings(database_url=postgres_url)
    async with run_gateway(settings) as one, run_gateway(settings) as other:
        one.detector.delay_s = 1
        first = asyncio.create_task(post(one, "a"))
        await one.detector.wait_for_requests()
        assert_problem(await post(other, "a"), 409, "idempotency-key-in-use")
        assert is_replay(await first, await post(other, "a"))
        assert_problem(await post(other, "a", make_picture(shade=1)), 422, "idempotency-key-reused")
        assert (await other.http.delete(f"/v1/receipts/{(await first).json()['id']}")).status_code == 204
        assert "idempotency-replayed" not in (await post(one, "a")).headers
        assert other.detector.requests == []
