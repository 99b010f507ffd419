"""Reading a receipt through the three stages, which are stand-ins."""

from __future__ import annotations

import asyncio
import io

import numpy as np
import pytest
from PIL import Image

from gateway.codes.reader import CodeReader
from gateway.documents.renderer import PageImage
from gateway.settings import GatewaySettings
from shared.contracts import Code, Receipt
from shared.problems import ProblemError
from tests.support.documents import build_text_pdf
from tests.support.einvoices import attach, write_einvoice
from tests.support.gateway import SEGMENTS, Gateway, assert_problem, make_picture, run_gateway


async def test_reads_a_receipt_through_all_stages(gateway: Gateway) -> None:
    response = await gateway.post(make_picture())

    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    receipt = Receipt.model_validate_json(response.content)
    assert [line.text for line in receipt.lines] == ["BOOK SHOP", "TOTAL", "9.00"]  # reading order
    assert receipt.lines[0].quad == ((20, 10), (90, 10), (90, 20), (20, 20))
    assert receipt.fields.total is not None
    assert receipt.lines[receipt.fields.total.lines[0]].text == "9.00"
    assert receipt.fields.company is None
    assert receipt.models.model_dump() == {"detector": "ctpn-1", "recognizer": "crnn-1", "extractor": "charlstm-1"}
    assert (receipt.pages[0].width, receipt.pages[0].height) == (100, 200)
    assert receipt.cached is False
    assert gateway.extractor.requests[0].pages[0].height == 200


@pytest.mark.parametrize(("kind", "media_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")])
async def test_sends_the_actual_format_to_the_detector(gateway: Gateway, kind: str, media_type: str) -> None:
    assert (await gateway.post(make_picture(kind), "image/png")).status_code == 200
    assert gateway.detector.requests == [media_type]


async def test_accepts_a_page_turned_by_its_exif_orientation(gateway: Gateway) -> None:
    assert gateway.detector.size == (100, 200)
    assert (await gateway.post(make_picture(size=(200, 100)))).status_code == 200
    assert_problem(await gateway.post(make_picture(size=(200, 101))), 502, "stage-failed")


async def test_sends_the_request_id_to_every_stage(gateway: Gateway) -> None:
    response = await gateway.http.post("/v1/receipts", content=make_picture(), headers={"X-Request-ID": "my-request-1"})
    assert response.headers["x-request-id"] == "my-request-1"
    for fake in (gateway.detector, gateway.recognizer, gateway.extractor):
        assert fake.request_ids == ["my-request-1"]


async def test_timings_show_the_slow_stage(gateway: Gateway) -> None:
    gateway.recognizer.delay_s = 1
    timings = (await gateway.post(make_picture())).json()["timings_ms"]
    assert timings["recognize"] >= 1000
    assert max(timings["decode"], timings["detect"], timings["extract"]) < timings["recognize"]


async def test_blank_page_needs_only_the_detector(gateway: Gateway) -> None:
    gateway.detector.segments = []
    receipt = (await gateway.post(make_picture())).json()
    assert receipt["lines"] == []
    assert set(receipt["fields"].values()) == {None}
    assert receipt["models"]["extractor"] == "charlstm-1"
    assert gateway.recognizer.requests == gateway.extractor.requests == []


async def test_drops_segments_without_text(gateway: Gateway) -> None:
    gateway.recognizer.segments = [(quad, " ") for quad, _ in SEGMENTS]
    receipt = (await gateway.post(make_picture())).json()
    assert receipt["lines"] == []
    assert gateway.extractor.requests == []


async def test_drops_segments_off_the_page(gateway: Gateway) -> None:
    gateway.detector.segments += [([[100, 10], [100, 10], [100, 20], [100, 20]], "")]
    receipt = (await gateway.post(make_picture())).json()
    assert [line["text"] for line in receipt["lines"]] == ["BOOK SHOP", "TOTAL", "9.00"]
    assert len(gateway.recognizer.requests[0]) == 3


async def test_rejects_too_many_segments(gateway: Gateway) -> None:
    gateway.detector.segments = SEGMENTS * 1667
    assert_problem(await gateway.post(make_picture()), 413, "too-much-text")
    assert gateway.recognizer.requests == []


async def test_deadline_covers_all_stages() -> None:
    async with run_gateway(GatewaySettings(receipt_timeout_s=2)) as gateway:
        gateway.detector.delay_s = 0.5
        gateway.recognizer.delay_s = 10
        problem = assert_problem(await gateway.post(make_picture()), 504, "deadline-exceeded")
        assert (problem.model_extra or {})["stage"] == "recognizer"
        assert gateway.extractor.requests == []


