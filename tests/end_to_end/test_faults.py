"""Faults around a gateway: stages down, Redis down, shutdown."""

from __future__ import annotations

import io
import itertools
import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest
from PIL import Image, ImageDraw

from benchmarks.processes import Process
from shared.contracts import Problem
from tests.support.deployment import Deployment

_numbers = itertools.count()


def make_new_picture() -> bytes:
    """Encode a small receipt that is not in any cache."""
    image = Image.new("RGB", (400, 300), "white")
    ImageDraw.Draw(image).text((40, 60), f"SLIP NUMBER {next(_numbers)}\n\nTOTAL 9.00", fill="black", font_size=26)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def post(client: httpx2.Client, data: bytes) -> httpx2.Response:
    return client.post("/v1/receipts", content=data, headers={"Content-Type": "image/png"})


@contextmanager
def stopped(process: Process, number: signal.Signals = signal.SIGTERM) -> Iterator[None]:
    """Stop a process for the duration of the block."""
    process.stop(number)
    try:
        yield
    finally:
        process.start()


@pytest.mark.parametrize("stage", ["detector", "recognizer", "extractor"])
def test_problem_names_a_stage_until_it_is_back(deployment: Deployment, distributed: httpx2.Client, stage: str) -> None:
    known = make_new_picture()
    assert post(distributed, known).status_code == 200
    with stopped(getattr(deployment, stage), signal.SIGKILL):
        response = post(distributed, make_new_picture())
        problem = Problem.model_validate_json(response.content)
        assert (response.status_code, problem.type) == (503, "urn:quittance:problem:stage-unavailable")
        assert problem.title == f"The {stage} is unavailable"
        assert (problem.model_extra or {})["stage"] == stage
        assert int(response.headers["retry-after"]) >= 1
        assert post(distributed, known).json()["cached"] is True  # cached receipts are still available
        assert distributed.get("/readyz").status_code == 200
    assert post(distributed, make_new_picture()).status_code == 200


def test_reads_receipts_without_redis_and_caches_again_with_it(
    deployment: Deployment, distributed: httpx2.Client
) -> None:
    known = make_new_picture()
    receipt = post(distributed, known).json()
    assert post(distributed, known).json()["cached"] is True
    with stopped(deployment.redis):
        for _ in range(2):
            response = post(distributed, known)
            assert response.status_code == 200
            assert response.json()["cached"] is False
        assert response.json()["lines"] == receipt["lines"]
        lookup = distributed.get(f"/v1/receipts/{receipt['id']}")
        assert (lookup.status_code, lookup.json()["type"]) == (503, "urn:quittance:problem:cache-unavailable")
        assert distributed.get("/readyz").status_code == 200
    end = time.monotonic() + 10  # recovers without a restart
    while not post(distributed, known).json()["cached"]:
        assert time.monotonic() < end
        time.sleep(0.2)


def test_redis_entries_are_json_and_expire(deployment: Deployment, distributed: httpx2.Client) -> None:
    redis = pytest.importorskip("redis")
    receipt = post(distributed, make_new_picture()).json()
    with redis.Redis(port=deployment.redis.port) as client:
        keys = [key for key in client.scan_iter() if receipt["id"].encode() in key]
        assert len(keys) == 1
        assert json.loads(client.get(keys[0]))["receipt"] == receipt | {"cached": True}
        assert 0 < client.ttl(keys[0]) <= 86_400


def test_stopping_gateway_finishes_its_requests(deployment: Deployment) -> None:
    gateway = deployment.start_gateway("stopping", QUITTANCE_DRAIN_DELAY_S="1")
    continues = threading.Event()
    statuses: list[int] = []

    def send_slowly(data: bytes) -> Iterator[bytes]:
        yield data[:100]
        continues.wait(timeout=60)
        yield data[100:]

    def send() -> None:
        with httpx2.Client(base_url=gateway.url, timeout=60) as client:
            body = send_slowly(make_new_picture())
            statuses.append(
                client.post("/v1/receipts", content=body, headers={"Content-Type": "image/png"}).status_code
            )

    senders = [threading.Thread(target=send) for _ in range(3)]
    try:
        for sender in senders:
            sender.start()
        with httpx2.Client(base_url=gateway.url, timeout=60) as client:
            wait_for_requests(client, len(senders))
            gateway.send_signal(signal.SIGTERM)
            assert client.get("/readyz").json()["type"] == "urn:quittance:problem:draining"
        continues.set()
        for sender in senders:
            sender.join(timeout=60)
        assert statuses == [200, 200, 200]
        assert gateway.wait() == 0
    finally:
        continues.set()
        gateway.stop()


def wait_for_requests(client: httpx2.Client, count: int) -> None:
    """Wait until this many requests are in progress, not counting health checks."""
    end = time.monotonic() + 30
    while f'quittance_requests_in_flight{{service="gateway"}} {count}.0' not in client.get("/metrics").text:
        assert time.monotonic() < end
        time.sleep(0.05)


def wait_until_others_are_known(client: httpx2.Client) -> httpx2.Response:
    """Wait until a gateway is ready except for the recognizer, and return its answer."""
    end = time.monotonic() + 60
    while (response := client.get("/readyz")).json()["detail"] != "These services have not been ready yet: recognizer.":
        assert time.monotonic() < end, response.text
        time.sleep(0.05)
    return response


def test_gateway_starts_without_its_stages_and_names_the_missing_one(deployment: Deployment) -> None:
    gateway = deployment.start_gateway("alone", wait=False, QUITTANCE_RECOGNIZER_URL="http://127.0.0.1:1")
    try:
        transport = httpx2.HTTPTransport(retries=10)  # while it is about to listen
        with httpx2.Client(base_url=gateway.url, timeout=60, transport=transport) as client:
            response = wait_until_others_are_known(client)
            assert response.json()["type"] == "urn:quittance:problem:starting"
            response = post(client, make_new_picture())
            assert (response.status_code, response.json()["stage"]) == (503, "recognizer")
    finally:
        assert gateway.stop() == 0
