"""Jobs with real processes: killed gateways, shared jobs, deletion."""

from __future__ import annotations

import hashlib
import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from benchmarks.processes import Process
from tests.support.archives import make_zip
from tests.support.deployment import Deployment, Site
from tests.support.pictures import make_distinct_pictures

FILE_COUNT = 200
LEASE_S = 5  # files of a killed gateway are read again after it


def create_job(client: httpx2.Client, files: list[bytes]) -> dict[str, Any]:
    archive = make_zip(*((f"{number}.png", data) for number, data in enumerate(files)))
    response = client.post("/v1/jobs", files=[("files", ("pile.zip", archive, "application/zip"))])
    assert response.status_code == 202, response.text
    job: dict[str, Any] = response.json()
    assert job["counts"]["total"] == len(files)
    return job


def get_counts(client: httpx2.Client, job: dict[str, Any]) -> dict[str, int]:
    counts: dict[str, int] = client.get(f"/v1/jobs/{job['id']}").json()["counts"]
    return counts


def wait_until_done(client: httpx2.Client, job: dict[str, Any], count: int, timeout_s: float = 60.0) -> None:
    """Wait until this many files are done."""
    end = time.monotonic() + timeout_s
    while get_counts(client, job)["done"] < count:
        assert time.monotonic() < end, get_counts(client, job)
        time.sleep(0.05)


