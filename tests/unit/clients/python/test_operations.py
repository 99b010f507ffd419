"""Every operation of the API, through the client, against a gateway with stand-ins for its services."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from PIL import Image

from gateway.settings import GatewaySettings
from quittance_client import AsyncClient, Client, FieldChange, InvalidInputError, NotFoundError
from quittance_client.models import Counts, FileState, Job, Receipt, TaxRowChange
from shared.service.openapi import iterate_operations
from tests.support.gateway import Gateway, make_picture, run_gateway

SCHEMA = Path(__file__).resolve().parents[4] / "docs" / "openapi" / "gateway.json"
METHODS = {
    "getHealth": "health",
    "getReadiness": "readiness",
    "getMetrics": "metrics",
    "createReceipt": "receipts.read",
    "getReceipt": "receipts.get",
    "deleteReceipt": "receipts.delete",
    "showPage": "receipts.render_page",
    "correctReceipt": "corrections.save",
    "getCorrections": "corrections.get",
    "deleteCorrections": "corrections.delete",
    "createJob": "jobs.create",
    "getJob": "jobs.get",
    "followJob": "jobs.events",
    "getJobResults": "jobs.results",
    "deleteJob": "jobs.delete",
    "createExport": "exports.create",
    "exportReceipts": "exports.convert",
}


@pytest.fixture
async def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    monkeypatch.chdir(tmp_path)
    async with run_gateway(GatewaySettings().replaced(state_directory=tmp_path / "state")) as gateway:
        yield gateway


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[AsyncClient]:
    async with AsyncClient("http://localhost", transport=httpx2.ASGITransport(app=gateway.app)) as client:
        yield client


def make_document() -> bytes:
    buffer = io.BytesIO()
    pages = [Image.new("RGB", (100, 200), shade) for shade in ("white", "gray")]
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    return buffer.getvalue()


def make_archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(f"{name}.png", data)
    return buffer.getvalue()


def test_both_clients_have_every_operation() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert {operation["operationId"] for operation in iterate_operations(schema)} == set(METHODS)
    with Client() as client:
        for one in (client, AsyncClient()):
            for path in METHODS.values():
                target: object = one
                for name in path.split("."):
                    target = getattr(target, name)
                assert callable(target), path


@pytest.mark.parametrize("name", ["receipts", "corrections", "jobs", "exports", None])
def test_both_clients_have_the_same_methods(name: str | None) -> None:
    with Client() as client:
        first, second = (
            (client, AsyncClient()) if name is None else (getattr(client, name), getattr(AsyncClient(), name))
        )
        assert [one for one in dir(first) if one[0] != "_"] == [one for one in dir(second) if one[0] != "_"]


async def test_operational_endpoints(client: AsyncClient) -> None:
    assert (await client.health()).status == "ok"
    assert (await client.readiness()).status == "ready"
    assert "quittance_requests_total" in await client.metrics()


async def test_receipts_are_read_found_and_deleted(client: AsyncClient, gateway: Gateway) -> None:
    receipt = await client.receipts.read(make_picture(), orientation="upright")
    assert gateway.detector.queries == [{"orientation": "upright"}]
    assert receipt.fields.total is not None
    assert receipt.fields.total.amount == "9.00"
    again = await client.receipts.get(receipt.id, orientation="upright")
    assert again == receipt.model_copy(update={"cached": True})
    await client.receipts.delete(receipt.id)
    with pytest.raises(NotFoundError, match=receipt.id) as caught:
        await client.receipts.get(receipt.id)
    assert caught.value.code == "receipt-not-found"
    assert caught.value.request_id


async def test_documents_are_split_and_shown(client: AsyncClient) -> None:
    pages = await client.receipts.read_pages(make_document())
    assert [type(page) for page in pages] == [Receipt, Receipt]
    assert len({page.id for page in pages}) == 2
    page = await client.receipts.render_page(make_document(), 1)
    assert page.media_type == "image/webp"
    assert Image.open(io.BytesIO(page.data)).size == (100, 200)


async def test_unstored_receipts_cannot_be_found(client: AsyncClient) -> None:
    receipt = await client.receipts.read(make_picture(), cache_control="no-store")
    with pytest.raises(NotFoundError):
        await client.receipts.get(receipt.id)


async def test_fields_are_corrected_exported_and_restored(client: AsyncClient) -> None:
    receipt = await client.receipts.read(make_picture())
    change = FieldChange(value="8.00", lines=[2])
    saved = await client.corrections.save(
        receipt.id, {"company": "BOOK SHOP", "total": change, "date": None}, author="Ann"
    )
    assert await client.corrections.get(receipt.id) == saved
    values = {name: field.value for name, field in saved.fields.items()}
    assert values == {"company": "BOOK SHOP", "total": "8.00", "date": None}
    assert (saved.fields["total"].lines, saved.fields["total"].author) == ([2], "Ann")
    rows = [TaxRowChange(rate="6", amount="0.50")]
    more = await client.corrections.save(receipt.id, {}, taxes=rows, properties={"country": "DE"})
    assert more.taxes is not None
    assert [row.rate and row.rate.number for row in more.taxes.taxes] == ["6"]
    assert more.properties["country"].value == "DE"
    assert more.fields == saved.fields
    with pytest.raises(InvalidInputError) as caught:
        await client.corrections.save(receipt.id, {"date": "yesterday"})
    assert caught.value.code == "correction-invalid"

    table = (await client.exports.create([receipt.id], "csv", names={receipt.id: "a.jpg"})).decode("utf-8-sig")
    assert "a.jpg" in table
    assert "8.00" in table
    assert json.loads(await client.exports.create([receipt.id], "json"))[0]["id"] == receipt.id
    kept = await client.receipts.get(receipt.id)
    assert (await client.exports.convert([kept], "csv", names={receipt.id: "a.jpg"})).decode() == table
    await client.corrections.delete(receipt.id, "taxes", "country")
    assert (await client.corrections.get(receipt.id)).fields == saved.fields
    await client.corrections.delete(receipt.id)
    with pytest.raises(NotFoundError):
        await client.corrections.get(receipt.id)


async def test_jobs_are_created_followed_and_deleted(client: AsyncClient) -> None:
    files = [("a.png", make_picture()), ("c.zip", make_archive(b=make_picture(shade=200))), ("d.txt", b"no picture")]
    job = await client.jobs.create(files, orientation="auto", idempotency_key="once")
    assert (await client.jobs.create(files, orientation="auto", idempotency_key="once")).id == job.id
    events = [event async for event in job.events()]
    assert {type(event) for event in events} == {FileState, Counts, Job}
    seen: list[Counts] = []
    await job.wait(on_progress=seen.append)
    assert job.state == "done"
    assert (job.counts.done, job.counts.failed) == (2, 1)
    assert seen[-1].finished == 3
    assert (await client.jobs.get(job.id)).latest == job.latest
    rows = await job.results()
    assert [(row.name, row.state) for row in rows] == [("a.png", "done"), ("b.png", "done"), ("d.txt", "failed")]
    assert len((await job.export("jsonl")).splitlines()) == 3
    await job.delete()
    for call in (client.jobs.get(job.id), anext(client.jobs.events(job.id))):
        with pytest.raises(NotFoundError):
            await call


async def test_many_files_are_read_at_once(client: AsyncClient, gateway: Gateway) -> None:
    gateway.detector.delay_s = 0.05
    files = [make_picture(shade=shade) for shade in range(8)]
    async with asyncio.timeout(30):
        outcomes = [outcome async for outcome in client.receipts.read_many([*files, b"no picture"])]
    assert [outcome.file for outcome in outcomes] == [*files, b"no picture"]
    assert all(outcome.receipt for outcome in outcomes[:8])
    assert outcomes[8].error is not None
