"""Callers and pictures for the measurements."""

from __future__ import annotations

import asyncio
import io
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
from PIL import Image

from benchmarks.reliability.stand_ins import text_of

PATIENCE_S = 60.0
_HEADERS = {"Content-Type": "application/octet-stream"}


def pictures(side: int = 64) -> Iterator[bytes]:
    """Pictures without end, all of the same size in pixels and in bytes, no two alike."""
    run = time.time_ns() % 2**24  # so that a second run finds none of them in a cache
    for number in itertools.count(run):
        buffer = io.BytesIO()
        image = Image.new("RGB", (side, side), "white")
        image.putpixel((0, 0), (number >> 16 & 255, number >> 8 & 255, number & 255))
        image.save(buffer, "PNG", compress_level=0)
        yield buffer.getvalue()


def client(url: str = "") -> httpx2.AsyncClient:
    """A client with as many connections as it likes."""
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=200)
    # There is no TLS here; to load its authorities takes long.
    return httpx2.AsyncClient(base_url=url, limits=limits, timeout=PATIENCE_S, trust_env=False, verify=False)


@dataclass(frozen=True)
class Answer:
    """What came of one request; status 0 if there was no answer, `code` that of the problem if there is one."""

    status: int
    code: str
    seconds: float
    right: bool
    retry_after: bool
    cached: bool
    ended_at: float


async def send(http: httpx2.AsyncClient, picture: bytes, url: str = "", **headers: str) -> Answer:
    """Sends a picture and looks whether the answer is its own, as far as stand-ins read it."""
    begun = time.monotonic()
    try:
        response = await http.post(f"{url}/v1/receipts", content=picture, headers=_HEADERS | headers)
    except httpx2.HTTPError:
        now = time.monotonic()
        return Answer(0, "", now - begun, False, False, False, now)
    now = time.monotonic()
    told: dict[str, Any] = response.json()
    texts = {line["text"] for line in told.get("lines", [])}
    return Answer(
        response.status_code,
        str(told.get("type", "")).rpartition(":")[2],
        now - begun,
        texts == {text_of(picture)},
        "retry-after" in response.headers,
        told.get("cached", False),
        now,
    )


async def until(met: Callable[[], Awaitable[bool]]) -> float:
    """Asks twenty times a second until it is so; gives the seconds that took. Raises TimeoutError after a minute."""
    begun = time.monotonic()
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if await met():
                return time.monotonic() - begun
            await asyncio.sleep(0.05)


@dataclass
class Tally:
    """Answers, and what they say together."""

    answers: list[Answer] = field(default_factory=list)

    def statuses(self) -> dict[str, int]:
        """How many there are of each status; `none` is no answer."""
        return {
            str(status or "none"): count for status, count in sorted(Counter(a.status for a in self.answers).items())
        }

    def codes(self) -> dict[str, int]:
        """How many there are of each problem."""
        return dict(Counter(answer.code for answer in self.answers if answer.code))

    def good(self) -> list[Answer]:
        """Those with a receipt."""
        return [answer for answer in self.answers if answer.status == httpx2.codes.OK]

    def shed(self) -> list[Answer]:
        """Those that were refused because there was too much to do."""
        return [answer for answer in self.answers if answer.status in (429, 503)]


def milliseconds(answers: Sequence[Answer]) -> dict[str, float]:
    """Median, 99th percentile and most of their times."""
    ordered = sorted(answer.seconds * 1000 for answer in answers)
    if not ordered:
        return {}
    return {
        "median": round(ordered[len(ordered) // 2], 1),
        "p99": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 1),
        "most": round(ordered[-1], 1),
    }


async def closed_loop(call: Callable[[], Awaitable[Answer]], *, callers: int, seconds: float) -> Tally:
    """Callers that each send the next request when they have their answer."""
    tally, end = Tally(), time.monotonic() + seconds

    async def work() -> None:
        while time.monotonic() < end:
            tally.answers.append(await call())

    await asyncio.gather(*(work() for _ in range(callers)))
    return tally


async def open_loop(call: Callable[[], Awaitable[Answer]], *, rate: float, seconds: float) -> Tally:
    """So many requests a second, whatever becomes of those before."""
    tally, begun = Tally(), time.monotonic()

    async def one() -> None:
        tally.answers.append(await call())

    async with asyncio.TaskGroup() as group:
        for number in itertools.count():
            at = begun + number / rate
            if at > begun + seconds:
                break
            await asyncio.sleep(max(at - time.monotonic(), 0))
            group.create_task(one())
    return tally
