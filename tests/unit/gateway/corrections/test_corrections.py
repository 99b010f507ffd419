"""Corrections: kept, shown, taught to the extractor, forgotten.

The chain behind the gateway is a stand-in that reads the text of a picture from its bytes; it corrects as the real one.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI, Request
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from gateway.api.examples import CORRECTIONS_EXAMPLE, RECEIPT_EXAMPLE
from gateway.corrections.store import MAX_MERCHANT_CORRECTIONS, CorrectionStore
from gateway.settings import GatewaySettings
from quittance.assembly import gateway_around
from services.extractor.merchants import Directory
from services.extractor.teaching import Teaching
from shared.contracts import Corrections, CorrectRequest, ExtractRequest, FieldCorrection, Receipt
from shared.problems import ProblemError
from shared.service.app import create_service_app
from shared.service.settings import ServiceSettings
from shared.service.uploads import read_upload

SHOP, STREET = "BENGKEL CEMERLANG SDN BHD", "NO. 187, JALAN USJ 11/4, 28025 TEMERLOH"
TEXT = ("BENGKEL GEMERLANG", STREET, "16-08-2021", "TOTAL RM", "60.55")


@dataclass
class Chain:
    """The stand-in, and what it was asked to correct."""

    corrected: list[CorrectRequest] = field(default_factory=list)
    fails: bool = False

    def services(self) -> dict[str, FastAPI]:
        routers = {"detector": self.detector(), "recognizer": self.recognizer(), "extractor": self.extractor()}
        return {name: _service(name, router) for name, router in routers.items()}

    def detector(self) -> APIRouter:
        router = APIRouter()

        @router.post("/v1/detect")
        async def detect(request: Request) -> dict[str, Any]:
            count = len(_text_in(await request.body()))
            quads = [[[10, y], [90, y], [90, y + 8], [10, y + 8]] for y in range(0, 10 * count, 10)]
            page = {"width": 100, "height": 200, "rotation": 0}
            return {"page": page, "segments": [{"quad": quad, "score": 0.9} for quad in quads], "model": "ctpn-1"}

        return router

    def recognizer(self) -> APIRouter:
        router = APIRouter()

        @router.post("/v1/recognize")
        async def recognize(request: Request) -> dict[str, Any]:
            upload = await read_upload(request, ServiceSettings().upload_limits)
            read = [{"text": text, "confidence": 0.9} for text in _text_in(upload.data)]
            return {"texts": read, "model": "crnn-1"}

        return router

    def extractor(self) -> APIRouter:
        router = APIRouter()

        @router.post("/v1/extract")
        async def extract(body: ExtractRequest) -> dict[str, Any]:
            company, address, *_, total = body.lines
            fields: dict[str, Any] = {
                name: {"value": line.text, "confidence": 0.7, "quad": line.quad, "lines": [index]}
                for name, line, index in (("company", company, 0), ("address", address, 1))
            }
            place = {"confidence": 0.7, "quad": total.quad, "lines": [len(body.lines) - 1]}
            fields["total"] = {"value": total.text, "amount": total.text, "currency": None, **place}
            return {"fields": fields, "model": "charlstm-1"}

        @router.post("/v1/correct")
        async def correct(body: CorrectRequest) -> dict[str, Any]:
            self.corrected.append(body)
            if self.fails:
                raise ProblemError(503, "overloaded", "The service is overloaded", "The queue is full.")
            fields = Teaching(body.corrections, Directory()).apply(body.fields, body.lines)
            return {"fields": fields, "model": "charlstm-1"}

        return router


def _service(name: str, router: APIRouter) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[str]:
        yield f"{name}-1"

    return create_service_app(
        name=name, title=name, description=name, settings=ServiceSettings(), lifespan=lifespan, routers=[router]
    )


def picture(*text: str) -> bytes:
    notes, buffer = PngInfo(), io.BytesIO()
    notes.add_text("receipt", json.dumps(text or TEXT))
    Image.new("RGB", (100, 200), "white").save(buffer, "PNG", pnginfo=notes)
    return buffer.getvalue()


def _text_in(data: bytes) -> list[str]:
    with Image.open(io.BytesIO(data)) as image:
        texts: list[str] = json.loads(image.info["receipt"])
    return texts


@dataclass
class Gateway:
    http: httpx2.AsyncClient
    chain: Chain

    async def read(self, *text: str) -> dict[str, Any]:
        response = await self.http.post("/v1/receipts", content=picture(*text), headers={"Content-Type": "image/png"})
        assert response.status_code == 200, response.text
        receipt: dict[str, Any] = response.json()
        return receipt

    async def correct(self, receipt: dict[str, Any], author: str | None = None, **fields: Any) -> httpx2.Response:
        body = {"fields": {name: {"value": one} if isinstance(one, str) else one for name, one in fields.items()}}
        return await self.http.put(_url(receipt), json=body | ({"author": author} if author else {}))


def _url(receipt: dict[str, Any]) -> str:
    return f"/v1/receipts/{receipt['id']}/corrections"


@asynccontextmanager
async def running(folder: Path, **options: Any) -> AsyncIterator[Gateway]:
    chain = Chain()
    app = gateway_around(chain.services(), GatewaySettings(state_directory=folder, **options))
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as http:
            yield Gateway(http, chain)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Settings of whoever runs the tests must not change them."""
    monkeypatch.chdir(tmp_path)
    for name in ("DETECTOR_URL", "RECOGNIZER_URL", "EXTRACTOR_URL", "REDIS_URL", "CACHE_TTL_S"):
        monkeypatch.delenv(f"QUITTANCE_{name}", raising=False)


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with running(tmp_path / "state") as started:
        yield started


