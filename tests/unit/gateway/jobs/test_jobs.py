"""The life of a job: its files, its results, its end."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from gateway.jobs.contracts import Counts
from gateway.settings import GatewaySettings
from tests.support.archives import make_zip
from tests.support.gateway import Gateway, assert_problem, make_picture, run_gateway
from tests.support.jobs import create_job, get_problem_codes, get_results, run_job, wait_until_done


def make_document(shades: list[int]) -> bytes:
    """Encode a TIFF with one page per shade of gray."""
    pages = [Image.new("RGB", (100, 200), (shade,) * 3) for shade in shades]
    buffer = io.BytesIO()
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    return buffer.getvalue()


async def test_reads_every_file_and_reports_failures(gateway: Gateway) -> None:
    files = [("a.png", make_picture(shade=1)), ("b.png", b"not a picture"), ("../c.png", make_picture(shade=2))]
    job = await create_job(gateway, *files)
    assert (job.counts.total, [file.name for file in job.files]) == (3, ["a.png", "b.png", "c.png"])
    job = await wait_until_done(gateway, job)
    assert [file.state for file in job.files] == ["done", "failed", "done"]
    assert job.counts == Counts(total=3, done=2, failed=1)
    assert job.finished is not None
    assert job.finished >= job.created
    problem = job.files[1].problem
    assert problem is not None
    assert (problem.status, problem.type) == (415, "urn:quittance:problem:unsupported-format")
    results = await get_results(gateway, job)
    assert [result.index for result in results] == [0, 1, 2]
    assert results[1].problem == problem
    for result in (results[0], results[2]):
        assert result.receipt is not None
        assert result.receipt.id == job.files[result.index].receipt_id
        cached = await gateway.http.get(f"/v1/receipts/{result.receipt.id}")
        assert cached.json() == json.loads(result.receipt.model_dump_json()) | {"cached": True}


async def test_unpacks_zips(gateway: Gateway) -> None:
    archive = make_zip(("x/a.png", make_picture(shade=1)), ("x/b.png", make_picture(shade=2)))
    job = await run_job(
        gateway,
        ("pile.zip", archive),
        ("c.png", make_picture(shade=3)),
        ("damaged.zip", archive[:50]),
        ("empty.zip", make_zip()),
    )
    states = {file.name: file.state for file in job.files}
    assert states == {
        "x/a.png": "done",
        "x/b.png": "done",
        "c.png": "done",
        "damaged.zip": "failed",
        "empty.zip": "failed",
    }
    assert get_problem_codes(job) == ["archive-damaged", "archive-empty"]


async def test_job_without_readable_files_is_done_at_once(gateway: Gateway) -> None:
    job = await create_job(gateway, ("a.zip", b"PK\x03\x04"), ("empty.png", b""))
    assert (job.state, job.counts.failed) == ("done", 2)
    assert job.finished is not None


async def test_file_that_is_too_large_fails_alone() -> None:
    async with run_gateway(GatewaySettings(max_upload_bytes=1_000)) as gateway:
        job = await run_job(gateway, ("a.png", make_picture()), ("b.png", bytes(1_001)))
        assert [file.state for file in job.files] == ["done", "failed"]
        assert job.files[1].problem is not None
        assert "1,000 bytes" in job.files[1].problem.detail


async def test_split_gives_one_receipt_per_page(gateway: Gateway) -> None:
    tiff = make_document([10, 20])
    whole = await run_job(gateway, ("scan.tif", tiff))
    split = await run_job(gateway, ("scan.tif", tiff), ("one.png", make_picture()), split="pages")
    assert len(whole.files[0].receipt_ids) == 1
    assert len(split.files[0].receipt_ids) == 2
    assert split.files[0].receipt_id == split.files[0].receipt_ids[0]
    assert len({*whole.files[0].receipt_ids, *split.files[0].receipt_ids}) == 3
    results = await get_results(gateway, split)
    assert [(result.index, result.page) for result in results] == [(0, 0), (0, 1), (1, None)]
    assert all(result.receipt is not None and len(result.receipt.pages) == 1 for result in results)


async def test_split_gives_the_receipts_of_a_single_upload(gateway: Gateway) -> None:
    tiff = make_document([10, 20])
    whole = await run_job(gateway, ("scan.tif", tiff))
    split = await run_job(gateway, ("scan.tif", tiff), ("one.png", make_picture()), split="pages")
    response = await gateway.http.post("/v1/receipts", params={"split": "pages"}, content=tiff)
    assert [receipt["id"] for receipt in response.json()["receipts"]] == split.files[0].receipt_ids
    assert response.json()["id"] == whole.files[0].receipt_id
    assert (await gateway.http.get(f"/v1/receipts/{split.files[0].receipt_ids[1]}")).status_code == 200
    response = await gateway.http.post("/v1/receipts", params={"split": "pages"}, content=make_picture())
    ids = [receipt["id"] for receipt in response.json()["receipts"]]
    assert ids == split.files[1].receipt_ids == [response.json()["id"]]
    assert_problem(await gateway.http.post("/v1/receipts", params={"split": "lines"}), 422, "invalid-request")


async def test_results_include_later_corrections(gateway: Gateway) -> None:
    job = await run_job(gateway, ("a.png", make_picture()))
    path = f"/v1/receipts/{job.files[0].receipt_id}/corrections"
    assert (await gateway.http.put(path, json={"fields": {"total": {"value": "8.00"}}})).status_code == 200
    (result,) = await get_results(gateway, job)
    assert result.receipt is not None
    assert result.receipt.corrections is not None
    assert result.receipt.corrections.fields["total"].amount == "8.00"


async def test_results_outlive_a_disabled_cache() -> None:
    async with run_gateway(GatewaySettings(cache_ttl_s=0)) as gateway:
        job = await run_job(gateway, ("a.png", make_picture()))
        (result,) = await get_results(gateway, job)
        assert result.receipt is not None
        assert (await gateway.http.get(f"/v1/receipts/{result.receipt.id}")).status_code == 404


async def test_deletes_everything_about_a_job(gateway: Gateway, tmp_path: Path) -> None:
    gateway.detector.delay_s = 0.2
    files = [(f"secret-{number}.png", make_picture(shade=number)) for number in range(40)]
    job = await create_job(gateway, *files)
    await asyncio.sleep(0.1)
    assert (await gateway.http.delete(f"/v1/jobs/{job.id}")).status_code == 204
    for path in ("", "/events", "/results"):
        assert_problem(await gateway.http.get(f"/v1/jobs/{job.id}{path}"), 404, "job-not-found")
    assert_problem(await gateway.http.delete(f"/v1/jobs/{job.id}"), 404, "job-not-found")
    await asyncio.sleep(1)
    remaining = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert remaining
    assert {path.parent.name for path in remaining} == {"state"}
    assert not [path for path in remaining if b"secret-" in path.read_bytes()]


async def test_jobs_expire(monkeypatch: pytest.MonkeyPatch, gateway: Gateway, tmp_path: Path) -> None:
    job = await run_job(gateway, ("a.png", make_picture()))
    monkeypatch.setattr("gateway.jobs.stores.job_rows.time.time", lambda: job.expires.timestamp() + 1)
    assert_problem(await gateway.http.get(f"/v1/jobs/{job.id}"), 404, "job-not-found")
    async with run_gateway(GatewaySettings()):
        await asyncio.sleep(0.2)
    assert list((tmp_path / "state" / "jobs").iterdir()) == []


async def test_writes_nothing_before_the_first_job(gateway: Gateway, tmp_path: Path) -> None:
    assert_problem(await gateway.http.get(f"/v1/jobs/{'0' * 32}"), 404, "job-not-found")
    assert_problem(await gateway.http.get("/v1/jobs/first"), 422, "invalid-request")
    assert not (tmp_path / "state").exists()
