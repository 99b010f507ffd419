"""What fails around the gateway: a stage, Redis, the gateway's own end."""

from __future__ import annotations

import io
import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest
from PIL import Image, ImageDraw

from shared.contracts import Problem
from tests.support.deployment import Deployment, Process

_serial = iter(range(1_000_000))


def fresh_picture() -> bytes:
    """A small receipt that no cache knows."""
    image = Image.new("RGB", (400, 300), "white")
    ImageDraw.Draw(image).text((40, 60), f"SLIP NUMBER {next(_serial)}\n\nTOTAL 9.00", fill="black", font_size=26)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def post(client: httpx2.Client, data: bytes) -> httpx2.Response:
    return client.post("/v1/receipts", content=data, headers={"Content-Type": "image/png"})


@contextmanager
def stopped(process: Process, how: signal.Signals = signal.SIGTERM) -> Iterator[int]:
    """Stops a process and starts it again; gives its exit status."""
    status = process.stop(how)
    try:
        yield status
    finally:
        process.start()
        process.wait_until_ready()


@pytest.mark.parametrize("stage", ["detector", "recognizer", "extractor"])
def test_a_stage_that_is_down_is_named_and_welcome_back(
    deployment: Deployment, distributed: httpx2.Client, stage: str
) -> None:
    known = fresh_picture()
    assert post(distributed, known).status_code == 200
    with stopped(getattr(deployment, stage), signal.SIGKILL):
        response = post(distributed, fresh_picture())
        problem = Problem.model_validate_json(response.content)
        assert (response.status_code, problem.type) == (503, "urn:quittance:problem:stage-unavailable")
        assert problem.title == f"The {stage} is unavailable"
        assert (problem.model_extra or {})["stage"] == stage
        assert int(response.headers["retry-after"]) >= 1
        assert post(distributed, known).json()["cached"] is True  # what was read before is still answered
        assert distributed.get("/readyz").status_code == 200
    assert post(distributed, fresh_picture()).status_code == 200


def test_answers_go_on_without_redis_and_are_kept_again_with_it(
    deployment: Deployment, distributed: httpx2.Client
) -> None:
    known = fresh_picture()
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
    end = time.monotonic() + 10  # healed without a restart
    while not post(distributed, known).json()["cached"]:
        assert time.monotonic() < end
        time.sleep(0.2)


def test_what_is_kept_in_redis_is_json_and_expires(deployment: Deployment, distributed: httpx2.Client) -> None:
    redis = pytest.importorskip("redis")
    receipt = post(distributed, fresh_picture()).json()
    with redis.Redis(port=deployment.redis.port) as client:
        keys = [key for key in client.scan_iter() if receipt["id"].encode() in key]
        assert len(keys) == 1
        assert json.loads(client.get(keys[0]))["receipt"] == receipt | {"cached": True}
        assert 0 < client.ttl(keys[0]) <= 86_400


def test_a_gateway_that_ends_answers_what_it_has_begun(deployment: Deployment) -> None:
    gateway = deployment.create_gateway("ending", QUITTANCE_DRAIN_DELAY_S="1")
    gateway.start()
    gateway.wait_until_ready()
    told = threading.Event()
    statuses: list[int] = []

    def slowly(data: bytes) -> Iterator[bytes]:
        yield data[:100]
        told.wait(timeout=60)
        yield data[100:]

    def send() -> None:
        with httpx2.Client(base_url=gateway.url, timeout=60) as client:
            body = slowly(fresh_picture())
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
        told.set()
        for sender in senders:
            sender.join(timeout=60)
        assert statuses == [200, 200, 200]
    finally:
        told.set()
        assert gateway.stop() == 0


def wait_for_requests(client: httpx2.Client, count: int) -> None:
    """Waits until so many requests are being answered; probes are not counted."""
    end = time.monotonic() + 30
    while f'quittance_requests_in_flight{{service="gateway"}} {count}.0' not in client.get("/metrics").text:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_gateway_starts_without_its_stages_and_says_who_is_missing(deployment: Deployment) -> None:
    gateway = deployment.create_gateway("alone", QUITTANCE_RECOGNIZER_URL="http://127.0.0.1:1")
    gateway.start()
    try:
        gateway.wait_until_ready()
        with httpx2.Client(base_url=gateway.url, timeout=60) as client:
            response = post(client, fresh_picture())
            assert (response.status_code, response.json()["stage"]) == (503, "recognizer")
    finally:
        assert gateway.stop() == 0
