"""Tests of the detector as a service, with an engine that knows the answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import cv2
import httpx2
import numpy as np
import pytest

from services.detector.app import create_app, to_response
from services.detector.predictor import Detection, Predictor
from services.detector.settings import DetectorSettings
from tests.support.detector import Oracle, build_predictor, draw_page


@asynccontextmanager
async def open_client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx2.AsyncClient]:
    monkeypatch.setattr(Predictor, "load", lambda settings: build_predictor(Oracle()))
    app = create_app(DetectorSettings(max_side=2000))
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://detector") as http:
            yield http


def encode_png(image: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", image)[1])


async def test_detects_segments_of_posted_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    image, _ = draw_page(2)
    async with open_client(monkeypatch) as http:
        form = await http.post("/v1/detect", files={"file": ("a.png", encode_png(image), "image/png")})
        body = await http.post("/v1/detect", content=encode_png(image), headers={"content-type": "image/png"})
    assert form.status_code == 200
    assert form.json() == body.json()
    assert form.json()["model"] == "ctpn-test"
    assert form.json()["page"] == {"width": 840, "height": 600, "rotation": 0, "mirrored": False}
    assert len(form.json()["segments"]) == 3


async def test_takes_page_as_turned_as_caller_says(monkeypatch: pytest.MonkeyPatch) -> None:
    image, _ = draw_page(2)
    turned = encode_png(np.ascontiguousarray(image[::-1, ::-1]))
    async with open_client(monkeypatch) as http:
        response = await http.post("/v1/detect", params={"rotation": 180, "orientation": "upright"}, content=turned)
        assert (await http.post("/v1/detect", params={"rotation": 45}, content=turned)).status_code == 422
    assert response.json()["page"]["rotation"] == 180
    assert response.json()["orientation"] == "upright"
    # The text starts at the right.
    assert all(segment["quad"][0][0] > segment["quad"][1][0] for segment in response.json()["segments"])


async def test_looks_at_one_area_of_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    image, boxes = draw_page(2)
    height, width = image.shape[:2]
    twice = encode_png(np.hstack([image, image]))
    area = f"{width},0,{2 * width},0,{2 * width},{height},{width},{height}"
    async with open_client(monkeypatch) as http:
        response = await http.post("/v1/detect", params={"area": area, "orientation": "upright"}, content=twice)
        assert (await http.post("/v1/detect", params={"area": "1,2,3"}, content=twice)).status_code == 422
    answer = response.json()
    assert answer["page"]["width"] == 2 * width
    found = sorted(segment["quad"][0] + segment["quad"][2] for segment in answer["segments"])
    expected = sorted((boxes + np.array([width, 0, width, 0])).tolist())
    assert np.array(found) == pytest.approx(np.array(expected), abs=6)
    assert answer["receipts"] == []


async def test_blank_page_has_no_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_client(monkeypatch) as http:
        response = await http.post("/v1/detect", content=encode_png(np.full((200, 100, 3), 255, np.uint8)))
    assert response.status_code == 200
    assert response.json()["segments"] == []


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"not a picture", 415),
        (encode_png(draw_page(1)[0])[:300], 422),
        (encode_png(np.zeros((1, 1, 3), np.uint8)), 422),
        (encode_png(np.zeros((10, 2001, 3), np.uint8)), 413),
    ],
)
async def test_rejects_bad_pictures_and_keeps_serving(
    monkeypatch: pytest.MonkeyPatch, content: bytes, status: int
) -> None:
    async with open_client(monkeypatch) as http:
        response = await http.post("/v1/detect", content=content, headers={"content-type": "image/png"})
        good = encode_png(draw_page(1)[0])
        again = await http.post("/v1/detect", content=good, headers={"content-type": "image/png"})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert again.status_code == 200


def test_response_is_rounded() -> None:
    quads = np.array([[(1.26, 2), (10, 2), (10, 9), (1.26, 9)]], np.float32)
    response = to_response(Detection(quads, np.array([0.98761], np.float32)), 20, 10, "ctpn-test")
    assert response.segments[0].quad[0] == (1.3, 2.0)
    assert response.segments[0].score == pytest.approx(0.9876)
    assert (response.page.width, response.page.height, response.page.rotation) == (20, 10, 0)
