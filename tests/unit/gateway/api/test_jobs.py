"""The job endpoints: forms that are rejected, and formats of results."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from gateway.jobs.contracts import Job
from gateway.settings import GatewaySettings
from tests.support.archives import make_zip
from tests.support.gateway import Gateway, assert_problem, make_picture, run_gateway
from tests.support.jobs import get_results, run_job, wait_until_done


async def test_returns_results_as_tables_and_lines(gateway: Gateway) -> None:
    job = await run_job(gateway, ("=a.png", make_picture()), ("b.png", b"not a picture"))
    path = f"/v1/jobs/{job.id}/results"
    response = await gateway.http.get(path, params={"format": "csv"})
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == f'attachment; filename="job-{job.id[:8]}.csv"'
    done, failed = csv.DictReader(io.StringIO(response.text))
    assert (done["file"], done["total"], done["id"]) == ("'=a.png", "9.00", job.files[0].receipt_id)
    problem = job.files[1].problem
    assert problem is not None
    assert failed["error"] == f"{problem.title}. {problem.detail}"
    lines = (await gateway.http.get(path, params={"format": "jsonl"})).text.splitlines()
    assert [json.loads(line)["index"] for line in lines] == [0, 1]
    workbook = await gateway.http.get(path, params={"format": "xlsx"})
    assert zipfile.is_zipfile(io.BytesIO(workbook.content))
    assert_problem(await gateway.http.get(path, params={"format": "pdf"}), 422, "invalid-request")


async def test_table_includes_corrections(gateway: Gateway) -> None:
    job = await run_job(gateway, ("a.png", make_picture()))
    path = f"/v1/receipts/{job.files[0].receipt_id}/corrections"
    await gateway.http.put(path, json={"fields": {"total": {"value": "8.00"}}})
    response = await gateway.http.get(f"/v1/jobs/{job.id}/results", params={"format": "csv"})
    (row,) = csv.DictReader(io.StringIO(response.text))
    assert (row["total"], row["total_corrected"]) == ("8.00", "person")


async def test_no_store_keeps_receipts_out_of_the_cache(gateway: Gateway) -> None:
    form = [("files", ("a.png", make_picture(), "image/png"))]
    response = await gateway.http.post("/v1/jobs", files=form, headers={"Cache-Control": "no-store"})
    job = await wait_until_done(gateway, Job.model_validate_json(response.content))
    (result,) = await get_results(gateway, job)
    assert result.receipt is not None
    assert (await gateway.http.get(f"/v1/receipts/{result.receipt.id}")).status_code == 404


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
        ({"files": [("files", ("a.zip", make_zip(*((str(n), b"1") for n in range(6)))))]}, 413, "too-many-files"),
        ({"files": [("files", (str(n), b"1" * 500)) for n in range(3)]}, 413, "job-too-large"),
        ({"files": [("files", ("a.zip", make_zip(*((str(n), b"1" * 500) for n in range(3)))))]}, 413, "job-too-large"),
        ({"files": [("files", ("a", bytes(3_000_000)))]}, 413, "upload-too-large"),
    ],
)
async def test_rejected_form_stores_nothing(form: dict[str, Any], status: int, code: str, tmp_path: Path) -> None:
    async with run_gateway(GatewaySettings(job_max_files=5, job_max_bytes=1_200)) as gateway:
        assert_problem(await gateway.http.post("/v1/jobs", **form), status, code)
    assert list((tmp_path / "state" / "jobs").glob("*")) == []