def problem(response: httpx2.Response, status: int, code: str) -> str:
    told = response.json()
    assert (response.status_code, told["type"]) == (status, f"urn:quittance:problem:{code}"), response.text
    return str(told["detail"])


async def test_a_correction_stands_beside_what_the_model_said(gateway: Gateway) -> None:
    receipt = await gateway.read()
    assert receipt["corrections"] is None
    before = datetime.now(UTC)
    fields = {"company": {"value": f" {SHOP.replace(' ', '  ')} ", "lines": [0]}, "total": "RM 61.55", "address": None}
    response = await gateway.correct(receipt, author="Bookkeeping", **fields)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    corrections = Corrections.model_validate_json(response.content)
    assert corrections.receipt_id == receipt["id"]
    company, total, address = (corrections.fields[name] for name in ("company", "total", "address"))
    assert (company.value, company.model_value, company.lines) == (SHOP, "BENGKEL GEMERLANG", [0])
    assert (total.value, total.amount, total.currency, total.model_value) == ("RM 61.55", "61.55", "MYR", "60.55")
    assert (address.value, address.model_value, address.author) == (None, STREET, "Bookkeeping")
    assert before <= company.at <= datetime.now(UTC)
    assert (await gateway.http.get(_url(receipt))).json() == response.json()

    shown = [await gateway.read(), (await gateway.http.get(f"/v1/receipts/{receipt['id']}")).json()]
    for one in shown:
        assert one == receipt | {"cached": True, "corrections": response.json()}


