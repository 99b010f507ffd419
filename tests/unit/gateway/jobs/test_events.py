"""The event stream of a job."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from gateway.jobs.contracts import Counts, FileState
from gateway.jobs.stores.database_job_store import DatabaseJobStore
from tests.support.gateway import Gateway, make_picture
from tests.support.jobs import create_job, get_job


def parse_events(stream: str) -> list[tuple[str, Any]]:
    """Parse server-sent events into names and contents; skip comments."""
    events = []
    for block in stream.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            events.append((lines["event"], json.loads(lines["data"])))
    return events


async def test_streams_the_state_and_every_change(gateway: Gateway) -> None:
    gateway.detector.delay_s = 0.4
    job = await create_job(gateway, ("a.png", make_picture(shade=1)), ("b.png", b"not a picture"))
    response = await gateway.http.get(f"/v1/jobs/{job.id}/events")
    assert response.headers["content-type"].startswith("text/event-stream")
    events = parse_events(response.text)
    assert [name for name, _ in events][:3] == ["file", "file", "progress"]
    assert events[-1] == ("done", json.loads((await get_job(gateway, job)).model_dump_json()))
    states = {content["index"]: FileState.model_validate(content).state for name, content in events if name == "file"}
    assert states == {0: "done", 1: "failed"}
    progress = [Counts.model_validate(content) for name, content in events if name == "progress"]
    assert progress[-1] == Counts(total=2, done=1, failed=1)
    assert len(progress) >= 2


async def test_stream_of_a_finished_job_repeats_its_state(gateway: Gateway) -> None:
    job = await create_job(gateway, ("a.png", make_picture()), ("b.png", b"not a picture"))
    await gateway.http.get(f"/v1/jobs/{job.id}/events")
    events = parse_events((await gateway.http.get(f"/v1/jobs/{job.id}/events")).text)
    assert [name for name, _ in events] == ["file", "file", "progress", "done"]


async def test_stream_ends_when_the_job_is_deleted(gateway: Gateway) -> None:
    gateway.detector.delay_s = 1
    job = await create_job(gateway, *((f"{number}.png", make_picture(shade=number)) for number in range(9)))
    stream = asyncio.create_task(gateway.http.get(f"/v1/jobs/{job.id}/events"))
    await asyncio.sleep(0.2)
    assert (await gateway.http.delete(f"/v1/jobs/{job.id}")).status_code == 204
    name, content = parse_events((await stream).text)[-1]
    assert (name, content["state"]) == ("done", "cancelled")


async def test_streams_of_a_job_share_its_lookups(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    lookups = 0
    find_changes = DatabaseJobStore.find_changes

    async def count(store: DatabaseJobStore, job_id: str, revision: int) -> tuple[int, list[FileState]] | None:
        nonlocal lookups
        lookups += 1
        return await find_changes(store, job_id, revision)

    monkeypatch.setattr(DatabaseJobStore, "find_changes", count)
    gateway.detector.delay_s = 0.5
    job = await create_job(gateway, *((f"{number}.png", make_picture(shade=number)) for number in range(4)))
    streams = await asyncio.gather(*(gateway.http.get(f"/v1/jobs/{job.id}/events") for _ in range(30)))
    assert {parse_events(stream.text)[-1][0] for stream in streams} == {"done"}
    for stream in streams:
        states = {content["index"]: content["state"] for name, content in parse_events(stream.text) if name == "file"}
        assert states == dict.fromkeys(range(4), "done")
    assert 1 <= lookups <= 8  # one per change, not per stream
