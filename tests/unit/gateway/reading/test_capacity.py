"""A limit on the receipts that are read at once."""

from __future__ import annotations

import asyncio
import time

import pytest

from gateway.reading.capacity import Admission
from gateway.settings import GatewaySettings
from shared.problems import ProblemError
from tests.support.gateway import assert_problem, make_picture, run_gateway


def test_no_more_are_admitted_than_may_be() -> None:
    admission = Admission(2)
    with admission.enter(), admission.enter():
        with pytest.raises(ProblemError) as caught, admission.enter():
            pass
        assert (caught.value.status, caught.value.code) == (503, "overloaded")
        assert int(caught.value.headers["Retry-After"]) >= 1  # type: ignore[index]
    with admission.enter():
        pass


async def test_too_many_receipts_at_once_are_refused_at_once_and_those_in_the_cache_never() -> None:
    async with run_gateway(GatewaySettings(max_receipts=3)) as gateway:
        assert (await gateway.post(make_picture(shade=99))).status_code == 200
        gateway.detector.delay_s = 2
        reading = [asyncio.create_task(gateway.post(make_picture(shade=shade))) for shade in range(3)]
        await gateway.detector.wait_for_requests(4)
        start = time.monotonic()
        refused = await gateway.post(make_picture(shade=50))
        assert time.monotonic() - start < 1
        assert_problem(refused, 503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        assert (await gateway.post(make_picture(shade=99))).json()["cached"] is True
        joined = await gateway.post(make_picture(shade=1))  # one that is being read already
        assert joined.status_code == 200
        assert [(await task).status_code for task in reading] == [200] * 3