async def test_fields_that_are_not_named_stay_corrected(gateway: Gateway) -> None:
    receipt = await gateway.read()
    await gateway.correct(receipt, author="A", company="FIRST SHOP", date="16-08-2021")
    kept = (await gateway.correct(receipt, company="SECOND SHOP")).json()["fields"]
    assert {name: one["value"] for name, one in kept.items()} == {"company": "SECOND SHOP", "date": "16-08-2021"}
    assert (kept["company"]["author"], kept["date"]["author"]) == (None, "A")


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("date", "2021-08-16", {"value": "2021-08-16", "iso": "2021-08-16"}),
        ("date", "DATE: 16/08/21 13:00", {"value": "16/08/21", "iso": "2021-08-16"}),
        ("date", "4/3/2021", {"value": "4/3/2021", "iso": "2021-03-04"}),  # the receipt writes the day first
        ("total", "1,234.50", {"value": "1,234.50", "amount": "1234.50", "currency": "MYR"}),
        ("total", "TOTAL USD 9.00", {"value": "USD 9.00", "amount": "9.00", "currency": "USD"}),
        ("total", "60", {"value": "60", "amount": "60.00", "currency": "MYR"}),
        ("address", "1 Street", {"value": "1 Street", "iso": None, "amount": None}),
    ],
)
async def test_dates_and_amounts_are_normalized(gateway: Gateway, name: str, value: str, kept: dict[str, str]) -> None:
    answer = (await gateway.correct(await gateway.read(), **{name: value})).json()
    assert answer["fields"][name].items() >= kept.items()


@pytest.mark.parametrize(
    ("fields", "code", "says"),
    [
        ({"date": "yesterday"}, "correction-invalid", "date is not valid: it contains no date"),
        ({"date": "31/02/2021"}, "correction-invalid", "no such day"),
        ({"date": "1/2/2021 2/2/2021"}, "correction-invalid", "more than one date"),
        ({"total": "nine"}, "correction-invalid", "total is not valid: it contains no amount"),
        ({"total": "9.00 9.50"}, "correction-invalid", "more than one amount"),
        ({"company": " - "}, "correction-invalid", "Send null"),
        ({"company": "A\x00B"}, "correction-invalid", "unprintable"),
        ({"company": {"value": "A", "lines": [5]}}, "correction-invalid", "5 lines, counted from 0"),
        ({"company": {"value": "A", "lines": [-1]}}, "correction-invalid", "no line -1"),
        ({"company": ""}, "invalid-request", "company"),
        ({"shop": "A"}, "invalid-request", "shop"),
        ({}, "invalid-request", "fields"),
    ],
)
async def test_what_cannot_be_taken_is_refused_and_nothing_kept(
    gateway: Gateway, fields: dict[str, Any], code: str, says: str
) -> None:
    receipt = await gateway.read()
    good = {"address": "1 STREET"} if fields else {}
    assert says in problem(await gateway.correct(receipt, **good, **fields), 422, code)
    problem(await gateway.http.get(_url(receipt)), 404, "nothing-corrected")


async def test_a_date_that_could_mean_two_is_not_guessed(gateway: Gateway) -> None:
    receipt = await gateway.read("SHOP", "STREET", "9.00")
    assert "YYYY-MM-DD" in problem(await gateway.correct(receipt, date="03/04/2021"), 422, "correction-invalid")


async def test_a_receipt_that_is_not_kept_cannot_be_corrected(gateway: Gateway) -> None:
    problem(await gateway.correct({"id": "0" * 32}, company="A"), 404, "receipt-not-found")
    problem(await gateway.correct({"id": "last"}, company="A"), 422, "invalid-request")


async def test_the_next_receipt_of_the_merchant_is_answered_as_it_was_taught(gateway: Gateway) -> None:
    first, second = await gateway.read(), await gateway.read(*TEXT[:-1], "10.00")
    assert second["fields"]["company"]["value"] == "BENGKEL GEMERLANG"
    await gateway.correct(first, company=SHOP)

    again = await gateway.read(*TEXT[:-1], "10.00")  # was read before the correction, and is in the cache
    assert again["cached"] is True
    assert (again["fields"]["company"]["value"], again["fields"]["company"]["corrected"]) == (SHOP, True)
    new = await gateway.read(*TEXT[:-1], "11.00")
    assert (new["cached"], new["fields"]["company"]["value"]) == (False, SHOP)
    own = await gateway.read()
    assert (own["fields"]["company"]["value"], own["fields"]["company"]["corrected"]) == ("BENGKEL GEMERLANG", False)

    await gateway.http.delete(_url(first))
    untaught = await gateway.read(*TEXT[:-1], "10.00")
    assert (untaught["fields"]["company"], untaught["corrections"]) == (second["fields"]["company"], None)


