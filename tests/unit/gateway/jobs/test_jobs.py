"""Jobs through the API of a gateway with stand-ins for the services and its state on disk."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gateway.jobs import worker
from gateway.jobs.contracts import Counts, FileResult, FileState, Job
from gateway.settings import GatewaySettings
from shared.problems import ProblemError
from tests.support.gateway import Gateway, assert_problem, make_picture, run_gateway

File = tuple[str, bytes]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_MIN_PAUSE_S", 0.01)


def zipped(*files: File) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files:
            archive.writestr(name, content)
    return buffer.getvalue()


def document(shades: list[int]) -> bytes:
    """A TIFF with a page for each shade of gray."""
    pages = [Image.new("RGB", (100, 200), (shade,) * 3) for shade in shades]
    buffer = io.BytesIO()
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    return buffer.getvalue()


async def create(gateway: Gateway, *files: File, **params: str) -> Job:
    form = [("files", (name, content, "application/octet-stream")) for name, content in files]
    response = await gateway.http.post("/v1/jobs", files=form, params=params)
    assert response.status_code == 202, response.text
    job = Job.model_validate_json(response.content)
    assert response.headers["location"] == f"/v1/jobs/{job.id}"
    assert response.headers["cache-control"] == "no-store"
    return job


async def get(gateway: Gateway, job: Job) -> Job:
    return Job.model_validate_json((await gateway.http.get(f"/v1/jobs/{job.id}")).content)


async def finished(gateway: Gateway, job: Job) -> Job:
    async with asyncio.timeout(20):
        await gateway.http.get(f"/v1/jobs/{job.id}/events")  # ends when the job does
    job = await get(gateway, job)
    assert job.state == "done"
    return job


async def results(gateway: Gateway, job: Job) -> list[FileResult]:
    response = await gateway.http.get(f"/v1/jobs/{job.id}/results")
    return [FileResult.model_validate(row) for row in response.json()]


def parsed(stream: str) -> list[tuple[str, Any]]:
    """Server-sent events as pairs of name and content; comments are left out."""
    events = []
    for block in stream.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            events.append((lines["event"], json.loads(lines["data"])))
    return events


async def test_every_file_is_read_and_one_that_fails_says_why(gateway: Gateway) -> None:
    files = [("a.png", make_picture(shade=1)), ("b.png", b"no picture"), ("../c.png", make_picture(shade=2))]
    job = await create(gateway, *files)
    assert (job.counts.total, [file.name for file in job.files]) == (3, ["a.png", "b.png", "c.png"])
    job = await finished(gateway, job)
    assert [file.state for file in job.files] == ["done", "failed", "done"]
    assert job.counts == Counts(total=3, done=2, failed=1)
    assert job.finished is not None
    assert job.finished >= job.created
    failure = job.files[1].problem
    assert failure is not None
    assert (failure.status, failure.type) == (415, "urn:quittance:problem:unsupported-format")
    rows = await results(gateway, job)
    assert [row.index for row in rows] == [0, 1, 2]
    assert rows[1].problem == failure
    for row in (rows[0], rows[2]):
        assert row.receipt is not None
        assert row.receipt.id == job.files[row.index].receipt_id
        found = await gateway.http.get(f"/v1/receipts/{row.receipt.id}")
        assert found.json() == json.loads(row.receipt.model_dump_json()) | {"cached": True}


async def test_zips_and_files_make_one_job(gateway: Gateway) -> None:
    archive = zipped(("x/a.png", make_picture(shade=1)), ("x/b.png", make_picture(shade=2)))
    broken = archive[:50]
    empty = zipped()
    job = await create(
        gateway, ("pile.zip", archive), ("c.png", make_picture(shade=3)), ("d.zip", broken), ("e.zip", empty)
    )
    job = await finished(gateway, job)
    states = {file.name: file.state for file in job.files}
    assert states == {"x/a.png": "done", "x/b.png": "done", "c.png": "done", "d.zip": "failed", "e.zip": "failed"}
    types = [file.problem.type.rpartition(":")[2] for file in job.files if file.problem is not None]
    assert types == ["archive-damaged", "archive-empty"]


async def test_a_job_in_which_nothing_can_be_read_is_done_at_once(gateway: Gateway) -> None:
    job = await create(gateway, ("a.zip", b"PK\x03\x04"), ("empty.png", b""))
    assert (job.state, job.counts.failed) == ("done", 2)
    assert job.finished is not None


async def test_many_files_are_all_read_past_those_that_fail_at_once(gateway: Gateway) -> None:
    """More than are in the queue at a time, so that each brings the next."""
    files = [
        (f"{number}.png", make_picture(shade=number) if number % 3 else b"") for number in range(3 * worker.CHAIN_COUNT)
    ]
    job = await finished(gateway, await create(gateway, *files))
    assert job.counts == Counts(total=96, done=64, failed=32)
    assert len(gateway.detector.requests) == 64


async def test_pages_are_one_receipt_or_with_split_one_each(gateway: Gateway) -> None:
    tiff = document([10, 20])
    whole = await finished(gateway, await create(gateway, ("scan.tif", tiff)))
    split = await finished(
        gateway, await create(gateway, ("scan.tif", tiff), ("one.png", make_picture()), split="pages")
    )
    assert len(whole.files[0].receipt_ids) == 1
    assert len(split.files[0].receipt_ids) == 2
    assert split.files[0].receipt_id == split.files[0].receipt_ids[0]
    assert len({*whole.files[0].receipt_ids, *split.files[0].receipt_ids}) == 3
    rows = await results(gateway, split)
    assert [(row.index, row.page) for row in rows] == [(0, 0), (0, 1), (1, None)]
    assert all(row.receipt is not None and len(row.receipt.pages) == 1 for row in rows)

    response = await gateway.http.post("/v1/receipts", params={"split": "pages"}, content=tiff)
    assert [one["id"] for one in response.json()["receipts"]] == split.files[0].receipt_ids
    assert response.json()["id"] == whole.files[0].receipt_id
    assert (await gateway.http.get(f"/v1/receipts/{split.files[0].receipt_ids[1]}")).status_code == 200
    single = await gateway.http.post("/v1/receipts", params={"split": "pages"}, content=make_picture())
    assert [one["id"] for one in single.json()["receipts"]] == split.files[1].receipt_ids == [single.json()["id"]]
    assert_problem(await gateway.http.post("/v1/receipts", params={"split": "lines"}), 422, "invalid-request")


async def test_events_tell_what_is_and_what_changes(gateway: Gateway) -> None:
    gateway.detector.delay_s = 0.4
    job = await create(gateway, ("a.png", make_picture(shade=1)), ("b.png", b"no picture"))
    response = await gateway.http.get(f"/v1/jobs/{job.id}/events")
    assert response.headers["content-type"].startswith("text/event-stream")
    events = parsed(response.text)
    assert [name for name, _ in events][:3] == ["file", "file", "progress"]
    assert events[-1] == ("done", json.loads((await get(gateway, job)).model_dump_json()))
    last = {content["index"]: FileState.model_validate(content).state for name, content in events if name == "file"}
    assert last == {0: "done", 1: "failed"}
    progress = [Counts.model_validate(content) for name, content in events if name == "progress"]
    assert progress[-1] == Counts(total=2, done=1, failed=1)
    assert len(progress) >= 2
    again = parsed((await gateway.http.get(f"/v1/jobs/{job.id}/events")).text)
    assert [name for name, _ in again] == ["file", "file", "progress", "done"]


async def test_events_of_a_job_that_is_deleted_end(gateway: Gateway) -> None:
    gateway.detector.delay_s = 1
    job = await create(gateway, *((f"{number}.png", make_picture(shade=number)) for number in range(9)))
    following = asyncio.create_task(gateway.http.get(f"/v1/jobs/{job.id}/events"))
    await asyncio.sleep(0.2)
    assert (await gateway.http.delete(f"/v1/jobs/{job.id}")).status_code == 204
    name, content = parsed((await following).text)[-1]
    assert (name, content["state"]) == ("done", "cancelled")


async def test_a_deleted_job_is_forgotten_and_nothing_more_of_it_is_read(gateway: Gateway, tmp_path: Path) -> None:
    gateway.detector.delay_s = 0.2
    files = [(f"secret-{number}.png", make_picture(shade=number)) for number in range(40)]
    job = await create(gateway, *files)
    await asyncio.sleep(0.1)
    assert (await gateway.http.delete(f"/v1/jobs/{job.id}")).status_code == 204
    for path in ("", "/events", "/results"):
        assert_problem(await gateway.http.get(f"/v1/jobs/{job.id}{path}"), 404, "job-not-found")
    assert_problem(await gateway.http.delete(f"/v1/jobs/{job.id}"), 404, "job-not-found")
    begun = len(gateway.detector.requests)
    await asyncio.sleep(1)
    assert len(gateway.detector.requests) <= min(begun + 2, 38)  # those that were begun already
    kept = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if path.parent.name not in ("state",)]
    assert not [path for path in kept if b"secret-" in path.read_bytes()]


async def test_overloaded_stages_are_asked_again(gateway: Gateway) -> None:
    gateway.detector.fails_with = ProblemError(503, "overloaded", "Overloaded", "Later.", headers={"Retry-After": "0"})
    job = await create(gateway, ("a.png", make_picture()))
    await asyncio.sleep(0.5)
    assert len(gateway.detector.requests) >= 3
    assert (await get(gateway, job)).files[0].state == "running"
    gateway.detector.fails_with = None
    assert (await finished(gateway, job)).files[0].state == "done"


async def test_a_stage_that_fails_for_good_fails_the_file(gateway: Gateway) -> None:
    gateway.detector.answer = "nonsense"
    job = await finished(gateway, await create(gateway, ("a.png", make_picture())))
    assert job.files[0].problem is not None
    assert job.files[0].problem.status == 502


async def test_results_as_a_table(gateway: Gateway) -> None:
    job = await finished(gateway, await create(gateway, ("=a.png", make_picture()), ("b.png", b"no picture")))
    response = await gateway.http.get(f"/v1/jobs/{job.id}/results", params={"format": "csv"})
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == f'attachment; filename="job-{job.id[:8]}.csv"'
    good, bad = csv.DictReader(io.StringIO(response.text))
    assert (good["file"], good["total"], good["id"]) == ("'=a.png", "9.00", job.files[0].receipt_id)
    assert bad["error"].startswith("The format is not supported.")
    lines = (await gateway.http.get(f"/v1/jobs/{job.id}/results", params={"format": "jsonl"})).text.splitlines()
    assert [json.loads(line)["index"] for line in lines] == [0, 1]
    workbook = await gateway.http.get(f"/v1/jobs/{job.id}/results", params={"format": "xlsx"})
    assert zipfile.is_zipfile(io.BytesIO(workbook.content))
    assert_problem(
        await gateway.http.get(f"/v1/jobs/{job.id}/results", params={"format": "pdf"}), 422, "invalid-request"
    )


async def test_results_hold_what_people_corrected_meanwhile(gateway: Gateway) -> None:
    job = await finished(gateway, await create(gateway, ("a.png", make_picture())))
    path = f"/v1/receipts/{job.files[0].receipt_id}/corrections"
    assert (await gateway.http.put(path, json={"fields": {"total": {"value": "8.00"}}})).status_code == 200
    (row,) = await results(gateway, job)
    assert row.receipt is not None
    assert row.receipt.corrections is not None
    assert row.receipt.corrections.fields["total"].amount == "8.00"
    (cells,) = csv.DictReader(
        io.StringIO((await gateway.http.get(f"/v1/jobs/{job.id}/results", params={"format": "csv"})).text)
    )
    assert (cells["total"], cells["total_corrected"]) == ("8.00", "person")


async def test_results_are_kept_where_nothing_else_is() -> None:
    async with run_gateway(GatewaySettings(cache_ttl_s=0)) as gateway:
        job = await finished(gateway, await create(gateway, ("a.png", make_picture())))
        (row,) = await results(gateway, job)
        assert row.receipt is not None
        assert (await gateway.http.get(f"/v1/receipts/{row.receipt.id}")).status_code == 404


async def test_a_job_may_keep_its_receipts_out_of_the_cache(gateway: Gateway) -> None:
    form = [("files", ("a.png", make_picture(), "image/png"))]
    response = await gateway.http.post("/v1/jobs", files=form, headers={"Cache-Control": "no-store"})
    job = await finished(gateway, Job.model_validate_json(response.content))
    (row,) = await results(gateway, job)
    assert row.receipt is not None
    assert (await gateway.http.get(f"/v1/receipts/{row.receipt.id}")).status_code == 404


async def test_a_gateway_that_is_started_anew_goes_on(gateway: Gateway) -> None:
    async with run_gateway(GatewaySettings(job_concurrency=0)) as idle:
        job = await create(idle, ("a.png", make_picture(shade=1)), ("b.png", make_picture(shade=2)))
    async with run_gateway(GatewaySettings()) as fresh:
        assert (await finished(fresh, job)).counts.done == 2


async def test_a_file_that_was_lost_or_ends_every_worker_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with run_gateway(GatewaySettings(job_concurrency=0)) as idle:
        job = await create(idle, ("lost.png", make_picture(shade=1)), ("deadly.png", make_picture(shade=2)))
    (tmp_path / "state" / "jobs" / job.id / "0").unlink()
    monkeypatch.setattr(worker, "_MAX_ATTEMPTS", 0)
    async with run_gateway(GatewaySettings()) as fresh:
        job = await finished(fresh, job)
        assert fresh.detector.requests == []
    types = [file.problem.type.rpartition(":")[2] for file in job.files if file.problem is not None]
    assert types == ["file-lost", "file-given-up"]


async def test_jobs_expire(monkeypatch: pytest.MonkeyPatch, gateway: Gateway, tmp_path: Path) -> None:
    job = await finished(gateway, await create(gateway, ("a.png", make_picture())))
    monkeypatch.setattr("gateway.jobs.stores.disk_job_store.time.time", lambda: job.expires.timestamp() + 1)
    assert_problem(await gateway.http.get(f"/v1/jobs/{job.id}"), 404, "job-not-found")
    async with run_gateway(GatewaySettings()):
        await asyncio.sleep(0.2)
    assert list((tmp_path / "state" / "jobs").iterdir()) == []


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"files": {"files": (None, "text")}}, 422, "file-missing"),
        ({"files": [("file", ("a.png", b"1"))]}, 422, "file-missing"),
        ({"files": [("webhook_url", (None, ""))] * 2}, 422, "file-missing"),
        ({"content": b"x", "headers": {"Content-Type": "image/png"}}, 415, "unsupported-content-type"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "bad-multipart"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=y"}}, 400, "bad-multipart"),
        (
            {"content": b"--y--\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=y"}},
            422,
            "file-missing",
        ),
        ({"files": [("files", (str(n), b"1")) for n in range(6)]}, 413, "too-many-files"),
        ({"files": [("files", ("a.zip", zipped(*((str(n), b"1") for n in range(6)))))]}, 413, "too-many-files"),
        ({"files": [("files", (str(n), b"1" * 500)) for n in range(3)]}, 413, "job-too-large"),
        ({"files": [("files", ("a.zip", zipped(*((str(n), b"1" * 500) for n in range(3)))))]}, 413, "job-too-large"),
        ({"files": [("files", ("a", bytes(3_000_000)))]}, 413, "upload-too-large"),
    ],
)
async def test_what_is_no_job_leaves_nothing_behind(
    form: dict[str, Any], status: int, code: str, tmp_path: Path
) -> None:
    async with run_gateway(GatewaySettings(job_max_files=5, job_max_bytes=1_200)) as gateway:
        assert_problem(await gateway.http.post("/v1/jobs", **form), status, code)
    assert list((tmp_path / "state" / "jobs").glob("*")) == []


async def test_a_file_that_is_too_large_fails_alone() -> None:
    async with run_gateway(GatewaySettings(max_upload_bytes=1_000)) as gateway:
        job = await finished(gateway, await create(gateway, ("a.png", make_picture()), ("b.png", bytes(1_001))))
        assert [file.state for file in job.files] == ["done", "failed"]
        assert job.files[1].problem is not None
        assert "1,000 bytes" in job.files[1].problem.detail


async def test_nothing_is_written_before_there_is_a_job(gateway: Gateway, tmp_path: Path) -> None:
    assert_problem(await gateway.http.get(f"/v1/jobs/{'0' * 32}"), 404, "job-not-found")
    assert_problem(await gateway.http.get("/v1/jobs/first"), 422, "invalid-request")
    assert not (tmp_path / "state").exists()


async def test_an_export_holds_the_receipts_asked_for(gateway: Gateway) -> None:
    ids = [(await gateway.post(make_picture(shade=shade))).json()["id"] for shade in (1, 2)]
    asked = {"ids": ids[::-1], "format": "csv", "names": {ids[0]: "lunch.png"}}
    response = await gateway.http.post("/v1/exports", json=asked)
    assert response.headers["content-disposition"] == 'attachment; filename="receipts.csv"'
    assert [(row["id"], row["file"]) for row in csv.DictReader(io.StringIO(response.text))] == [
        (ids[1], ""),
        (ids[0], "lunch.png"),
    ]
    missing = assert_problem(
        await gateway.http.post("/v1/exports", json={"ids": [*ids, "0" * 32], "format": "xlsx"}),
        404,
        "receipt-not-found",
    )
    assert (missing.model_extra or {})["missing"] == ["0" * 32]
    for wrong in ({"ids": [], "format": "csv"}, {"ids": ids, "format": "pdf"}, {"ids": ["x"], "format": "csv"}):
        assert_problem(await gateway.http.post("/v1/exports", json=wrong), 422, "invalid-request")
