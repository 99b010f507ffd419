"""Reading separate receipts in one file, and several pictures of one receipt."""

from __future__ import annotations

import io
from typing import Any

import httpx2
import pytest
from PIL import Image

from tests.support.einvoices import attach, write_einvoice
from tests.support.gateway import Gateway, assert_problem, make_picture

LEFT, RIGHT = [[0, 0], [49, 0], [49, 200], [0, 200]], [[50, 0], [100, 0], [100, 200], [50, 200]]


def show_two_receipts(gateway: Gateway) -> None:
    """Let the stages find two receipts of three lines side by side."""
    segments = [
        ([[x, y], [x + 40, y], [x + 40, y + 10], [x, y + 10]], f"{name} {y}")
        for x, name in ((5, "LEFT"), (55, "RIGHT"))
        for y in (10, 30, 50)
    ]
    gateway.detector.segments = gateway.recognizer.segments = segments
    gateway.detector.areas = [LEFT, RIGHT]


def make_document(count: int) -> bytes:
    buffer = io.BytesIO()
    first, *others = (Image.new("L", (100, 200), 255 - shade) for shade in range(count))
    first.save(buffer, "TIFF", save_all=True, append_images=others)
    return buffer.getvalue()


async def post(gateway: Gateway, split: str | None = None, data: bytes | None = None) -> Any:
    params = {} if split is None else {"split": split}
    response = await gateway.http.post("/v1/receipts", params=params, content=data or make_picture())
    assert response.status_code == 200, response.text
    return response.json()


async def test_warns_of_receipts_that_are_read_as_one(gateway: Gateway) -> None:
    show_two_receipts(gateway)
    receipt = await post(gateway)
    assert [warning["code"] for warning in receipt["warnings"]] == ["several-receipts"]
    assert receipt["pages"][0]["receipts"] == [LEFT, RIGHT]
    assert receipt["pages"][0]["quality"]["several_receipts"] == 0.95
    assert len(receipt["lines"]) == 6


@pytest.mark.parametrize("split", ["receipts", "auto"])
async def test_reads_each_receipt_of_a_picture(gateway: Gateway, split: str) -> None:
    show_two_receipts(gateway)
    answer = await post(gateway, split)
    left, right = answer["receipts"]
    assert [line["text"] for line in left["lines"]] == ["LEFT 10", "LEFT 30", "LEFT 50"]
    assert [line["text"] for line in right["lines"]] == ["RIGHT 10", "RIGHT 30", "RIGHT 50"]
    assert [one["pages"][0]["outline"] for one in (left, right)] == [LEFT, RIGHT]
    assert left["warnings"] == right["warnings"] == []
    assert len({answer["id"], left["id"], right["id"]}) == 3
    # Each can be found again, and is not read twice.
    assert (await gateway.http.get(f"/v1/receipts/{right['id']}")).json()["lines"] == right["lines"]
    again = await post(gateway, split)
    assert [one["cached"] for one in again["receipts"]] == [True, True]
    assert len(gateway.detector.queries) == 3


@pytest.mark.parametrize("split", ["pages", "receipts", "auto"])
async def test_picture_of_one_receipt_is_one_receipt(gateway: Gateway, split: str) -> None:
    answer = await post(gateway, split)
    assert [one["id"] for one in answer["receipts"]] == [answer["id"]]


async def test_splits_pages_with_their_receipts(gateway: Gateway) -> None:
    show_two_receipts(gateway)
    receipts = (await post(gateway, "receipts", make_document(2)))["receipts"]
    assert [one["pages"][0]["index"] for one in receipts] == [0, 0, 1, 1]
    assert len({one["id"] for one in receipts}) == 4


async def test_pages_with_own_totals_are_separate_receipts(gateway: Gateway) -> None:
    receipts = (await post(gateway, "auto", make_document(3)))["receipts"]
    assert [one["pages"][0]["index"] for one in receipts] == [0, 1, 2]
    assert (await gateway.http.get(f"/v1/receipts/{receipts[1]['id']}")).status_code == 200


async def test_pages_without_totals_continue_the_receipt(gateway: Gateway) -> None:
    gateway.extractor.answer = {"fields": {}, "model": "charlstm-1"}
    document = make_document(3)
    answer = await post(gateway, "auto", document)
    (receipt,) = answer["receipts"]
    assert receipt["id"] == answer["id"]
    assert [page["index"] for page in receipt["pages"]] == [0, 1, 2]
    assert [line["page"] for line in receipt["lines"]] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert len(gateway.detector.queries) == 3


async def merge(gateway: Gateway, *pictures: bytes, **params: str) -> httpx2.Response:
    files = [("file", (f"{number}.png", data, "image/png")) for number, data in enumerate(pictures)]
    return await gateway.http.post("/v1/receipts", params={"merge": "true"} | params, files=files)


async def test_merges_pictures_of_one_receipt(gateway: Gateway) -> None:
    pictures = [make_picture(shade=shade) for shade in (255, 254)]
    receipt = (await merge(gateway, *pictures)).json()
    assert [page["index"] for page in receipt["pages"]] == [0, 1]
    # Both pictures show the same rows, which count once.
    assert sorted(line["text"] for line in receipt["lines"]) == ["9.00", "BOOK SHOP", "TOTAL"]
    assert (await gateway.http.get(f"/v1/receipts/{receipt['id']}")).status_code == 200
    reverse = (await merge(gateway, *pictures[::-1])).json()
    assert reverse["id"] != receipt["id"]


async def test_merge_keeps_only_the_whole_receipt(gateway: Gateway) -> None:
    pictures = [make_picture(shade=shade) for shade in (255, 254)]
    await merge(gateway, *pictures)
    assert (await post(gateway, data=pictures[0]))["cached"] is False


async def test_one_picture_need_not_be_merged(gateway: Gateway) -> None:
    one = (await merge(gateway, make_picture())).json()
    assert one["id"] == (await post(gateway))["id"]


async def test_rejects_contradicting_requests(gateway: Gateway) -> None:
    assert_problem(await merge(gateway, make_picture(), split="auto"), 422, "merge-and-split")
    assert_problem(await merge(gateway, *[make_picture()] * 21), 422, "too-many-files")
    files = [("file", ("a.png", make_picture(), "image/png"))] * 2
    assert_problem(await gateway.http.post("/v1/receipts", files=files), 422, "too-many-files")


@pytest.mark.parametrize(("split", "count"), [("pages", 2), ("auto", 1)])
async def test_a_document_with_an_invoice_in_xml_is_one_receipt(gateway: Gateway, split: str, count: int) -> None:
    buffer = io.BytesIO()
    pages = [Image.new("L", (100, 200), 255) for _ in range(2)]
    pages[0].save(buffer, "PDF", save_all=True, append_images=pages[1:], resolution=200)
    receipts = (await post(gateway, split, attach(buffer.getvalue(), factur_x_xml=write_einvoice())))["receipts"]
    assert [receipt["einvoice"] is not None for receipt in receipts] == [True, False][:count]
