"""Retries, deadlines and idempotency keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2
import pytest

from quittance_client import (
    NO_RETRIES,
    APIConnectionError,
    APITimeoutError,
    BadRequestError,
    Client,
    NotFoundError,
    RateLimitError,
    RetryPolicy,
    ServerError,
)
from quittance_client._retries import parse_retry_after
from tests.support.fake_gateway import JOB_ID, RECEIPT, RECEIPT_ID, Clock, FakeGateway, job, problem, receipt

pytestmark = pytest.mark.usefixtures("clock")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_repeats_a_failed_read_with_the_same_key(gateway: FakeGateway, clock: Clock, status: int) -> None:
    gateway.replies = [problem(status), problem(status), receipt()]
    assert gateway.client().receipts.read(b"picture").id == RECEIPT_ID
    keys = gateway.sent("Idempotency-Key")
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert [request.content for request in gateway.requests] == [b"picture"] * 3
    first, second = clock.sleeps
    assert 0.25 <= first <= 0.5 <= second <= 1.0


async def test_async_client_repeats_too(gateway: FakeGateway, clock: Clock) -> None:
    gateway.replies = [problem(503), httpx2.ReadError("reset"), receipt()]
    async with gateway.async_client() as client:
        assert (await client.receipts.read(b"picture")).id == RECEIPT_ID
    assert len(set(gateway.sent("Idempotency-Key"))) == 1
    assert len(clock.sleeps) == 2


def test_keys_differ_between_calls(gateway: FakeGateway) -> None:
    client = gateway.client()
    client.receipts.read(b"a")
    client.receipts.read(b"a")
    assert len(set(gateway.sent("Idempotency-Key"))) == 2


@pytest.mark.parametrize("seconds", ["7", "0"])
def test_never_sends_earlier_than_retry_after(gateway: FakeGateway, clock: Clock, seconds: str) -> None:
    gateway.replies = [problem(429, headers={"Retry-After": seconds}), receipt()]
    gateway.client().receipts.get(RECEIPT_ID)
    (slept,) = clock.sleeps
    assert float(seconds) <= slept <= float(seconds) + 0.5


def test_reads_retry_after_as_seconds_or_date() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=30)
    assert parse_retry_after({"Retry-After": "12"}) == 12
    assert 25 < (parse_retry_after({"Retry-After": format_datetime(soon, usegmt=True)}) or 0) <= 30
    assert parse_retry_after({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert parse_retry_after({"Retry-After": "Wed, 21 Oct 2015 07:28:00 -0000"}) == 0
    assert parse_retry_after({"Retry-After": "soon"}) is None
    assert parse_retry_after({}) is None


def test_gives_up_after_the_last_attempt(gateway: FakeGateway, clock: Clock) -> None:
    gateway.replies = [problem(503, headers={"Retry-After": "2"})]
    with pytest.raises(ServerError) as caught:
        gateway.client().receipts.get(RECEIPT_ID)
    assert len(gateway.requests) == 4
    assert len(clock.sleeps) == 3
    assert caught.value.retry_after_s == 2


def test_does_not_wait_beyond_the_limit_of_the_policy(gateway: FakeGateway, clock: Clock) -> None:
    gateway.replies = [problem(429, headers={"Retry-After": "61"})]
    with pytest.raises(RateLimitError):
        gateway.client().receipts.get(RECEIPT_ID)
    assert clock.sleeps == []


def test_does_not_wait_beyond_the_timeout(gateway: FakeGateway, clock: Clock) -> None:
    gateway.replies = [problem(429, headers={"Retry-After": "6"})]
    with pytest.raises(RateLimitError):
        gateway.client().receipts.read(b"picture", timeout_s=5)
    assert clock.sleeps == []


def test_delays_grow_to_their_maximum() -> None:
    policy = RetryPolicy(initial_delay_s=1, max_delay_s=4)
    for failures, longest in ((1, 1), (2, 2), (3, 4), (9, 4)):
        delays = [policy.delay_s(failures) for _ in range(200)]
        assert longest / 2 <= min(delays) < max(delays) <= longest


@pytest.mark.parametrize("status", [400, 401, 404, 408, 413, 415, 422, 500])
def test_does_not_repeat_what_would_fail_again(gateway: FakeGateway, status: int) -> None:
    gateway.replies = [problem(status, "other")]
    with pytest.raises(Exception, match="It failed"):
        gateway.client().receipts.read(b"picture")
    assert len(gateway.requests) == 1


def test_waits_for_the_first_request_with_its_key(gateway: FakeGateway) -> None:
    gateway.replies = [problem(409, "idempotency-key-in-use", headers={"Retry-After": "1"}), receipt()]
    assert gateway.client().receipts.read(b"picture").id == RECEIPT_ID


def test_tells_the_gateway_how_long_it_may_take(gateway: FakeGateway, clock: Clock) -> None:
    gateway.replies = [problem(503, headers={"Retry-After": "10"}), receipt()]
    gateway.client(timeout_s=30).receipts.read(b"picture")
    first, second = (int(value or 0) for value in gateway.sent("X-Timeout-Ms"))
    assert first == 30_000
    assert second == pytest.approx(30_000 - clock.now * 1000, abs=1)
    timeout = gateway.requests[0].extensions["timeout"]
    assert timeout == {"connect": 10, "read": 31, "write": 31, "pool": 31}


def test_timeout_fits_the_header(gateway: FakeGateway) -> None:
    gateway.client(timeout_s=1e9).receipts.get(RECEIPT_ID)
    assert gateway.sent("X-Timeout-Ms") == ["999999999"]


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (httpx2.ConnectError("refused"), APIConnectionError, "cannot be reached: refused. Is the gateway running?"),
        (httpx2.ConnectTimeout(""), APITimeoutError, "cannot be reached: ConnectTimeout"),
        (httpx2.ReadTimeout(""), APITimeoutError, r"did not answer in time \(120 s\)"),
        (httpx2.ReadError("reset"), APIConnectionError, "The connection to http://gateway broke: reset"),
    ],
)
def test_connection_errors_are_repeated_and_explained(
    gateway: FakeGateway, error: Exception, kind: type[Exception], message: str
) -> None:
    gateway.replies = [error]
    with pytest.raises(kind, match=message) as caught:
        gateway.client().receipts.get(RECEIPT_ID)
    assert type(caught.value) is kind
    assert len(gateway.requests) == 4


def test_url_without_scheme_is_not_repeated() -> None:
    with (
        pytest.raises(APIConnectionError, match="does not begin with http"),
        Client("gateway:8000") as client,
    ):
        client.health()


def test_retries_can_be_turned_off(gateway: FakeGateway) -> None:
    gateway.replies = [problem(503)]
    with pytest.raises(ServerError):
        gateway.client(retries=NO_RETRIES).receipts.read(b"picture")
    assert gateway.sent("Idempotency-Key") == [None]


class TestGatewayThatKeepsNoAnswers:
    """A gateway with QUITTANCE_CACHE_TTL_S=0 rejects idempotency keys."""

    def test_is_asked_again_without_key(self, gateway: FakeGateway) -> None:
        gateway.replies = [problem(400, "idempotency-off"), receipt()]
        client = gateway.client()
        client.receipts.read(b"a")
        client.receipts.read(b"b")
        keys = gateway.sent("Idempotency-Key")
        assert keys[0]
        assert keys[1:] == [None, None]

    def test_rejects_a_key_of_the_caller(self, gateway: FakeGateway) -> None:
        gateway.replies = [problem(400, "idempotency-off")]
        with pytest.raises(BadRequestError):
            gateway.client().jobs.create([b"a"], idempotency_key="mine")

    @pytest.mark.parametrize(
        ("reply", "attempts"),
        [
            (problem(502), 1),
            (httpx2.ReadError("reset"), 1),
            (problem(503), 4),
            (httpx2.ConnectError("refused"), 4),
        ],
    )
    def test_gets_a_job_again_only_if_nothing_was_done(self, gateway: FakeGateway, reply: Any, attempts: int) -> None:
        gateway.replies = [problem(400, "idempotency-off"), reply]
        with pytest.raises((ServerError, APIConnectionError)):
            gateway.client().jobs.create([b"a"])
        assert len(gateway.requests) == 1 + attempts


def test_delete_is_done_if_a_broken_attempt_did_it(gateway: FakeGateway) -> None:
    gateway.replies = [httpx2.ReadError("reset"), problem(404, "receipt-not-found")]
    gateway.client().receipts.delete(RECEIPT_ID)
    assert len(gateway.requests) == 2


@pytest.mark.parametrize("before", [[], [problem(429)], [httpx2.ConnectError("refused")]])
def test_delete_of_what_is_not_there_fails(gateway: FakeGateway, before: list[Any]) -> None:
    gateway.replies = [*before, problem(404, "receipt-not-found")]
    with pytest.raises(NotFoundError):
        gateway.client().receipts.delete(RECEIPT_ID)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.exports.create([RECEIPT_ID], "csv"),
        lambda client: client.receipts.render_page(b"picture"),
    ],
)
def test_posts_that_change_nothing_need_no_key(gateway: FakeGateway, call: Callable[[Client], Any]) -> None:
    """A key would make the gateway keep an answer that is meant to leave nothing behind."""
    gateway.replies = [problem(502), httpx2.Response(200, content=b"file")]
    call(gateway.client())
    assert gateway.sent("Idempotency-Key") == [None, None]


def test_jobs_carry_a_key(gateway: FakeGateway) -> None:
    gateway.replies = [httpx2.ReadTimeout(""), httpx2.Response(202, json=job())]
    assert gateway.client().jobs.create([("a.jpg", b"a")]).id == JOB_ID
    first, second = gateway.sent("Idempotency-Key")
    assert first == second is not None
    gateway.client().jobs.create([b"a"], idempotency_key="mine")
    assert gateway.sent("Idempotency-Key")[-1] == "mine"
    assert gateway.sent("X-Timeout-Ms")[0] == "600000"


def test_response_of_another_version_is_explained(gateway: FakeGateway) -> None:
    for reply in (httpx2.Response(200, text="<html>"), httpx2.Response(200, json=RECEIPT | {"pages": 1})):
        gateway.replies = [reply]
        with pytest.raises(Exception, match="does not match the API of version"):
            gateway.client().receipts.get(RECEIPT_ID)


@pytest.mark.parametrize("reply", [problem(503, "starting"), httpx2.ConnectError("refused")])
def test_probes_answer_at_once(gateway: FakeGateway, reply: Any) -> None:
    gateway.replies = [reply]
    with pytest.raises((ServerError, APIConnectionError)):
        gateway.client().readiness()
    assert len(gateway.requests) == 1