def follow_events(client: httpx2.Client, job: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    with client.stream("GET", f"/v1/jobs/{job['id']}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in response.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


def assert_results(client: httpx2.Client, job: dict[str, Any], files: list[bytes]) -> None:
    """Check that every file has exactly one result, its own."""
    rows = client.get(f"/v1/jobs/{job['id']}/results", params={"format": "jsonl"}).text.splitlines()
    results = [json.loads(row) for row in rows]
    assert [result["index"] for result in results] == list(range(len(files)))
    for result, data in zip(results, files, strict=True):
        digest = hashlib.sha256(data).hexdigest()
        assert result["state"] == "done", result
        assert result["name"] == f"{result['index']}.png"
        assert result["receipt"]["id"] == digest[:32]
        assert result["receipt"]["fields"]["company"]["value"] == digest


def count_readings(stages: Process) -> Counter[str]:
    """Return how often the stand-ins read each picture."""
    return Counter(httpx2.get(f"{stages.url}/seen").json())


def open_client(process: Process) -> httpx2.Client:
    return httpx2.Client(base_url=process.url, timeout=60)


@pytest.fixture(params=["redis", "disk"])
def storage(request: pytest.FixtureRequest, site: Site) -> dict[str, str]:
    """The environment of gateways that store jobs in Redis, or on the disk."""
    environment = {"QUITTANCE_JOB_LEASE_S": str(LEASE_S), "QUITTANCE_CACHE_TTL_S": "0"}
    if request.param == "redis":
        environment["QUITTANCE_REDIS_URL"] = f"redis://127.0.0.1:{site.start_redis().port}/0"
    return environment


def test_killed_gateway_continues_after_a_restart(site: Site, storage: dict[str, str]) -> None:
    stages = site.start_stages("stages", 0.03)
    gateway = site.start_gateway("gateway", stages, **storage)
    files = make_distinct_pictures(FILE_COUNT)
    with open_client(gateway) as client:
        job = create_job(client, files)
        wait_until_done(client, job, 30)
        assert get_counts(client, job)["done"] < FILE_COUNT
    gateway.stop(signal.SIGKILL)
    gateway.start()
    with open_client(gateway) as client:
        before = get_counts(client, job)
        assert 30 <= before["done"] < FILE_COUNT
        events = list(follow_events(client, job))
        assert events[-1][0] == "done"
        assert events[-1][1]["counts"] == {
            "total": FILE_COUNT,
            "queued": 0,
            "running": 0,
            "done": FILE_COUNT,
            "failed": 0,
        }
        assert_results(client, job, files)
    # Only the files that the process was reading when it was killed are read again.
    readings = count_readings(stages)
    assert len(readings) == FILE_COUNT
    assert FILE_COUNT <= readings.total() <= FILE_COUNT + 2
    assert max(readings.values()) <= 2


def test_killed_redis_loses_no_job(site: Site) -> None:
    """Configured as in docker-compose.yml, Redis writes to the disk every second."""
    redis, stages = site.start_redis(), site.start_stages("stages", 0.03)
    url = {"QUITTANCE_REDIS_URL": f"redis://127.0.0.1:{redis.port}/0", "QUITTANCE_JOB_LEASE_S": str(LEASE_S)}
    gateway = site.start_gateway("gateway", stages, **url)
    files = make_distinct_pictures(FILE_COUNT)
    with open_client(gateway) as client:
        job = create_job(client, files)
        wait_until_done(client, job, 30)
        redis.stop(signal.SIGKILL)
        response = client.get(f"/v1/jobs/{job['id']}")
        assert (response.status_code, response.json()["type"]) == (503, "urn:quittance:problem:jobs-unavailable")
        redis.start()
        time.sleep(0.5)
        wait_until_done(client, job, FILE_COUNT)
        assert_results(client, job, files)


def test_gateways_share_a_job_and_one_takes_over_from_the_other(site: Site) -> None:
    redis = site.start_redis()
    url = {"QUITTANCE_REDIS_URL": f"redis://127.0.0.1:{redis.port}/0", "QUITTANCE_JOB_LEASE_S": str(LEASE_S)}
    all_stages = [site.start_stages(f"stages-{name}", 0.05) for name in "ab"]
    gateways = [site.start_gateway(f"gateway-{name}", one, **url) for name, one in zip("ab", all_stages, strict=True)]
    files = make_distinct_pictures(FILE_COUNT)
    with open_client(gateways[1]) as client:
        job = create_job(client, files)
        wait_until_done(client, job, 60)
        gateways[0].stop(signal.SIGKILL)
        wait_until_done(client, job, FILE_COUNT)
        assert_results(client, job, files)
    shares = [count_readings(one) for one in all_stages]
    assert min(share.total() for share in shares) >= 15
    readings = shares[0] + shares[1]
    assert len(readings) == FILE_COUNT
    assert readings.total() <= FILE_COUNT + 2


def test_stopping_gateway_gives_its_files_back_at_once(site: Site) -> None:
    redis = site.start_redis()
    url = {"QUITTANCE_REDIS_URL": f"redis://127.0.0.1:{redis.port}/0", "QUITTANCE_JOB_LEASE_S": "600"}
    slow, quick = site.start_stages("slow", 5), site.start_stages("quick", 0)
    stopping = site.start_gateway("stopping", slow, **url)
    files = make_distinct_pictures(4)
    with open_client(stopping) as client:
        job = create_job(client, files)
        while count_readings(slow).total() < 2:
            time.sleep(0.05)
    assert stopping.stop(signal.SIGTERM) == 0
    remaining = site.start_gateway("remaining", quick, **url)
    with open_client(remaining) as client:
        wait_until_done(client, job, len(files), timeout_s=20)
        assert_results(client, job, files)


def test_deletes_a_running_job_completely(site: Site, storage: dict[str, str]) -> None:
    stages = site.start_stages("stages", 0.05)
    gateway = site.start_gateway("gateway", stages, **storage)
    files = make_distinct_pictures(FILE_COUNT)
    with open_client(gateway) as client:
        job = create_job(client, files)
        wait_until_done(client, job, 10)
        assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
        started = count_readings(stages).total()
        assert client.get(f"/v1/jobs/{job['id']}").status_code == 404
        assert client.get(f"/v1/jobs/{job['id']}/results").status_code == 404
        time.sleep(1)
        assert count_readings(stages).total() <= started + 2
        assert get_counts(client, create_job(client, files[:1]))["total"] == 1  # the queue still works
    assert not find_remains(storage, site, job["id"])


def find_remains(storage: dict[str, str], site: Site, job_id: str) -> list[Any]:
    """Return the keys in Redis, or the files, that still mention a job."""
    if "QUITTANCE_REDIS_URL" in storage:
        redis = pytest.importorskip("redis")
        with redis.Redis.from_url(storage["QUITTANCE_REDIS_URL"]) as client:
            return [key for key in client.scan_iter(f"*{job_id}*")]
    files: list[Path] = [path for path in (site.folder / "state").rglob("*") if path.is_file()]
    return [
        path for path in files if job_id in str(path) or ("jobs" in path.name and job_id.encode() in path.read_bytes())
    ]


def test_small_job_does_not_wait_for_a_large_one(site: Site, storage: dict[str, str]) -> None:
    stages = site.start_stages("stages", 0.05)
    gateway = site.start_gateway("gateway", stages, **storage)
    with open_client(gateway) as client:
        large = create_job(client, make_distinct_pictures(FILE_COUNT))
        small = create_job(client, make_distinct_pictures(1))
        wait_until_done(client, small, 1)
        assert get_counts(client, large)["done"] < FILE_COUNT // 2
        started = time.monotonic()
        one = client.post(
            "/v1/receipts", content=make_distinct_pictures(300)[-1], headers={"Content-Type": "image/png"}
        )
        assert one.status_code == 200
        assert time.monotonic() - started < 2


@pytest.mark.parametrize("role", ["gateway", "embedded"])
def test_job_gives_the_receipts_of_single_uploads(deployment: Deployment, repository: Path, role: str) -> None:
    """Use the real models, with jobs in Redis and on the disk."""
    samples = [repository / "tests" / "samples" / name for name in ("malaysia.jpg", "france.png")]
    with open_client(getattr(deployment, role)) as client:
        form = [("files", (path.name, path.read_bytes(), "application/octet-stream")) for path in samples]
        response = client.post("/v1/jobs", files=[*form, ("files", ("notes.txt", b"not a picture", "text/plain"))])
        assert response.status_code == 202
        last = list(follow_events(client, response.json()))[-1]
        assert (last[0], last[1]["counts"]["done"], last[1]["counts"]["failed"]) == ("done", 2, 1)
        results = client.get(f"/v1/jobs/{last[1]['id']}/results").json()
        for path, result in zip(samples, results, strict=False):
            alone = client.post("/v1/receipts", content=path.read_bytes()).json()
            assert result["receipt"]["lines"] == alone["lines"]
            assert result["receipt"]["fields"] == alone["fields"]
        assert results[2]["problem"]["status"] == 415
