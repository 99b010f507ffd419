"""Tests of what every application has: probes, problems, request IDs, documentation."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from fastapi import FastAPI

from shared.service.components import get_components
from tests.support.toy_service import VERSION, assert_full_problem, create_toy_app, open_client


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with open_client(create_toy_app()) as client:
        yield client


async def test_probes_of_a_ready_service(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await client.get("/readyz")).json() == {"status": "ready", "model": VERSION}


async def test_service_is_alive_but_starting_before_the_lifespan() -> None:
    app = create_toy_app()
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://toy") as client:
        assert (await client.get("/healthz")).status_code == 200
        assert_full_problem(await client.get("/readyz"), 503, "starting")
        response = await client.get("/v1/things/a")
        assert_full_problem(response, 503, "starting")
        assert response.headers["retry-after"] == "2"


async def test_draining_service_is_unready_but_serves() -> None:
    app = create_toy_app()
    async with open_client(app) as client:
        get_components(app).health.drain()
        response = await client.get("/readyz")
        assert_full_problem(response, 503, "draining")
        assert response.headers["connection"] == "close"
        assert (await client.get("/v1/things/a")).status_code == 200


async def test_service_that_drains_while_starting_never_gets_ready() -> None:
    @asynccontextmanager
    async def drain(app: FastAPI) -> AsyncIterator[str | None]:
        get_components(app).health.drain()
        yield None

    async with open_client(create_toy_app(lifespan=drain)) as client:
        assert_full_problem(await client.get("/readyz"), 503, "draining")


async def test_broken_part_is_named() -> None:
    app = create_toy_app()
    is_working = True
    get_components(app).health.require("worker", lambda: is_working)
    async with open_client(app) as client:
        assert (await client.get("/readyz")).status_code == 200
        is_working = False
        assert "worker" in assert_full_problem(await client.get("/readyz"), 503, "broken")["detail"]


async def test_application_can_be_restarted() -> None:
    app = create_toy_app()
    for _ in range(2):
        async with open_client(app) as client:
            assert (await client.get("/readyz")).status_code == 200


async def test_reports_unknown_paths_and_methods_as_problems(client: httpx2.AsyncClient) -> None:
    assert "/nowhere" in assert_full_problem(await client.get("/nowhere"), 404, "not-found")["detail"]
    response = await client.get("/v1/order")
    assert "Use POST" in assert_full_problem(response, 405, "method-not-allowed")["detail"]
    assert response.headers["allow"] == "POST"


async def test_lists_all_allowed_methods_of_a_path(client: httpx2.AsyncClient) -> None:
    response = await client.put("/v1/things/a")
    assert response.headers["allow"] == "DELETE, GET, HEAD"
    assert "Use DELETE or GET or HEAD." in assert_full_problem(response, 405, "method-not-allowed")["detail"]


async def test_reports_raised_problems(client: httpx2.AsyncClient) -> None:
    response = await client.get("/v1/problem")
    body = assert_full_problem(response, 409, "too-late")
    assert (body["title"], body["detail"]) == ("It is too late", "Come earlier.")
    assert response.headers["retry-after"] == "7"


async def test_validation_problem_lists_errors_without_values(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/order?fast=maybe", json={"count": "private", "names": [1]})
    body = assert_full_problem(response, 422, "invalid-request")
    assert [error["where"] for error in body["errors"]] == ["query.fast", "body.count", "body.names.0"]
    assert body["errors"][1]["message"].startswith("Input should be a valid integer")
    assert "body.count: Input should be a valid integer" in body["detail"]
    assert "private" not in response.text


async def test_rejects_invalid_json(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/order", content=b"{", headers={"content-type": "application/json"})
    assert_full_problem(response, 422, "invalid-request")


async def test_unexpected_error_is_logged_but_not_disclosed(
    client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = await client.get("/v1/fault")
    assert_full_problem(response, 500, "internal-error")
    assert "secret" not in response.text
    (record,) = [record for record in caplog.records if record.name == "shared.service.guard"]
    assert record.exc_info
    assert "secret" in str(record.exc_info[1])


async def test_request_id_is_kept_if_valid_and_otherwise_created(client: httpx2.AsyncClient) -> None:
    kept = await client.get("/healthz", headers={"X-Request-ID": "order-7_b.1"})
    assert kept.headers.get_list("x-request-id") == ["order-7_b.1"]
    created = await client.get("/healthz")
    assert len(created.headers["x-request-id"]) == 32
    forged = await client.get("/healthz", headers={"X-Request-ID": 'x" "level": "fake'})
    assert len(forged.headers["x-request-id"]) == 32


async def test_documentation_page_loads_only_local_files(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(sources) >= 3
    for source in sources:
        assert source.startswith("/"), source
        assert (await client.get(source)).status_code == 200


async def test_openapi_describes_errors_as_problems(client: httpx2.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    responses = schema["paths"]["/v1/upload"]["post"]["responses"]
    for status in ("408", "413", "415", "422", "500", "503", "504"):
        content = responses[status]["content"]
        assert list(content) == ["application/problem+json"]
        assert content["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert "application/problem+json" in schema["paths"]["/v1/order"]["post"]["responses"]["422"]["content"]
    assert "Problem" in schema["components"]["schemas"]
    assert "HTTPValidationError" not in json.dumps(schema)
    body = schema["paths"]["/v1/upload"]["post"]["requestBody"]["content"]
    assert body["multipart/form-data"]["schema"]["required"] == ["file"]
    assert "application/octet-stream" in body


async def test_json_under_another_content_type_is_not_accepted(client: httpx2.AsyncClient) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    response = await client.post("/v1/order", content=b'{"count": 1}', headers=form)
    body = assert_full_problem(response, 415, "unsupported-content-type")
    assert "x-www-form-urlencoded is not accepted" in body["detail"]
    assert "Content-Type: application/json" in body["detail"]
    response = await client.post("/v1/order", content=b"[]", headers={"content-type": "application/json"})
    assert "body: Input should be a JSON object" in assert_full_problem(response, 422, "invalid-request")["detail"]


async def test_head_is_answered_like_get_without_the_body(client: httpx2.AsyncClient) -> None:
    for path in ("/healthz", "/v1/things/a", "/openapi.json"):
        full, head = await client.get(path), await client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == full.headers["content-length"]
        assert head.headers["content-type"] == full.headers["content-type"]
    assert (await client.head("/nowhere")).status_code == 404
    response = await client.head("/v1/order")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
