"""API keys, rate limits, web origins, and security headers."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from gateway.admission.access import check_exposure
from gateway.admission.api_keys import KeyRing, KeyStore, KeyStoreError
from gateway.settings import GatewaySettings
from gateway.storage.database.sqlite import SqliteDatabase
from quittance.cli import app as command_line
from shared.startup import StartupError
from tests.support.gateway import Gateway, assert_problem, make_picture, run_gateway


@pytest.fixture
def key_store(tmp_path: Path) -> KeyStore:
    return KeyStore(SqliteDatabase(tmp_path / "state"))


@pytest.fixture
async def guarded(key_store: KeyStore) -> AsyncIterator[Gateway]:
    key_store.create("somebody")
    async with run_gateway(GatewaySettings()) as gateway:
        yield gateway


async def post(gateway: Gateway, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await gateway.http.post(
        "/v1/receipts", content=make_picture(), headers={"Content-Type": "image/png"} | named
    )


def test_stores_only_the_hash_of_a_key(key_store: KeyStore, tmp_path: Path) -> None:
    key, secret = key_store.create("books", "60/minute")
    assert secret.startswith(f"qtc_{key.id}_")
    assert len(secret) == 56
    kept = b"".join(path.read_bytes() for path in (tmp_path / "state").iterdir())
    assert secret[13:].encode() not in kept
    assert hashlib.sha256(secret[13:].encode()).digest() in kept
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0
    assert key_store.list() == [key]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb"])
def test_rejects_invalid_names(key_store: KeyStore, name: str) -> None:
    with pytest.raises(KeyStoreError, match="printable"):
        key_store.create(name)


def test_names_of_keys_in_use_are_unique(key_store: KeyStore) -> None:
    first, _ = key_store.create("books")
    with pytest.raises(KeyStoreError, match="Revoke it first"):
        key_store.create("books")
    key_store.revoke("books")
    second, _ = key_store.create("books")
    key_store.revoke(second.id)
    with pytest.raises(KeyStoreError, match="No key in use"):
        key_store.revoke("books")
    assert {key.id for key in key_store.list() if key.revoked} == {first.id, second.id}


async def test_finds_only_exact_keys(key_store: KeyStore) -> None:
    key, secret = key_store.create("a")
    _, other = key_store.create("b")
    ring = KeyRing(key_store)
    assert await ring.find(secret) == key
    swapped = secret[:13] + other[13:]
    for wrong in (
        "",
        "x",
        secret[:-1],
        secret + "x",
        secret.upper(),
        f" {secret}",
        swapped,
        f"qtc_00000000_{'x' * 43}",
    ):
        assert await ring.find(wrong) is None, wrong


async def test_reads_keys_again_and_keeps_them_if_that_fails(
    key_store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.admission.api_keys._MAX_AGE_S", 0.0)
    ring = KeyRing(key_store)
    assert not await ring.any_created()
    key, secret = key_store.create("a")
    assert await ring.find(secret) == key

    def broken() -> None:
        raise KeyStoreError("disk I/O error")

    monkeypatch.setattr(key_store, "list", broken)
    assert await ring.find(secret) == key


async def test_only_public_paths_need_no_key(guarded: Gateway) -> None:
    for path in ("/", "/web/modules/app.js", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics"):
        assert (await guarded.http.get(path)).status_code == 200, path
    refused = [
        await guarded.post(make_picture()),
        await guarded.http.get(f"/v1/receipts/{'0' * 32}"),
        await guarded.http.delete(f"/v1/receipts/{'0' * 32}"),
        await guarded.http.get("/v1/whatever"),
        await guarded.http.get("/docsx"),
    ]
    for response in refused:
        assert_problem(response, 401, "key-missing")
        assert response.headers["www-authenticate"] == 'Bearer realm="quittance"'
    assert guarded.detector.requests == []


async def test_accepts_a_key_in_either_header_until_it_is_revoked(
    guarded: Gateway, key_store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.admission.api_keys._MAX_AGE_S", 0.0)
    _, secret = key_store.create("books")
    assert (await post(guarded, Authorization=f"Bearer {secret}")).status_code == 200
    assert (await post(guarded, Authorization=f"bearer  {secret}")).status_code == 200
    assert (await post(guarded, X_API_Key=secret)).status_code == 200
    assert_problem(await post(guarded, Authorization=f"Basic {secret}"), 401, "key-missing")
    assert_problem(await post(guarded, X_API_Key=secret[:-1] + "!"), 401, "key-invalid")
    key_store.revoke("books")
    assert_problem(await post(guarded, X_API_Key=secret), 401, "key-invalid")
    key_store.revoke("somebody")  # the last one: the gateway stays closed
    assert_problem(await post(guarded), 401, "key-missing")


async def test_first_key_closes_the_gateway(
    key_store: KeyStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("gateway.admission.api_keys._MAX_AGE_S", 0.0)
    async with run_gateway(GatewaySettings()) as gateway:
        assert (await post(gateway)).status_code == 200
        assert not (tmp_path / "state").exists()
        key_store.create("a")
        assert_problem(await post(gateway), 401, "key-missing")


async def test_access_setting_overrides_existing_keys(key_store: KeyStore) -> None:
    async with run_gateway(GatewaySettings(access="keys")) as gateway:
        assert_problem(await post(gateway), 401, "key-missing")
    key_store.create("a")
    async with run_gateway(GatewaySettings(access="open")) as gateway:
        assert (await post(gateway)).status_code == 200


async def test_limits_the_rate_of_each_key(key_store: KeyStore) -> None:
    _, strict = key_store.create("strict", "2/3 seconds")
    _, usual = key_store.create("usual")
    async with run_gateway(GatewaySettings(rate_limit="5/minute")) as gateway:
        statuses = [(await post(gateway, X_API_Key=strict)).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        refused = await post(gateway, X_API_Key=strict)
        problem = assert_problem(refused, 429, "too-many-requests")
        assert "At most 2 in 3 s" in problem.detail
        assert [(await post(gateway, X_API_Key=usual)).status_code for _ in range(6)] == [200] * 5 + [429]
        await asyncio.sleep(int(refused.headers["retry-after"]) + 0.1)
        assert (await post(gateway, X_API_Key=strict)).status_code == 200


async def test_limits_the_rate_of_addresses_but_not_of_probes() -> None:
    async with run_gateway(GatewaySettings(rate_limit="2/minute")) as gateway:
        assert [(await post(gateway)).status_code for _ in range(3)] == [200, 200, 429]
        assert {(await gateway.http.get("/readyz")).status_code for _ in range(5)} == {200}


async def test_logs_the_name_of_the_key_but_not_the_key(
    guarded: Gateway, key_store: KeyStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gateway.admission.api_keys._MAX_AGE_S", 0.0)
    _, secret = key_store.create("books")
    with caplog.at_level(logging.INFO):
        await post(guarded, X_API_Key=secret)
    assert [r.caller for r in caplog.records if hasattr(r, "caller")] == ["books"]
    assert secret not in "".join(str(record.__dict__) for record in caplog.records)


ORIGIN = "https://books.example.com"


async def test_only_configured_origins_may_call() -> None:
    async with run_gateway(GatewaySettings(cors_origins=ORIGIN, access="keys")) as gateway:
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        preflight = await gateway.http.options("/v1/receipts", headers={"Origin": ORIGIN} | asked)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == ORIGIN
        answer = await post(gateway, Origin=ORIGIN)
        assert answer.status_code == 401
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "access-control-allow-credentials" not in answer.headers
        other = await post(gateway, Origin="https://evil.example.com")
        assert "access-control-allow-origin" not in other.headers


async def test_no_origin_may_call_by_default() -> None:
    async with run_gateway(GatewaySettings()) as gateway:
        assert "access-control-allow-origin" not in (await post(gateway, Origin=ORIGIN)).headers


def test_parses_origins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_CORS_ORIGINS", f"{ORIGIN}, http://localhost:5173")
    assert GatewaySettings.from_environment().admission.allowed_origins == (ORIGIN, "http://localhost:5173")
    for wrong in ("books.example.com", f"{ORIGIN}/"):
        with pytest.raises(ValidationError, match="is not a web origin"):
            GatewaySettings(cors_origins=wrong)


def test_explains_invalid_rate_limits() -> None:
    with pytest.raises(ValidationError, match="60/minute"):
        GatewaySettings(rate_limit="many")


async def test_every_response_has_security_headers(gateway_with_faults: Gateway) -> None:
    http = gateway_with_faults.http
    answers = [await http.get(path) for path in ("/", "/docs", "/readyz", "/nothing", f"/v1/receipts/{'0' * 32}")]
    answers += [await post(gateway_with_faults), await http.post("/v1/receipts", content=bytes(30_000_000))]
    assert {answer.status_code for answer in answers} == {200, 404, 413, 500, 502} - {500}
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert len(answer.headers.get_list("content-security-policy")) == 1
    assert answers[-1].headers["content-security-policy"].startswith("default-src 'none'")
    assert answers[-1].headers["cache-control"] == "no-store"


@pytest.fixture
async def gateway_with_faults() -> AsyncIterator[Gateway]:
    async with run_gateway(GatewaySettings()) as gateway:
        gateway.detector.answer = {"nonsense": 1}
        yield gateway


@pytest.mark.parametrize(
    ("host", "publish", "access", "starts"),
    [
        ("127.0.0.1", None, "auto", True),
        ("localhost", None, "auto", True),
        ("::1", None, "auto", True),
        ("0.0.0.0", None, "auto", False),
        ("192.168.0.7", None, "auto", False),
        ("receipts.example.com", None, "auto", False),
        ("0.0.0.0", None, "open", True),
        ("0.0.0.0", None, "keys", True),
        ("0.0.0.0", "127.0.0.1:8000", "auto", True),
        ("0.0.0.0", "0.0.0.0:8000", "auto", False),
        ("0.0.0.0", "8000", "auto", False),
        ("0.0.0.0", "[::1]:8000", "auto", True),
    ],
)
def test_refuses_to_start_if_others_could_use_it_by_accident(
    host: str, publish: str | None, access: str, starts: bool, caplog: pytest.LogCaptureFixture
) -> None:
    settings = GatewaySettings.model_validate({"publish": publish, "access": access})
    if not starts:
        with pytest.raises(StartupError, match="quittance keys create NAME"):
            check_exposure(settings, host)
        return
    check_exposure(settings, host)
    assert ("No API key needed" in caplog.text) == (access != "keys")


def test_may_listen_anywhere_with_a_key(key_store: KeyStore, caplog: pytest.LogCaptureFixture) -> None:
    key_store.create("a")
    check_exposure(GatewaySettings(), "0.0.0.0")
    assert caplog.text == ""


def test_manages_keys_on_the_command_line(key_store: KeyStore) -> None:
    runner = CliRunner()
    assert "There are no keys" in runner.invoke(command_line, ["keys", "list"]).output
    made = runner.invoke(command_line, ["keys", "create", "[b]ooks", "--rate-limit", "60/minute"])
    secret = made.stdout.strip()
    assert made.exit_code == 0
    assert secret.startswith("qtc_")
    listed = runner.invoke(command_line, ["keys", "list"]).stdout
    assert "[b]ooks" in listed
    assert "60/minute" in listed
    assert secret[13:] not in listed
    again = runner.invoke(command_line, ["keys", "create", "[b]ooks"])
    assert (again.exit_code, "Revoke it first" in again.stderr.replace("\n", " ")) == (1, True)
    assert runner.invoke(command_line, ["keys", "create", "x", "--rate-limit", "lots"]).exit_code == 1
    assert runner.invoke(command_line, ["keys", "revoke", "[b]ooks"]).exit_code == 0
    assert runner.invoke(command_line, ["keys", "revoke", "[b]ooks"]).exit_code == 1
    assert key_store.list()[0].revoked is not None


def test_assigns_groups_on_the_command_line(key_store: KeyStore) -> None:
    runner = CliRunner()
    for arguments in (["ana", "--group", "books"], ["eve"], ["root", "--operator"]):
        assert runner.invoke(command_line, ["keys", "create", *arguments]).exit_code == 0
    ana, eve, root = sorted(key_store.list(), key=lambda key: key.name)
    assert [key.group for key in (ana, eve, root)] == ["books", eve.id, root.id]
    assert [key.is_operator for key in (ana, eve, root)] == [False, False, True]
    listed = runner.invoke(command_line, ["keys", "list"]).stdout
    assert "books" in listed
    refused = runner.invoke(command_line, ["keys", "create", "bob", "--group", " "])
    assert (refused.exit_code, "group must have" in refused.stderr.replace("\n", " ")) == (1, True)
