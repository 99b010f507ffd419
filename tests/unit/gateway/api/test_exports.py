"""The export endpoint."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.api.examples import RECEIPT_EXAMPLE
from gateway.settings import GatewaySettings
from tests.support.gateway import Gateway, assert_problem, make_picture, run_gateway
from tests.support.redis_server import run_redis


async def read_receipts(gateway: Gateway) -> list[str]:
    return [(await gateway.post(make_picture(shade=shade))).json()["id"] for shade in (1, 2)]


async def test_exports_receipts_in_the_given_order(gateway: Gateway) -> None:
    first, second = await read_receipts(gateway)
    body = {"ids": [second, first], "format": "csv", "names": {first: "lunch.png"}}
    response = await gateway.http.post("/v1/exports", json=body)
    assert response.headers["content-disposition"] == 'attachment; filename="receipts.csv"'
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [(row["id"], row["file"]) for row in rows] == [(second, ""), (first, "lunch.png")]


async def test_lists_missing_receipts(gateway: Gateway) -> None:
    body = {"ids": [*await read_receipts(gateway), "0" * 32], "format": "xlsx"}
    problem = assert_problem(await gateway.http.post("/v1/exports", json=body), 404, "receipt-not-found")
    assert (problem.model_extra or {})["missing"] == ["0" * 32]


async def test_exports_many_receipts_from_redis(tmp_path: Path) -> None:
    async with (
        run_redis(tmp_path) as url,
        run_gateway(GatewaySettings(redis_url=url, job_redis=False)) as gateway,
    ):
        ids = await read_receipts(gateway)
        # Together they take several times longer than a request may wait for Redis.
        body = {"ids": ids * 400, "format": "csv"}
        response = await gateway.http.post("/v1/exports", json=body)
        assert len(list(csv.DictReader(io.StringIO(response.text)))) == 800


@pytest.mark.parametrize(
    "body", [{"ids": [], "format": "csv"}, {"ids": ["0" * 32], "format": "pdf"}, {"ids": ["x"], "format": "csv"}]
)
async def test_rejects_invalid_requests(gateway: Gateway, body: dict[str, Any]) -> None:
    assert_problem(await gateway.http.post("/v1/exports", json=body), 422, "invalid-request")


async def test_exports_receipts_that_the_caller_has_kept(gateway: Gateway) -> None:
    kept = (await gateway.post(make_picture())).json()
    await gateway.http.delete(f"/v1/receipts/{kept['id']}")
    lines = [kept | {"file": "a.pdf", "page": 1}, RECEIPT_EXAMPLE | {"lines": [], "file": "=b.jpg"}]
    body = "\n".join(map(json.dumps, lines))
    response = await gateway.http.post("/v1/exports/receipts?format=csv", content=body)
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [(row["id"], row["file"], row["page"]) for row in rows] == [
        (kept["id"], "a.pdf", "2"),
        (RECEIPT_EXAMPLE["id"], "'=b.jpg", ""),
    ]
    again = (await gateway.http.post("/v1/exports/receipts?format=json", content=body)).json()
    assert again[0] == {"file": "a.pdf", "page": 1} | kept


async def test_names_the_line_that_is_not_a_receipt(gateway: Gateway) -> None:
    body = f'{json.dumps(RECEIPT_EXAMPLE)}\n{{"id": 1}}'
    response = await gateway.http.post("/v1/exports/receipts?format=xlsx", content=body)
    problem = assert_problem(response, 422, "receipt-invalid")
    assert problem.detail.startswith("Line 2 is not a receipt of this API: ")
    form = await gateway.http.post("/v1/exports/receipts?format=xlsx", data={"a": "b"})
    assert_problem(form, 415, "unsupported-content-type")