def make_pages(size: tuple[int, int], kind: str, count: int) -> bytes:
    buffer = io.BytesIO()
    pages = [Image.new("L", size, 200 + number) for number in range(count)]
    pages[0].save(buffer, kind, **({"save_all": True, "append_images": pages[1:]} if count > 1 else {}))
    return buffer.getvalue()


@pytest.mark.parametrize("split", [None, "pages"])
@pytest.mark.parametrize(("kind", "count"), [("PNG", 1), ("TIFF", 1), ("TIFF", 2)])
async def test_reports_large_pages_as_sent(kind: str, count: int, split: str | None) -> None:
    async with run_gateway(GatewaySettings(enough_pixels=1_000_000)) as gateway:
        gateway.detector.size = (1414, 707)
        response = await gateway.http.post(
            "/v1/receipts", content=make_pages((2000, 1000), kind, count), params={"split": split} if split else {}
        )
        assert response.status_code == 200, response.text
        receipts = response.json()["receipts"] if split else [response.json()]
        pages = [page for receipt in receipts for page in receipt["pages"]]
        assert [(page["width"], page["height"]) for page in pages] == [(2000, 1000)] * count
        corners = receipts[0]["lines"][0]["quad"]
        np.testing.assert_allclose(corners, np.array(SEGMENTS[1][0]) * 2000 / 1414, atol=0.1)
        # The recognizer gets the page as the detector saw it.
        assert gateway.recognizer.requests[0][0] == SEGMENTS[1][0]


async def test_large_pages_wait_for_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.reading.page_reader._MAX_LARGE_PAGES", 1)
    async with run_gateway(GatewaySettings()) as gateway:
        gateway.detector.delay_s = 0.3
        gateway.detector.size = (2500, 2000)
        large = [asyncio.create_task(gateway.post(make_picture(shade=shade, size=(2500, 2000)))) for shade in (10, 20)]
        await gateway.detector.wait_for_requests(1)
        await asyncio.sleep(0.1)
        assert len(gateway.detector.requests) == 1
        assert [(await response).status_code for response in large] == [200, 200]


async def test_reads_codes_while_fields_are_extracted(monkeypatch: pytest.MonkeyPatch) -> None:
    is_extracting = asyncio.Event()

    async def read_late(self: CodeReader, image: PageImage, number: int, timeout_s: float) -> list[Code]:
        await is_extracting.wait()
        return [Code(page=number, quad=((1, 1), (9, 1), (9, 9), (1, 9)), format="qr_code", text="paid 9.00")]

    monkeypatch.setattr(CodeReader, "read", read_late)
    async with run_gateway(GatewaySettings(), read_codes=True) as gateway:
        response = asyncio.create_task(gateway.post(make_picture()))
        await gateway.extractor.wait_for_requests()
        is_extracting.set()
        assert [code["text"] for code in (await response).json()["codes"]] == ["paid 9.00"]


async def test_codes_of_a_failed_receipt_are_not_read_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    canceled = asyncio.Event()

    async def read_forever(self: CodeReader, image: PageImage, number: int, timeout_s: float) -> list[Code]:
        try:
            await asyncio.Event().wait()
        finally:
            canceled.set()
        return []

    monkeypatch.setattr(CodeReader, "read", read_forever)
    async with run_gateway(GatewaySettings(), read_codes=True) as gateway:
        gateway.extractor.fails_with = ProblemError(500, "internal", "It failed", "The network failed.")
        assert_problem(await gateway.post(make_picture()), 502, "stage-failed")
        async with asyncio.timeout(5):
            await canceled.wait()


async def test_prefers_the_invoice_inside_a_document(gateway: Gateway) -> None:
    document = build_text_pdf([("TOTAL 9.00", 40, 40)])
    gateway.detector.size = (834, 1112)
    response = await gateway.post(attach(document, factur_x_xml=write_einvoice()), "application/pdf")
    assert response.status_code == 200, response.text
    receipt = response.json()
    # Nothing that was read agrees with it.
    assert [warning["code"] for warning in receipt["warnings"]] == ["einvoice-contradicted"]
    assert (receipt["einvoice"]["total"], receipt["fields"]["total"]["value"]) == ("22.61", "9.00")
    gateway.recognizer.segments = [(quad, "22.61" if text == "9.00" else text) for quad, text in SEGMENTS]
    again = attach(document, factur_x_xml=write_einvoice("ubl"))
    receipt = (await gateway.post(again, "application/pdf")).json()
    assert receipt["warnings"] == []
    assert receipt["fields"]["company"]["source"] == "einvoice"
