"""Requests for other host names, as DNS rebinding makes a browser send them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from gateway.admission.host_names import parse_host
from gateway.settings import GatewaySettings
from tests.support.gateway import assert_problem, make_picture, run_gateway

OWN = (
    "localhost",
    "LOCALHOST:8000",
    "a.localhost",
    "localhost.",
    "127.0.0.1:8000",
    "[::1]:8000",
    "10.1.2.3",
    "[fe80::1]",
)
FOREIGN = ("evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "gateway", "")
INVALID = ("a@localhost", "localhost:port", "localhost/..", "localhost, localhost", "[::1", "evil.example?localhost")


@pytest.mark.parametrize("host", [*FOREIGN, *INVALID])
async def test_refuses_other_hosts(host: str) -> None:
    async with run_gateway(GatewaySettings()) as gateway:
        for path in ("/", "/docs", "/metrics", "/v1/jobs/1"):
            assert_problem(await gateway.http.get(path, headers={"Host": host}), 421, "host-not-allowed")
        # The page of a rebound name has the same origin.
        headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
        response = await gateway.http.post("/v1/receipts", content=make_picture(), headers=headers)
        problem = assert_problem(response, 421, "host-not-allowed")
        assert "QUITTANCE_ALLOWED_HOSTS" in problem.detail
        assert gateway.detector.requests == []


async def test_answers_under_names_of_this_machine_and_addresses() -> None:
    async with run_gateway(GatewaySettings()) as gateway:
        for host in OWN:
            response = await gateway.http.post("/v1/receipts", content=make_picture(), headers={"Host": host})
            assert response.status_code == 200, host


async def test_probes_are_answered_under_any_name() -> None:
    async with run_gateway(GatewaySettings()) as gateway:
        for path in ("/healthz", "/readyz"):
            assert (await gateway.http.get(path, headers={"Host": "balancer.example"})).status_code == 200


async def test_answers_under_allowed_names() -> None:
    async with run_gateway(GatewaySettings(allowed_hosts="Gateway, *.books.example")) as gateway:
        for host, status in (
            ("gateway:8000", 200),
            ("a.books.example", 200),
            ("a.b.BOOKS.example:443", 200),
            ("books.example", 421),
            ("evilbooks.example", 421),
        ):
            assert (await gateway.http.get("/", headers={"Host": host})).status_code == status, host
    async with run_gateway(GatewaySettings(allowed_hosts="*")) as gateway:
        assert (await gateway.http.get("/", headers={"Host": "any.example"})).status_code == 200


@pytest.mark.parametrize(
    "wrong", ["https://books.example", "books.example:8000", "*books.example", "a b", "-a.example"]
)
def test_setting_takes_names_only(wrong: str) -> None:
    with pytest.raises(ValidationError, match="is not a host name"):
        GatewaySettings(allowed_hosts=wrong)


def test_parses_names_as_browsers_write_them() -> None:
    parsed = [parse_host(host) for host in ("A.example.:80", "[::1]:1", "1.2.3.4", "a:99999")]
    assert parsed == ["a.example", "::1", "1.2.3.4", None]
