"""Groups of API keys: what one group sends, no other can see, change or notice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.admission.api_keys import KeyStore
from gateway.jobs.contracts import Job
from gateway.storage.database.sqlite import SqliteDatabase
from tests.support.gateway import assert_problem
from tests.support.redis_server import run_redis
from tests.support.text_gateway import MISREAD_SHOP, SHOP, TEXT, make_text_picture, run_text_gateway

UNKNOWN = "0" * 32
KEYS: dict[str, dict[str, Any]] = {
    "ana": {"group": "left"},
    "bob": {"group": "left"},
    "eve": {"group": "right"},
    "ivy": {},
    "root": {"is_operator": True},
}
EVERYONE = ("ana", "bob", "eve", "ivy", "root")


@dataclass
class Office:
    """A gateway and callers: Ana and Bob of one group, Eve of another, Ivy on her own, and an operator."""

    http: httpx2.AsyncClient
    secrets: dict[str, str]

    async def send(self, name: str, method: str, path: str, **request: Any) -> httpx2.Response:
        headers = {"X-API-Key": self.secrets[name]} | request.pop("headers", {})
        return await self.http.request(method, path, headers=headers, **request)

    async def read(self, name: str, *text: str, **headers: str) -> dict[str, Any]:
        response = await self.send(
            name,
            "POST",
            "/v1/receipts",
            content=make_text_picture(*text),
            headers={"Content-Type": "image/png"} | {key.replace("_", "-"): value for key, value in headers.items()},
        )
        assert response.status_code == 200, response.text
        receipt: dict[str, Any] = response.json()
        return receipt | {"replayed": "idempotency-replayed" in response.headers}

    async def correct(self, name: str, receipt: dict[str, Any], **values: str) -> httpx2.Response:
        body = {"fields": {field: {"value": value} for field, value in values.items()}, "author": "someone else"}
        return await self.send(name, "PUT", f"/v1/receipts/{receipt['id']}/corrections", json=body)

    async def run_job(self, name: str, *pictures: bytes) -> Job:
        form = [("files", (f"{number}.png", picture, "image/png")) for number, picture in enumerate(pictures)]
        response = await self.send(name, "POST", "/v1/jobs", files=form)
        assert response.status_code == 202, response.text
        async with asyncio.timeout(20):
            await self.send(name, "GET", f"/v1/jobs/{response.json()['id']}/events")
        return Job.model_validate_json((await self.send(name, "GET", response.headers["location"])).content)


@pytest.fixture(params=["memory", "redis"])
async def office(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Office]:
    """Keeps receipts in memory and jobs in SQLite, or both in Redis; corrections are always in SQLite."""
    state = tmp_path / "state"
    secrets = {name: KeyStore(SqliteDatabase(state)).create(name, **options)[1] for name, options in KEYS.items()}
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(run_redis(tmp_path)) if request.param == "redis" else None
        gateway = await stack.enter_async_context(run_text_gateway(state, redis_url=url, redis_timeout_s=5))
        yield Office(gateway.http, secrets)


async def assert_hidden(office: Office, name: str, method: str, path: str, item_id: str, **request: Any) -> None:
    """Check that a response is the same as for an ID that does not exist."""
    responses = [
        (await office.send(name, method, path.format(shown), **request), shown) for shown in (item_id, UNKNOWN)
    ]
    bodies = []
    for response, shown in responses:
        assert response.status_code == 404, (name, method, path, response.text)
        problem = response.json()
        del problem["request_id"]
        bodies.append(repr(problem).replace(shown, "ID"))
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize("stranger", ["eve", "ivy"])
async def test_others_find_nothing(office: Office, stranger: str) -> None:
    receipt = await office.read("ana")
    await office.correct("ana", receipt, total="1.00")
    receipt_path, corrections_path = "/v1/receipts/{}", "/v1/receipts/{}/corrections"
    body = {"fields": {"total": {"value": "666.00"}}}
    for method, path, content in (
        ("GET", receipt_path, None),
        ("DELETE", receipt_path, None),
        ("GET", corrections_path, None),
        ("PUT", corrections_path, body),
        ("DELETE", corrections_path, None),
    ):
        await assert_hidden(office, stranger, method, path, receipt["id"], json=content)
    exported = await office.send(stranger, "POST", "/v1/exports", json={"ids": [receipt["id"]], "format": "json"})
    assert_problem(exported, 404, "receipt-not-found")
    after = (await office.send("bob", "GET", f"/v1/receipts/{receipt['id']}")).json()
    assert after["corrections"]["fields"]["total"]["value"] == "1.00"


async def test_jobs_of_others_do_not_exist(office: Office) -> None:
    job = await office.run_job("ana", make_text_picture(), make_text_picture("SHOP", "STREET", "1.00"))
    assert job.counts.done == 2
    for name in ("eve", "ivy"):
        for method, path in (
            ("GET", "/v1/jobs/{}"),
            ("GET", "/v1/jobs/{}/events"),
            ("GET", "/v1/jobs/{}/results"),
            ("DELETE", "/v1/jobs/{}"),
        ):
            await assert_hidden(office, name, method, path, job.id)
        assert job.files[0].receipt_id is not None
        await assert_hidden(office, name, "GET", "/v1/receipts/{}", job.files[0].receipt_id)
    for name in ("bob", "root"):
        assert len((await office.send(name, "GET", f"/v1/jobs/{job.id}/results")).json()) == 2
    assert (await office.send("bob", "DELETE", f"/v1/jobs/{job.id}")).status_code == 204
    await assert_hidden(office, "root", "GET", "/v1/jobs/{}", job.id)


async def test_results_of_a_job_show_the_corrections_of_its_owner(office: Office) -> None:
    job = await office.run_job("ana", make_text_picture())
    receipt = await office.read("eve")
    await office.correct("eve", receipt, total="666.00")
    for name in ("ana", "root"):
        (row,) = (await office.send(name, "GET", f"/v1/jobs/{job.id}/results")).json()
        assert row["receipt"]["corrections"] is None
    await office.correct("ana", receipt, total="1.00")
    for name in ("ana", "root"):
        (row,) = (await office.send(name, "GET", f"/v1/jobs/{job.id}/results")).json()
        assert row["receipt"]["corrections"]["fields"]["total"]["value"] == "1.00"


async def test_the_same_picture_is_new_to_each_group(office: Office) -> None:
    for name, is_cached in (("ana", False), ("eve", False), ("ivy", False), ("bob", True), ("eve", True)):
        assert (await office.read(name))["cached"] is is_cached, name
    receipt = await office.read("ana")
    assert (await office.send("eve", "DELETE", f"/v1/receipts/{receipt['id']}")).status_code == 204
    assert (await office.read("ana"))["cached"] is True
    assert (await office.read("eve"))["cached"] is False


async def test_groups_do_not_learn_from_each_other(office: Office) -> None:
    await office.correct("ana", await office.read("ana"), company=SHOP)
    other = (*TEXT[:-1], "12.00")
    learned = {name: (await office.read(name, *other))["fields"]["company"]["value"] for name in EVERYONE}
    assert learned == dict.fromkeys(EVERYONE, MISREAD_SHOP) | {"ana": SHOP, "bob": SHOP}


async def test_idempotency_keys_belong_to_a_group(office: Office) -> None:
    first = await office.read("ana", Idempotency_Key="1")
    for name, is_replayed in (("eve", False), ("ivy", False), ("bob", True), ("ana", True)):
        again = await office.read(name, Idempotency_Key="1")
        assert (again["id"], again["replayed"]) == (first["id"], is_replayed), name
    # Another request with the key is refused only where the key was used.
    assert (await office.read("root", "SHOP", "STREET", "1.00", Idempotency_Key="1"))["replayed"] is False


async def test_the_author_of_a_correction_is_the_key(office: Office) -> None:
    receipt = await office.read("ana")
    for name in ("ana", "bob", "root"):
        corrected = (await office.correct(name, receipt, total="1.00")).json()
        assert corrected["fields"]["total"]["author"] == name


async def test_operators_see_and_delete_everything(office: Office) -> None:
    receipt = await office.read("ana")
    await office.read("eve")
    await office.correct("eve", receipt, total="1.00")
    path = f"/v1/receipts/{receipt['id']}"
    assert (await office.send("root", "GET", f"{path}/corrections")).json()["fields"]["total"]["author"] == "eve"
    assert (await office.send("root", "GET", path)).status_code == 200
    exported = await office.send("root", "POST", "/v1/exports", json={"ids": [receipt["id"]], "format": "json"})
    assert len(exported.json()) == 1
    assert (await office.send("root", "DELETE", path)).status_code == 204
    for name in EVERYONE:
        await assert_hidden(office, name, "GET", "/v1/receipts/{}", receipt["id"])
        await assert_hidden(office, name, "GET", "/v1/receipts/{}/corrections", receipt["id"])


async def test_concurrent_callers_of_two_groups_keep_apart(office: Office) -> None:
    texts = [("SHOP", "STREET", f"{number}.00") for number in range(4)]

    async def work(name: str, text: tuple[str, ...]) -> tuple[bool, bool]:
        receipt = await office.read(name, *text)
        assert (await office.correct(name, receipt, total="1.00" if name == "ana" else "2.00")).status_code == 200
        found = (await office.send(name, "GET", f"/v1/receipts/{receipt['id']}")).json()
        value = found["corrections"]["fields"]["total"]["value"]
        return receipt["cached"], value == ("1.00" if name == "ana" else "2.00")

    for is_cached in (False, True):
        results = await asyncio.gather(*(work(name, text) for text in texts for name in ("ana", "eve")))
        assert results == [(is_cached, True)] * 8
