"""The receipt endpoints."""

from __future__ import annotations

import pytest

from gateway.settings import GatewaySettings
from shared.pictures.header import damaged_picture_problem
from tests.support.gateway import Gateway, assert_problem, make_picture, run_gateway


async def test_form_and_raw_body_give_the_same_receipt(gateway: Gateway) -> None:
    raw = (await gateway.post(make_picture())).json()
    form = (await gateway.http.post("/v1/receipts", files={"file": ("../r.png", make_picture(), "image/png")})).json()
    assert form == raw | {"cached": True}


async def test_orientation_reaches_the_detector_and_the_cache_key(gateway: Gateway) -> None:
    for orientation in ("auto", "upright", "auto"):
        response = await gateway.http.post(
            "/v1/receipts",
            params={"orientation": orientation},
            content=make_picture(),
            headers={"Content-Type": "image/png"},
        )
        assert response.json()["pages"][0]["rotation"] == 180
    assert gateway.detector.queries == [{"orientation": "auto"}, {"orientation": "upright"}]
    assert response.json()["cached"] is True
    found = f"/v1/receipts/{response.json()['id']}"
    assert (await gateway.http.get(found, params={"orientation": "upright"})).status_code == 200
    assert (await gateway.http.get(found)).status_code == 404
    assert (await gateway.post(make_picture())).json()["cached"] is False
    assert gateway.detector.queries[-1] == {}


async def test_rejects_unknown_orientation(gateway: Gateway) -> None:
    response = await gateway.http.post("/v1/receipts", params={"orientation": "sideways"}, content=make_picture())
    assert response.status_code == 422
    assert gateway.detector.requests == []


async def test_finds_a_receipt_by_id(gateway: Gateway) -> None:
    receipt = (await gateway.post(make_picture())).json()
    found = await gateway.http.get(f"/v1/receipts/{receipt['id']}")
    assert found.json() == receipt | {"cached": True}
    assert_problem(await gateway.http.get(f"/v1/receipts/{'0' * 32}"), 404, "receipt-not-found")
    assert_problem(await gateway.http.get("/v1/receipts/last"), 422, "invalid-request")


async def test_deletes_a_receipt_under_all_options(gateway: Gateway) -> None:
    receipt = (await gateway.post(make_picture())).json()
    other = (await gateway.post(make_picture("JPEG"))).json()
    await gateway.http.post("/v1/receipts?orientation=upright", content=make_picture())
    url = f"/v1/receipts/{receipt['id']}"
    assert (await gateway.http.delete(url)).status_code == 204
    assert_problem(await gateway.http.get(url), 404, "receipt-not-found")
    assert_problem(await gateway.http.get(url, params={"orientation": "upright"}), 404, "receipt-not-found")
    assert_problem(await gateway.http.delete(url), 404, "receipt-not-found")
    assert (await gateway.http.get(f"/v1/receipts/{other['id']}")).status_code == 200
    assert (await gateway.post(make_picture())).json()["cached"] is False


@pytest.mark.parametrize(
    ("data", "content_type", "status", "code", "says"),
    [
        (b"", "image/png", 422, "empty-body", "is empty"),
        (b"Total 9.00", "image/png", 415, "unsupported-format", "JPEG"),
        (b"Total 9.00", "text/plain", 415, "unsupported-content-type", "text/plain"),
        (make_picture(size=(1, 1)), "image/png", 422, "picture-too-small", "1 x 1"),
        (b"\xff" * (2 * 1024 * 1024 + 2000), "image/jpeg", 413, "upload-too-large", "1,000"),
    ],
)
async def test_rejects_bad_uploads_before_calling_a_stage(
    data: bytes, content_type: str, status: int, code: str, says: str
) -> None:
    async with run_gateway(GatewaySettings(max_upload_bytes=1000)) as gateway:
        problem = assert_problem(await gateway.post(data, content_type), status, code)
        assert says in problem.detail
        assert gateway.detector.requests == []
        assert (await gateway.post(make_picture())).status_code == 200


async def test_passes_on_that_the_detector_finds_a_picture_damaged(gateway: Gateway) -> None:
    gateway.detector.fails_with = damaged_picture_problem("JPEG", "it is truncated or damaged")
    problem = assert_problem(await gateway.post(make_picture("JPEG")[:600]), 422, "picture-damaged")
    assert problem.detail == gateway.detector.fails_with.detail
    assert len(gateway.detector.requests) == 1
