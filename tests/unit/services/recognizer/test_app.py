"""Tests of the recognizer over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import cv2
import httpx2
import numpy as np
import pytest

from services.recognizer.app import create_app
from services.recognizer.settings import RecognizerSettings
from tests.support.tiny_recognizer import write_weights

BOX = [[10, 10], [90, 10], [90, 30], [10, 30]]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return write_weights(tmp_path)


@pytest.fixture
async def client(weights: Path) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(RecognizerSettings(weights=weights, device="cpu", threads=1, language="off", max_quads=5))
    transport = httpx2.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url="http://t") as http:
        yield http


def page() -> bytes:
    return cv2.imencode(".png", np.full((100, 200, 3), 255, np.uint8))[1].tobytes()


async def post(client: httpx2.AsyncClient, quads: object) -> httpx2.Response:
    text = quads if isinstance(quads, str) else json.dumps(quads)
    return await client.post("/v1/recognize", files={"file": ("p", page(), "image/png")}, data={"quads": text})


async def test_returns_texts_in_order_of_quads(client: httpx2.AsyncClient) -> None:
    ready = (await client.get("/readyz")).json()
    assert ready["status"] == "ready"
    answer = await post(client, [BOX, [[5, 5]] * 4, BOX])
    assert answer.status_code == 200
    body = answer.json()
    assert body["model"] == ready["model"]
    assert len(body["texts"]) == 3
    assert body["texts"][1] == {"text": "", "confidence": 0.0, "gaps": []}
    assert body["texts"][0] == body["texts"][2]


async def test_reads_no_quads_and_whole_picture(client: httpx2.AsyncClient) -> None:
    assert (await post(client, [])).json()["texts"] == []
    answer = await client.post("/v1/recognize", content=page(), headers={"Content-Type": "image/png"})
    assert len(answer.json()["texts"]) == 1


@pytest.mark.parametrize(
    ("quads", "status", "part"),
    [
        ("[[[", 422, "JSON"),
        ("[[[NaN, 0], [1, 0], [1, 1], [0, 1]]]", 422, "NaN"),
        ("[" * 100_000, 422, "JSON"),
        ({"a": 1}, 422, "object"),
        ([BOX, BOX[:3]], 422, "Quad 1 "),
        ([BOX, BOX, [*BOX[:3], [1]]], 422, "Quad 2 "),
        ([[*BOX[:3], [1, "2"]]], 422, "Quad 0 "),
        ([[*BOX[:3], [1, True]]], 422, "not a number"),
        ([[*BOX[:3], [1, 1e300]]], 422, "Quad 0 "),
        ([BOX, [[x + 500, y] for x, y in BOX]], 422, "outside the picture of 200 x 100"),
        ([BOX] * 6, 413, "maximum per request is 5"),
    ],
)
async def test_rejects_invalid_quads(client: httpx2.AsyncClient, quads: object, status: int, part: str) -> None:
    answer = await post(client, quads)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert part in answer.json()["detail"]
    assert (await post(client, [BOX])).status_code == 200


async def test_schema_describes_quads(client: httpx2.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    body = schema["paths"]["/v1/recognize"]["post"]["requestBody"]["content"]
    assert "quads" in body["multipart/form-data"]["schema"]["properties"]