async def test_what_the_model_said_is_kept_and_not_what_others_taught(gateway: Gateway) -> None:
    await gateway.correct(await gateway.read(), company=SHOP)
    other = await gateway.read(*TEXT[:-1], "10.00")
    assert other["fields"]["company"]["value"] == SHOP
    answer = (await gateway.correct(other, company="ANOTHER NAME")).json()
    assert answer["fields"]["company"]["model_value"] == "BENGKEL GEMERLANG"


async def test_an_address_is_taught_with_the_company_that_it_is_of(gateway: Gateway) -> None:
    receipt = await gateway.read()
    await gateway.correct(receipt, address="NO. 1, JALAN SATU")
    await gateway.read("SHOP", "X", "9.00")
    (lesson,) = gateway.chain.corrected[-1].corrections
    assert (lesson.field, lesson.value, lesson.read) == ("address", "NO. 1, JALAN SATU", STREET)
    assert lesson.company == "BENGKEL GEMERLANG"
    await gateway.correct(receipt, company=SHOP, total=None, date="16-08-2021")
    await gateway.read("SHOP", "X", "9.00")
    lessons = gateway.chain.corrected[-1].corrections
    assert [(one.field, one.company) for one in lessons] == [("address", SHOP), ("company", None)]


async def test_nothing_is_asked_of_the_extractor_before_anything_was_corrected(gateway: Gateway) -> None:
    await gateway.read()
    assert gateway.chain.corrected == []
    assert not os.listdir()  # where state/ would be


async def test_teaching_can_be_switched_off(tmp_path: Path) -> None:
    async with running(tmp_path / "state", learn_merchants=False) as gateway:
        await gateway.correct(await gateway.read(), company=SHOP)
        other = await gateway.read(*TEXT[:-1], "10.00")
        assert other["fields"]["company"]["value"] == "BENGKEL GEMERLANG"
        assert (await gateway.read())["corrections"]["fields"]["company"]["value"] == SHOP


async def test_corrections_outlive_the_gateway_and_are_shared_by_several(tmp_path: Path) -> None:
    async with running(tmp_path / "state") as one, running(tmp_path / "state") as other:
        receipt = await one.read()
        await one.correct(receipt, company=SHOP)
        assert (await other.read(*TEXT[:-1], "10.00"))["fields"]["company"]["value"] == SHOP
        await one.correct(receipt, company="A NEWER NAME")
        assert (await other.read(*TEXT[:-1], "12.00"))["fields"]["company"]["value"] == "BENGKEL GEMERLANG"
        assert (await other.http.get(_url(receipt))).json()["fields"]["company"]["value"] == "A NEWER NAME"
    async with running(tmp_path / "state") as later:
        assert (await later.http.get(_url(receipt))).status_code == 200
        assert (await later.read())["corrections"]["fields"]["company"]["value"] == "A NEWER NAME"


async def test_a_receipt_takes_its_corrections_and_what_they_taught_along(gateway: Gateway) -> None:
    receipt = await gateway.read()
    await gateway.correct(receipt, company=SHOP)
    assert (await gateway.http.delete(f"/v1/receipts/{receipt['id']}")).status_code == 204
    problem(await gateway.http.get(_url(receipt)), 404, "nothing-corrected")
    problem(await gateway.http.delete(_url(receipt)), 404, "nothing-corrected")
    assert (await gateway.read())["corrections"] is None
    assert (await gateway.read(*TEXT[:-1], "10.00"))["fields"]["company"]["value"] == "BENGKEL GEMERLANG"


