"""The export endpoint."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.support.gateway import Gateway, assert_problem, make_picture


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


@pytest.mark.parametrize(
    "body", [{"ids": [], "format": "csv"}, {"ids": ["0" * 32], "format": "pdf"}, {"ids": ["x"], "format": "csv"}]
)
async def test_rejects_invalid_requests(gateway: Gateway, body: dict[str, Any]) -> None:
    assert_problem(await gateway.http.post("/v1/exports", json=body), 422, "invalid-request")
