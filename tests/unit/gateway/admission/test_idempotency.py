"""A POST that is sent again with the same idempotency key."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from gateway.admission.api_keys import KeyBook
from gateway.settings import GatewaySettings
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


async def test_the_first_answer_is_given_again_to_the_byte(gateway: Gateway) -> None:
    first, second = await post(gateway, "a"), await post(gateway, "a")
    assert is_replay(first, second)
    assert second.json()["cached"] is False
    assert second.headers["content-type"] == "application/json"
    assert "idempotency-replayed" not in first.headers
    assert len(gateway.detector.requests) == 1


async def test_a_form_sent_again_has_another_boundary_and_is_the_same(gateway: Gateway) -> None:
    boundaries = itertools.count()

    async def form(data: bytes) -> httpx2.Response:
        boundary = f"----boundary{next(boundaries)}"
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'.encode()
        body = head + data + f"\r\n--{boundary}--\r\n".encode()
        chunks = [body[start : start + 7] for start in range(0, len(body), 7)]  # boundaries lie across chunks

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
async def test_another_request_with_the_same_key_is_refused(gateway: Gateway, changed: dict[str, Any]) -> None:
    await post(gateway, "a")
    told = assert_problem(await post(gateway, "a", **changed), 422, "idempotency-key-reused")
    assert "Choose a new key" in told.detail
    assert (await post(gateway, "b", **changed)).status_code == 200
    assert (await post(gateway, "a")).status_code == 200


async def test_while_the_first_is_answered_the_second_is_told_to_wait(gateway: Gateway) -> None:
    gateway.detector.delay_s = 0.5
    first = asyncio.create_task(post(gateway, "a"))
    await gateway.detector.wait_for_requests()
    refused = await post(gateway, "a")
    assert_problem(refused, 409, "idempotency-key-in-use")
    assert refused.headers["retry-after"] == "1"
    assert is_replay(await first, await post(gateway, "a"))


async def test_refusals_of_the_picture_are_repeated_and_those_that_pass_are_not(gateway: Gateway) -> None:
    assert is_replay(await post(gateway, "bad", data=b"GIF89a"), await post(gateway, "bad", data=b"GIF89a"))
    gateway.detector.fails_with = ProblemError(503, "overloaded", "Busy", "Busy.", headers={"Retry-After": "1"})
    assert (await post(gateway, "a")).status_code == 503
    gateway.detector.fails_with = None
    assert (await post(gateway, "a")).status_code == 200


async def test_one_who_hangs_up_leaves_the_key_free(gateway: Gateway) -> None:
    gateway.detector.delay_s = 5
    gone = asyncio.create_task(post(gateway, "a"))
    await gateway.detector.wait_for_requests()
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    await asyncio.sleep(0.05)
    gateway.detector.delay_s = 0
    assert (await post(gateway, "a")).status_code == 200


async def test_a_key_belongs_to_its_caller() -> None:
    book = KeyBook(GatewaySettings().storage.state_directory)
    secrets = [book.create(name)[1] for name in "ab"]
    async with run_gateway(GatewaySettings()) as gateway:
        answers = [await post(gateway, "same", make_picture(shade=n), X_API_Key=key) for n, key in enumerate(secrets)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json()["id"] != answers[1].json()["id"]


async def test_deleting_a_receipt_deletes_the_answer_that_holds_it(gateway: Gateway) -> None:
    first = await post(gateway, "a")
    assert (await gateway.http.delete(f"/v1/receipts/{first.json()['id']}")).status_code == 204
    second = await post(gateway, "a")
    assert second.status_code == 200
    assert "idempotency-replayed" not in second.headers
    assert len(gateway.detector.requests) == 2
    assert_problem(
        await post(gateway, "a", data=make_picture(shade=1)), 422, "idempotency-key-reused"
    )  # that much is known still


async def test_a_receipt_deleted_while_it_is_read_stays_in_no_answer(gateway: Gateway) -> None:
    gateway.detector.delay_s = 0.5
    reading = asyncio.create_task(post(gateway, "a"))
    await gateway.detector.wait_for_requests()
    receipt_id = hashlib.sha256(make_picture()).hexdigest()[:32]
    assert (await gateway.http.delete(f"/v1/receipts/{receipt_id}")).status_code == 204
    assert (await reading).status_code == 200
    assert "idempotency-replayed" not in (await post(gateway, "a")).headers


async def test_no_store_keeps_no_answer(gateway: Gateway) -> None:
    await post(gateway, "a", Cache_Control="no-store")
    assert "idempotency-replayed" not in (await post(gateway, "a", Cache_Control="no-store")).headers
    assert len(gateway.detector.requests) == 2


async def test_a_gateway_that_keeps_nothing_says_so() -> None:
    async with run_gateway(GatewaySettings(cache_ttl_s=0)) as gateway:
        assert_problem(await post(gateway, "a"), 400, "idempotency-off")


@pytest.mark.parametrize("key", ["", "x" * 256, "a b"])
async def test_keys_that_are_none(gateway: Gateway, key: str) -> None:
    assert_problem(await post(gateway, key), 400, "idempotency-key-invalid")
