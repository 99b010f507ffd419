"""Tests of the extractor as a service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.extractor.app import count_characters, create_app, group_by_length
from tests.support.extractor import PAGE, build_line, build_request, build_settings, save_small_weights


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(build_settings(save_small_weights(tmp_path, only_class=1)))
    transport = httpx2.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url="http://t") as http:
        yield http


async def test_returns_fields_and_version(client: httpx2.AsyncClient) -> None:
    ready = (await client.get("/readyz")).json()
    response = await client.post("/v1/extract", json={"pages": [PAGE], "lines": [build_line("ZYX TRADING")]})
    assert response.status_code == 200
    body = response.json()
    assert body["model"] == ready["model"]
    assert body["model"].startswith("charlstm-")
    company = body["fields"]["company"]
    assert company["value"] == "ZYX TRADING"
    assert company["lines"] == [0]
    assert company["quad"] == build_line("")["quad"]
    assert body["fields"]["date"] is body["fields"]["total"] is body["fields"]["address"] is None


async def test_receipt_without_text_has_no_fields(client: httpx2.AsyncClient) -> None:
    for lines in ([], [build_line("")], [build_line("   ")]):
        response = await client.post("/v1/extract", json={"pages": [PAGE], "lines": lines})
        assert set(response.json()["fields"].values()) == {None}


@pytest.mark.parametrize(
    ("body", "status", "code", "part"),
    [
        ({"pages": [PAGE], "lines": [build_line("A", page=1)]}, 422, "no-such-page", "is on page 1"),
        ({"pages": [PAGE], "lines": [build_line("A", y=1e308)]}, 422, "no-such-place", "line 0"),
        ({"pages": [PAGE], "lines": [build_line("A" * 300)]}, 413, "text-too-long", "301 characters; the maximum"),
        ({"pages": [], "lines": []}, 422, None, "pages"),
        ({"lines": []}, 422, None, "pages"),
    ],
)
async def test_rejects_bad_requests_and_keeps_serving(
    client: httpx2.AsyncClient, body: dict[str, Any], status: int, code: str | None, part: str
) -> None:
    response = await client.post("/v1/extract", json=body)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert part in response.text
    assert code is None or code in response.json()["type"]
    assert (await client.post("/v1/extract", json={"pages": [PAGE], "lines": []})).status_code == 200


async def test_schema_documents_problems(client: httpx2.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    operation = schema["paths"]["/v1/extract"]["post"]
    assert {"200", "413", "422", "503"} <= operation["responses"].keys()


def test_receipts_are_grouped_by_length() -> None:
    assert count_characters(build_request("A" * 9)) == 10
    assert group_by_length(build_request("A")) == group_by_length(build_request("A" * 200))
    assert group_by_length(build_request("A" * 300)) != group_by_length(build_request("A" * 600))
