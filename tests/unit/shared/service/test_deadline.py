"""Tests of deadlines."""

from __future__ import annotations

import asyncio

import pytest

from shared.problems import ProblemError
from shared.service.deadline import Deadline, requested_timeout_s, timeout_headers
from shared.service.request_context import current_deadline, use_deadline


def test_remaining_time_is_never_negative() -> None:
    assert Deadline(-1).remaining() == 0.0
    assert 9 < Deadline(10).remaining() <= 10


def test_deadline_is_extended_but_not_shortened() -> None:
    deadline = Deadline(10)
    copy = deadline.copy()
    deadline.extend_to(Deadline(5))
    assert deadline.seconds == 10
    deadline.extend_to(Deadline(20))
    assert deadline.seconds == 20
    assert deadline.remaining() > 19
    assert copy.remaining() <= 10


def test_header_carries_whole_milliseconds() -> None:
    assert timeout_headers(1.2345) == {"X-Timeout-Ms": "1234"}


def test_reads_the_timeout_of_a_caller() -> None:
    assert requested_timeout_s({}) is None
    assert requested_timeout_s({"X-Timeout-Ms": "1500"}) == 1.5
    with pytest.raises(ProblemError, match="timeout-invalid"):
        requested_timeout_s({"X-Timeout-Ms": "1.5"})


async def test_tasks_inherit_the_deadline() -> None:
    async def read() -> Deadline | None:
        return current_deadline()

    with use_deadline(Deadline(10)) as _:
        task = asyncio.create_task(read())
    assert current_deadline() is None
    inherited = await task
    assert inherited is not None
    assert inherited.seconds == 10
