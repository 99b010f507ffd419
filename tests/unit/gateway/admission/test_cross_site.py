"""Requests that pages of other web sites make a browser send."""

from __future__ import annotations

import pytest

from gateway.settings import GatewaySettings
from tests.support.gateway import assert_problem, make_picture, run_gateway


def own_origin(base_url: object) -> str:
    return str(base_url).rstrip("/")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_refuses_unsafe_requests_of_other_sites(headers: dict[str, str]) -> None:
    async with run_gateway(GatewaySettings()) as gateway:
        files = {"file": ("a.png", make_picture(), "image/png")}
        for path in ("/v1/receipts", "/v1/jobs"):
            assert_problem(await gateway.http.post(path, files=files, headers=headers), 403, "cross-site-request")
        assert gateway.detector.requests == []


async def test_accepts_its_own_page_and_programs() -> None:
    async with run_gateway(GatewaySettings()) as gateway:
        files = {"file": ("a.png", make_picture(), "image/png")}
        own = {"Origin": own_origin(gateway.http.base_url), "Sec-Fetch-Site": "same-origin"}
        for headers in (own, {}, {"Sec-Fetch-Site": "none"}):
            response = await gateway.http.post("/v1/receipts", files=files, headers=headers)
            assert response.status_code == 200, headers


async def test_accepts_origins_that_cors_allows() -> None:
    async with run_gateway(GatewaySettings(cors_origins="https://books.example.com")) as gateway:
        files = {"file": ("a.png", make_picture(), "image/png")}
        headers = {"Origin": "https://books.example.com", "Sec-Fetch-Site": "cross-site"}
        assert (await gateway.http.post("/v1/receipts", files=files, headers=headers)).status_code == 200
        headers["Origin"] = "https://other.example.com"
        assert_problem(await gateway.http.post("/v1/receipts", files=files, headers=headers), 403, "cross-site-request")
