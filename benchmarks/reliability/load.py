"""Pictures, callers and their results for the reliability measurements."""

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

from benchmarks.reliability.stand_ins import reading_of

_TIMEOUT_S = 60.0
_POLL_S = 0.05
_HEADERS = {"Content-Type": "application/octet-stream"}


def generate_pictures(side: int = 64) -> Iterator[bytes]:
    """Yield endless pictures of the same size in pixels and bytes, no two of them equal.

    Args:
        side: Width and height, in pixels.
    """
    run = time.time_ns() % 2**24  # a second run must not find them in a cache
    for number in itertools.count(run):
        buffer = io.BytesIO()
        image = Image.new("RGB", (side, side), "white")
        image.putpixel((0, 0), (number >> 16 & 255, number >> 8 & 255, number & 255))
        image.save(buffer, "PNG", compress_level=0)
        yield buffer.getvalue()


def open_client(url: str = "") -> httpx2.AsyncClient:
    """Return a client with an unlimited number of connections."""
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=200)
    # Stages are called without TLS, and loading the certificate authorities is slow.
    return httpx2.AsyncClient(base_url=url, limits=limits, timeout=_TIMEOUT_S, trust_env=False, verify=False)


@dataclass(frozen=True)
class Answer:
    """The result of one request.

    Attributes:
        status: HTTP status; 0 if there was no response.
        code: Code of the problem; '' if there is none.
        seconds: Time to the response.
        right: Whether the response is the one to this picture.
        retry_after: Whether there is a `Retry-After` header.
        cached: Whether it came from the cache.
        ended_at: Monotonic time of the response, in seconds.
    """

    status: int
    code: str
    seconds: float
    right: bool
    retry_after: bool
    cached: bool
    ended_at: float


async def send(http: httpx2.AsyncClient, picture: bytes, url: str = "", **headers: str) -> Answer:
    """Send a picture and check that the response belongs to it, as far as stand-ins can tell."""
    started = time.monotonic()
    try:
        response = await http.post(f"{url}/v1/receipts", content=picture, headers=_HEADERS | headers)
    except httpx2.HTTPError:
        now = time.monotonic()
        return Answer(0, "", now - started, False, False, False, now)
    now = time.monotonic()
    content: dict[str, Any] = response.json()
    texts = {line["text"] for line in content.get("lines", [])}
    return Answer(
        response.status_code,
        str(content.get("type", "")).rpartition(":")[2],
        now - started,
        texts == {reading_of(picture)},
        "retry-after" in response.headers,
        content.get("cached", False),
        now,
    )


async def wait_for(condition: Callable[[], Awaitable[bool]]) -> float:
    """Poll a condition until it is true and return the seconds that took.

    Raises:
        TimeoutError: After a minute.
    """
    started = time.monotonic()
    async with asyncio.timeout(_TIMEOUT_S):
        while True:
            if await condition():
                return time.monotonic() - started
            await asyncio.sleep(_POLL_S)


@dataclass
class Tally:
    """Answers, and figures about them."""

    answers: list[Answer] = field(default_factory=list)

    def statuses(self) -> dict[str, int]:
        """Return the number of answers per status; `none` for no response."""
        counts = Counter(answer.status for answer in self.answers)
        return {str(status or "none"): count for status, count in sorted(counts.items())}

    def codes(self) -> dict[str, int]:
        """Return the number of answers per problem code."""
        return dict(Counter(answer.code for answer in self.answers if answer.code))

    def right(self) -> int:
        """Return the number of answers that belong to their picture."""
        return sum(answer.right for answer in self.answers)

    def good(self) -> list[Answer]:
        """Return the answers with a receipt."""
        return [answer for answer in self.answers if answer.status == httpx2.codes.OK]

    def shed(self) -> list[Answer]:
        """Return the requests that were rejected because of the load."""
        return [answer for answer in self.answers if answer.status in (429, 503)]


def summarize_ms(answers: Sequence[Answer]) -> dict[str, float]:
    """Return the median, the 99th percentile and the maximum of the times, in milliseconds."""
    ordered = sorted(answer.seconds * 1000 for answer in answers)
    if not ordered:
        return {}
    return {
        "median": round(ordered[len(ordered) // 2], 1),
        "p99": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 1),
        "most": round(ordered[-1], 1),
    }


async def run_closed_loop(call: Callable[[], Awaitable[Answer]], *, callers: int, seconds: float) -> Tally:
    """Run callers that each send the next request when they have their answer."""
    tally, end = Tally(), time.monotonic() + seconds

    async def work() -> None:
        while time.monotonic() < end:
            tally.answers.append(await call())

    await asyncio.gather(*(work() for _ in range(callers)))
    return tally


async def run_open_loop(call: Callable[[], Awaitable[Answer]], *, rate: float, seconds: float) -> Tally:
    """Send a fixed number of requests per second, whatever happens to the earlier ones."""
    tally, started = Tally(), time.monotonic()

    async def send_one() -> None:
        tally.answers.append(await call())

    async with asyncio.TaskGroup() as group:
        for number in itertools.count():
            at = started + number / rate
            if at > started + seconds:
                break
            await asyncio.sleep(max(at - time.monotonic(), 0))
            group.create_task(send_one())
    return tally