async def test_corrections_of_a_receipt_that_the_cache_forgot_are_deleted_with_it(tmp_path: Path) -> None:
    async with running(tmp_path / "state") as gateway:
        receipt = await gateway.read()
        await gateway.correct(receipt, company=SHOP)
    async with running(tmp_path / "state") as gateway:  # a new cache, in memory
        assert (await gateway.http.delete(f"/v1/receipts/{receipt['id']}")).status_code == 204
        problem(await gateway.http.delete(f"/v1/receipts/{receipt['id']}"), 404, "receipt-not-found")


async def test_an_extractor_that_cannot_correct_is_named(gateway: Gateway) -> None:
    await gateway.correct(await gateway.read(), company=SHOP)
    gateway.chain.fails = True
    response = await gateway.http.post("/v1/receipts", content=picture("A", "B", "9.00"))
    assert "extractor" in problem(response, 503, "stage-unavailable")


async def test_a_state_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "corrections.sqlite3").write_text("this is no database, whatever its name may be" * 50)
    async with running(tmp_path / "state") as gateway:
        response = await gateway.http.post("/v1/receipts", content=picture())
        assert "QUITTANCE_STATE_DIRECTORY" in problem(response, 503, "corrections-unavailable")


async def test_a_state_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the directory should be")
    async with running(tmp_path / "state") as gateway:
        problem(await gateway.correct(await gateway.read(), company=SHOP), 503, "corrections-unavailable")


async def test_many_at_once_lose_nothing(gateway: Gateway) -> None:
    receipts = [await gateway.read("SHOP", "STREET", f"{n}.00") for n in range(8)]
    answers = await asyncio.gather(
        *(gateway.correct(one, **{name: "16-08-2021" if name == "date" else "9.00"})
          for one in receipts for name in ("company", "date", "total"))
    )  # fmt: skip
    assert {answer.status_code for answer in answers} == {200}
    for one in receipts:
        assert set((await gateway.http.get(_url(one))).json()["fields"]) == {"company", "date", "total"}


async def test_only_the_latest_merchants_are_sent(tmp_path: Path) -> None:
    store = CorrectionStore(tmp_path)
    receipt = Receipt.model_validate(RECEIPT_EXAMPLE)
    for number in range(3):
        one = FieldCorrection(value=f"SHOP {number}", model_value=None, at=datetime.now(UTC))
        await store.put(receipt.model_copy(update={"id": f"{number:032x}"}), {"company": one})
    with sqlite3.connect(tmp_path / "corrections.sqlite3") as connection:
        row = connection.execute("SELECT correction FROM corrections LIMIT 1").fetchone()
        rows = [(f"{number + 16:032x}", "company", row[0], 0) for number in range(MAX_MERCHANT_CORRECTIONS)]
        connection.executemany("INSERT INTO corrections VALUES (?, ?, ?, ?)", rows)
        connection.executemany("INSERT INTO receipts VALUES (?, NULL, '')", [(key,) for key, *_ in rows])
    taught = (await CorrectionStore(tmp_path).find("f" * 32)).taught
    assert len(taught) == MAX_MERCHANT_CORRECTIONS
    assert [one.value for one in taught[-3:]] == ["SHOP 0", "SHOP 1", "SHOP 2"]


async def test_all_gives_receipts_with_their_corrections(tmp_path: Path) -> None:
    store = CorrectionStore(tmp_path)
    assert list(store.read_all()) == []
    receipt = Receipt.model_validate(RECEIPT_EXAMPLE)
    one = FieldCorrection(value="SHOP", model_value=None, at=datetime.now(UTC))
    await store.put(receipt.model_copy(update={"cached": True}), {"company": one})
    (kept,) = store.read_all()
    assert kept == receipt.model_copy(
        update={"corrections": Corrections(receipt_id=receipt.id, fields={"company": one})}
    )


def test_the_example_is_valid() -> None:
    assert Corrections.model_validate(CORRECTIONS_EXAMPLE).model_dump(mode="json") == CORRECTIONS_EXAMPLE
