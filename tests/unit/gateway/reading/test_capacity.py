"""A limit on the receipts that are read at once."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack

import pytest

from gateway.reading.capacity import Capacity
from gateway.settings import GatewaySettings
from shared.problems import ProblemError
from shared.service.request_context import use_caller
from tests.support.gateway import assert_problem, make_picture, run_gateway


def test_refuses_receipts_beyond_the_limit() -> None:
    capacity = Capacity(2)
    with capacity.occupy(), capacity.occupy():
        with pytest.raises(ProblemError) as caught, capacity.occupy():
            pass
        assert (caught.value.status, caught.value.code) == (503, "overloaded")
        assert int(caught.value.headers["Retry-After"]) >= 1  # type: ignore[index]
    with capacity.occupy():
        pass


async def test_refuses_immediately_but_never_cached_or_shared_receipts() -> None:
    async with run_gateway(GatewaySettings(max_receipts=3)) as gateway:
        assert (await gateway.post(make_picture(shade=99))).status_code == 200
        gateway.detector.delay_s = 3
        reading = [asyncio.create_task(gateway.post(make_picture(shade=shade))) for shade in range(3)]
        await gateway.detector.wait_for_requests(4)
        start = time.monotonic()
        refused = await gateway.post(make_picture(shade=50))
        assert time.monotonic() - start < 2.5
        assert_problem(refused, 503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        assert (await gateway.post(make_picture(shade=99))).json()["cached"] is True
        # One that is being read already.
        joined = await gateway.post(make_picture(shade=1))
        assert joined.status_code == 200
        assert [(await task).status_code for task in reading] == [200] * 3


def test_one_caller_leaves_places_for_the_next() -> None:
    capacity = Capacity(16)
    with ExitStack() as stack:
        with use_caller("a"):
            for _ in range(14):
                stack.enter_context(capacity.occupy())
            with pytest.raises(ProblemError, match="overloaded"):
                stack.enter_context(capacity.occupy())
        with use_caller("b"), capacity.occupy():
            pass
