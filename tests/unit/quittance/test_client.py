"""The typed client against a gateway with stand-ins for the stages: every operation of the API."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.jobs.contracts import Counts, FileState, Job
from gateway.settings import GatewaySettings
from quittance.client import ClientError, ReceiptClient
from quittance.schemas import build_schema
from shared.contracts import FieldChange, Receipt
from shared.service.openapi import operations
from tests.support.gateway import Gateway, make_picture, run_gateway


@pytest.fixture
async def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    monkeypatch.chdir(tmp_path)
    async with run_gateway(GatewaySettings(state_directory=tmp_path / "state")) as gateway:
        yield gateway


@pytest.fixture
def client(gateway: Gateway) -> ReceiptClient:
    return ReceiptClient(gateway.http)


def two_pages() -> bytes:
    from PIL import Image

    out = io.BytesIO()
    pages = [Image.new("RGB", (100, 200), shade) for shade in ("white", "gray")]
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    return out.getvalue()


async def refused(call: Any) -> ClientError:
    with pytest.raises(ClientError) as caught:
        await call
    return caught.value


async def test_receipts_are_read_found_and_forgotten(client: ReceiptClient, gateway: Gateway) -> None:
    assert (await client.ready()).status == "ready"
    receipt = await client.read(make_picture(), orientation="upright")
    assert gateway.detector.queries == [{"orientation": "upright"}]
    again = await client.receipt(receipt.id, orientation="upright")
    assert again == receipt.model_copy(update={"cached": True})
    pages = await client.read_pages(two_pages())
    assert [type(page) for page in pages] == [Receipt, Receipt]
    assert len({page.id for page in pages}) == 2
    await client.forget(receipt.id)
    error = await refused(client.receipt(receipt.id))
    assert error.problem is not None
    assert error.problem.status == 404
    assert str(error).startswith(error.problem.title)


async def test_fields_are_corrected_and_put_back(client: ReceiptClient) -> None:
    receipt = await client.read(make_picture())
    change = FieldChange(value="8.00", lines=[2])
    made = await client.correct(receipt.id, {"company": "BOOK SHOP", "total": change, "date": None}, author="Ann")
    assert await client.corrections(receipt.id) == made
    assert {name: field.value for name, field in made.fields.items()} == {
        "company": "BOOK SHOP",
        "total": "8.00",
        "date": None,
    }
    assert (made.fields["total"].lines, made.fields["total"].author) == ([2], "Ann")
    table = (await client.export([receipt.id], "csv", names={receipt.id: "a.jpg"})).decode("utf-8-sig")
    assert "a.jpg" in table
    assert "8.00" in table
    assert json.loads(await client.export([receipt.id], "json"))[0]["id"] == receipt.id
    await client.forget_corrections(receipt.id)
    assert (await refused(client.corrections(receipt.id))).problem is not None


async def test_jobs_are_started_followed_and_ended(client: ReceiptClient) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as pack:
        pack.writestr("b.png", make_picture(shade=200))
    sent = [("a.png", make_picture()), ("c.zip", archive.getvalue()), ("d.txt", b"no picture")]
    job = await client.start_job(sent, orientation="auto", idempotency_key="once")
    assert (await client.start_job(sent, orientation="auto", idempotency_key="once")).id == job.id
    events = [event async for event in client.follow(job.id)]
    assert {type(event) for event in events} == {FileState, Counts, Job}
    done = events[-1]
    assert isinstance(done, Job)
    assert done.state == "done"
    assert (done.counts.done, done.counts.failed) == (2, 1)
    assert (await client.job(job.id)).counts == done.counts
    results = await client.results(job.id)
    assert [(row.name, row.state) for row in results] == [("a.png", "done"), ("b.png", "done"), ("d.txt", "failed")]
    assert len((await client.results_file(job.id, "jsonl")).splitlines()) == 3
    await client.end_job(job.id)
    assert (await refused(client.job(job.id))).problem is not None
    with pytest.raises(ClientError, match="no such job"):
        _ = [event async for event in client.follow(job.id)]


async def test_a_gateway_that_is_not_there_or_another_is_told() -> None:
    async with httpx2.AsyncClient(base_url="http://127.0.0.1:1") as http:
        for call in (ReceiptClient(http).ready(), anext(ReceiptClient(http).follow("0" * 32))):
            assert "Is the gateway running?" in str(await refused(call))

    def other(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"hello": "world"})

    async with httpx2.AsyncClient(base_url="http://other", transport=httpx2.MockTransport(other)) as http:
        for call in (ReceiptClient(http).job("0" * 32), ReceiptClient(http).results("0" * 32)):
            assert "this version" in str(await refused(call))
        assert "ended before" in str(await refused(anext(ReceiptClient(http).follow("0" * 32))))


def test_the_client_knows_every_operation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An operation that is added must be added here, too, or be named as one for others than callers."""
    monkeypatch.chdir(tmp_path)
    methods = {
        "getReadiness": "ready",
        "createReceipt": "read",
        "getReceipt": "receipt",
        "deleteReceipt": "forget",
        "correctReceipt": "correct",
        "getCorrections": "corrections",
        "deleteCorrections": "forget_corrections",
        "createJob": "start_job",
        "getJob": "job",
        "followJob": "follow",
        "getJobResults": "results",
        "deleteJob": "end_job",
        "createExport": "export",
    }
    for_others = {"getHealth", "getMetrics", "showPage"}
    assert {operation["operationId"] for operation in operations(build_schema("gateway"))} == set(methods) | for_others
    assert all(callable(getattr(ReceiptClient, name)) for name in methods.values())
