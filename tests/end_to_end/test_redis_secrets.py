"""Redis with the secrets and options of docker-compose.yml: TLS, a password, and few rights."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from gateway.settings import GatewaySettings
from tests.support.gateway import assert_problem, make_picture, run_gateway
from tests.support.jobs import get_results, run_job


@pytest.fixture
def secrets(repository: Path, tmp_path: Path) -> Path:
    """A folder with what deploy/redis/create-secrets.sh creates."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    folder = tmp_path / "secrets"
    script = repository / "deploy" / "redis" / "create-secrets.sh"
    subprocess.run(["sh", script, folder], check=True)
    created = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert set(created) == {"ca.crt", "redis.crt", "redis.key", "users.acl", "password"}
    assert created["password"] not in created["users.acl"]
    # A second run, at the next start, changes nothing.
    subprocess.run(["sh", script, folder], check=True)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == created
    return folder


@pytest.fixture
async def url(secrets: Path, repository: Path, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a Redis that runs with the command of docker-compose.yml."""
    services = yaml.safe_load((repository / "docker-compose.yml").read_text())["services"]
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("needs a Redis with TLS")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [option.replace("/run/redis", str(secrets)) for option in services["redis"]["command"][1:]]
    options[options.index("--tls-port") + 1] = str(port)
    process = await asyncio.create_subprocess_exec(
        program, *options, "--dir", str(tmp_path), stdout=asyncio.subprocess.DEVNULL
    )
    template = services["gateway"]["environment"]["QUITTANCE_REDIS_URL"]
    address = template.replace("redis:6379", f"localhost:{port}").replace("/run/redis", str(secrets))
    try:
        # Like the health check: without a password.
        await wait_for_redis(Redis.from_url(re.sub("//gateway@", "//", address)))
        yield address
    finally:
        process.kill()
        await process.wait()


async def wait_for_redis(client: Redis) -> None:
    async with asyncio.timeout(20), client:
        while True:
            try:
                await client.ping()
                return
            except RedisError:
                await asyncio.sleep(0.05)


async def assert_forbidden(client: Any, command: str) -> None:
    with pytest.raises(NoPermissionError):
        await client.execute_command(*command.split())


async def test_gateway_keeps_everything_in_a_redis_with_password_and_tls(
    url: str, secrets: Path, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {
        "redis_url": url,
        "redis_password_file": secrets / "password",
        "redis_timeout_s": 2.0,
        "state_directory": tmp_path / "state",
        "rate_limit": "6/hour",
    }
    async with run_gateway(GatewaySettings(**settings)) as one, run_gateway(GatewaySettings(**settings)) as other:
        picture, headers = make_picture(), {"Content-Type": "image/png", "Idempotency-Key": "a"}
        first = await one.http.post("/v1/receipts", content=picture, headers=headers)
        assert first.json()["cached"] is False
        replayed = await other.http.post("/v1/receipts", content=picture, headers=headers)
        assert replayed.headers["idempotency-replayed"] == "true"
        assert (await other.post(picture, "image/png")).json()["cached"] is True
        assert (await other.http.delete(f"/v1/receipts/{first.json()['id']}")).status_code == 204
        assert_problem(await one.http.get(f"/v1/receipts/{first.json()['id']}"), 404, "receipt-not-found")
        await one.post(picture, "image/png")
        assert_problem(await other.post(picture, "image/png"), 429, "too-many-requests")


async def test_jobs_are_read_from_a_redis_with_password_and_tls(url: str, secrets: Path, tmp_path: Path) -> None:
    settings = GatewaySettings(
        redis_url=url, redis_password_file=secrets / "password", state_directory=tmp_path / "state"
    )
    async with run_gateway(settings) as gateway:
        job = await run_job(gateway, ("a.png", make_picture()))
        (result,) = await get_results(gateway, job)
        assert result.state == "done"
        assert (await gateway.http.delete(f"/v1/jobs/{job.id}")).status_code == 204


async def test_others_can_do_nothing_and_the_gateway_only_what_it_needs(url: str, secrets: Path) -> None:
    async with Redis.from_url(re.sub("//gateway@", "//", url)) as stranger:
        for command in ("GET quittance:x", "KEYS *", "INFO", "FLUSHALL"):
            await assert_forbidden(stranger, command)
    async with Redis.from_url(url, password="wrong") as guesser:
        with pytest.raises(AuthenticationError):
            await guesser.ping()
    async with Redis.from_url(url, password=(secrets / "password").read_text()) as gateway:
        await gateway.set("quittance:x", "1")
        for command in ("GET other", "FLUSHALL", "CONFIG GET *", "ACL LIST", "SAVE"):
            await assert_forbidden(gateway, command)
    plain = re.sub(r"\?.*", "", url.replace("rediss:", "redis:"))
    with pytest.raises((RedisError, OSError)):
        await Redis.from_url(plain, socket_timeout=2).ping()
