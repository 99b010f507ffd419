"""Reading receipts: the forms a file may have, options, and many files at once."""

from __future__ import annotations

import asyncio
import io
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from quittance_client import AsyncClient, Client, InvalidInputError, NamedFileInput, UnsupportedFormatError
from quittance_client._files import read_named_file
from tests.support.fake_gateway import RECEIPT, RECEIPT_ID, FakeGateway, problem, receipt


def test_file_may_be_path_bytes_or_open_file(gateway: FakeGateway, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"picture")
    client = gateway.client()
    with path.open("rb") as file:
        for one in (path, str(path), b"picture", file, io.BytesIO(b"picture")):
            assert client.receipts.read(one).id == RECEIPT_ID
    assert [request.content for request in gateway.requests] == [b"picture"] * 5
    assert set(gateway.sent("Content-Type")) == {"application/octet-stream"}


def test_unreadable_files_are_reported_before_anything_is_sent(gateway: FakeGateway, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        gateway.client().receipts.read(tmp_path / "none.jpg")
    with pytest.raises(TypeError, match="mode 'rb'"):
        gateway.client().receipts.read(io.StringIO("text"))  # type: ignore[arg-type]
    assert gateway.requests == []


def test_files_of_jobs_have_names(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"1")
    with path.open("rb") as file:
        files: list[NamedFileInput] = [path, str(path), file, b"1", io.BytesIO(b"1"), ("b.jpg", path)]
        named = [read_named_file(one, index) for index, one in enumerate(files)]
    assert [name for name, _ in named] == ["a.jpg", "a.jpg", "a.jpg", "file-4", "file-5", "b.jpg"]
    assert {data for _, data in named} == {b"1"}


def test_options_are_sent(gateway: FakeGateway) -> None:
    client = gateway.client()
    client.receipts.read(b"a", orientation="upright", cache_control="no-store")
    gateway.replies = [httpx2.Response(200, json={"id": RECEIPT_ID, "receipts": [RECEIPT, RECEIPT]})]
    assert len(client.receipts.read_pages(b"a", orientation="auto")) == 2
    first, second = gateway.requests
    assert (first.url.path, dict(first.url.params)) == ("/v1/receipts", {"orientation": "upright"})
    assert first.headers["Cache-Control"] == "no-store"
    assert dict(second.url.params) == {"orientation": "auto", "split": "pages"}
    assert "Cache-Control" not in second.headers


def test_ids_cannot_change_the_path(gateway: FakeGateway) -> None:
    gateway.client().receipts.get("../jobs/x?y")
    assert gateway.requests[0].url.raw_path == b"/v1/receipts/..%2Fjobs%2Fx%3Fy"


def test_renders_a_page(gateway: FakeGateway) -> None:
    gateway.replies = [httpx2.Response(200, content=b"webp", headers={"Content-Type": "image/webp"})]
    page = gateway.client().receipts.render_page(b"pdf", 2)
    assert (page.data, page.media_type) == (b"webp", "image/webp")
    assert dict(gateway.requests[0].url.params) == {"page": "2"}


class Crowd:
    """Answers slowly, and counts the requests that are answered at once.

    Attributes:
        most: Largest number of requests at once.
    """

    def __init__(self) -> None:
        self.most = self._now = 0
        self._lock = threading.Lock()

    def _enter(self, change: int) -> None:
        with self._lock:
            self._now += change
            self.most = max(self.most, self._now)

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self._enter(1)
        time.sleep(0.02)
        self._enter(-1)
        return self._reply(request)

    async def answer_async(self, request: httpx2.Request) -> httpx2.Response:
        self._enter(1)
        await asyncio.sleep(0.02)
        self._enter(-1)
        return self._reply(request)

    def _reply(self, request: httpx2.Request) -> httpx2.Response:
        data = request.read() if isinstance(request.stream, httpx2.SyncByteStream) else b""
        if data == b"bad":
            return problem(415, "unsupported-format")
        return receipt(id=data.decode().rjust(32, "0"))


FILES: list[Any] = [str(number).encode() for number in range(11)]


def test_read_many_keeps_order_and_limits_concurrency(tmp_path: Path) -> None:
    crowd = Crowd()
    files = [*FILES, b"bad", tmp_path / "none.jpg", b"11"]
    with Client(transport=httpx2.MockTransport(crowd.answer)) as client:
        outcomes = list(client.receipts.read_many(files, concurrency=3))
    assert [outcome.file for outcome in outcomes] == files
    ids = [outcome.receipt.id.lstrip("0") or "0" for outcome in outcomes if outcome.receipt]
    assert ids == [str(number) for number in range(12)]
    assert crowd.most == 3
    assert isinstance(outcomes[11].error, UnsupportedFormatError)
    assert isinstance(outcomes[12].error, FileNotFoundError)


async def test_async_read_many_keeps_order_and_limits_concurrency(tmp_path: Path) -> None:
    crowd = Crowd()
    files = [*FILES, b"bad", tmp_path / "none.jpg", b"11"]
    async with AsyncClient(transport=httpx2.MockTransport(crowd.answer_async)) as client:
        outcomes = [outcome async for outcome in client.receipts.read_many(files, concurrency=3)]
    assert [outcome.file for outcome in outcomes] == files
    assert crowd.most == 3
    assert isinstance(outcomes[11].error, UnsupportedFormatError)
    assert isinstance(outcomes[12].error, FileNotFoundError)


def test_read_many_takes_files_as_they_are_needed(gateway: FakeGateway) -> None:
    taken: list[int] = []

    def files() -> Iterator[bytes]:
        for number in range(100):
            taken.append(number)
            yield b"picture"

    outcomes = gateway.client().receipts.read_many(files(), concurrency=2)
    next(outcomes)
    assert len(taken) <= 4
    outcomes.close()
    assert len(gateway.requests) <= 4


async def test_async_read_many_ends_what_is_left() -> None:
    started: list[bytes] = []
    ended: list[bytes] = []

    async def answer(request: httpx2.Request) -> httpx2.Response:
        data = await request.aread()
        started.append(data)
        try:
            await asyncio.sleep(0 if data == b"0" else 60)
        finally:
            ended.append(data)
        return receipt()

    async def files() -> AsyncIterator[bytes]:
        for number in range(100):
            yield str(number).encode()

    async with AsyncClient(transport=httpx2.MockTransport(answer)) as client:
        outcomes = client.receipts.read_many(files(), concurrency=2)
        assert (await anext(outcomes)).receipt is not None
        await outcomes.aclose()
    assert started[0] == b"0"
    assert sorted(started) == sorted(ended)


def test_error_of_one_file_is_raised_by_read(gateway: FakeGateway) -> None:
    gateway.replies = [problem(422, "picture-damaged")]
    with pytest.raises(InvalidInputError):
        gateway.client().receipts.read(b"x")
