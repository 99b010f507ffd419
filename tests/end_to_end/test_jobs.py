"""Jobs with real processes: what is killed in the middle, what is shared, what is forgotten."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

from tests.support.deployment import Deployment, Process, Site

FILES = 200
LEASE_S = 5  # that of the gateways below; a file that a killed one had is read again after it


def pictures(count: int = FILES) -> list[bytes]:
    """Small pictures, each another one."""
    made = []
    for number in range(count):
        image = Image.new("RGB", (100, 200), (number % 256, number // 256, 7))
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        made.append(buffer.getvalue())
    return made


def zipped(files: list[bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, data in enumerate(files):
            archive.writestr(f"{number}.png", data)
    return buffer.getvalue()


def create(client: httpx2.Client, files: list[bytes]) -> dict[str, Any]:
    response = client.post("/v1/jobs", files=[("files", ("pile.zip", zipped(files), "application/zip"))])
    assert response.status_code == 202, response.text
    job: dict[str, Any] = response.json()
    assert job["counts"]["total"] == len(files)
    return job


def counts(client: httpx2.Client, job: dict[str, Any]) -> dict[str, int]:
    found: dict[str, int] = client.get(f"/v1/jobs/{job['id']}").json()["counts"]
    return found


def wait_for(client: httpx2.Client, job: dict[str, Any], done: int, within_s: float = 60.0) -> None:
    end = time.monotonic() + within_s
    while counts(client, job)["done"] < done:
        assert time.monotonic() < end, counts(client, job)
        time.sleep(0.05)


def events(client: httpx2.Client, job: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    with client.stream("GET", f"/v1/jobs/{job['id']}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in response.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


def check_results(client: httpx2.Client, job: dict[str, Any], files: list[bytes]) -> None:
    """Every file has its result, its own, and once."""
    rows = client.get(f"/v1/jobs/{job['id']}/results", params={"format": "jsonl"}).text.splitlines()
    results = [json.loads(row) for row in rows]
    assert [result["index"] for result in results] == list(range(len(files)))
    for result, data in zip(results, files, strict=True):
        digest = hashlib.sha256(data).hexdigest()
        assert result["state"] == "done", result
        assert result["name"] == f"{result['index']}.png"
        assert result["receipt"]["id"] == digest[:32]
        assert result["receipt"]["fields"]["company"]["value"] == digest


def seen(stages: Process) -> Counter[str]:
    return Counter(httpx2.get(f"{stages.url}/seen").json())


def client_of(process: Process) -> httpx2.Client:
    return httpx2.Client(base_url=process.url, timeout=60)


@pytest.fixture(params=["redis", "disk"])
def kept(request: pytest.FixtureRequest, site: Site) -> dict[str, str]:
    """The environment of gateways that keep jobs in Redis, or on the disk."""
    environment = {"QUITTANCE_JOB_LEASE_S": str(LEASE_S), "QUITTANCE_CACHE_TTL_S": "0"}
    if request.param == "redis":
        environment["QUITTANCE_REDIS_URL"] = f"redis://127.0.0.1:{site.start_redis().port}/0"
    return environment


def test_a_gateway_that_is_killed_in_the_middle_goes_on(site: Site, kept: dict[str, str]) -> None:
    stages = site.start_stages("stages", 0.03)
    gateway = site.start_gateway("gateway", stages, **kept)
    files = pictures()
    with client_of(gateway) as client:
        job = create(client, files)
        wait_for(client, job, 30)
        assert counts(client, job)["done"] < FILES
    gateway.stop(signal.SIGKILL)
    gateway.start()
    gateway.wait_until_ready()
    with client_of(gateway) as client:
        before = counts(client, job)
        assert 30 <= before["done"] < FILES
        told = list(events(client, job))
        assert told[-1][0] == "done"
        assert told[-1][1]["counts"] == {"total": FILES, "queued": 0, "running": 0, "done": FILES, "failed": 0}
        check_results(client, job, files)
    # Only what was in hand when the process was killed is read a second time.
    asked = seen(stages)
    assert len(asked) == FILES
    assert FILES <= asked.total() <= FILES + 2
    assert max(asked.values()) <= 2


def test_redis_that_is_killed_in_the_middle_loses_no_job(site: Site) -> None:
    """As docker-compose.yml runs it: what was answered is on the disk within a second."""
    redis, stages = site.start_redis(), site.start_stages("stages", 0.03)
    url = {"QUITTANCE_REDIS_URL": f"redis://127.0.0.1:{redis.port}/0", "QUITTANCE_JOB_LEASE_S": str(LEASE_S)}
    gateway = site.start_gateway("gateway", stages, **url)
    files = pictures()
    with client_of(gateway) as client:
        job = create(client, files)
        wait_for(client, job, 30)
        redis.stop(signal.SIGKILL)
        response = client.get(f"/v1/jobs/{job['id']}")
        assert (response.status_code, response.json()["type"]) == (503, "urn:quittance:problem:jobs-unavailable")
        redis.start()
        redis.wait_until_ready()
        time.sleep(0.5)
        wait_for(client, job, FILES)
        check_results(client, job, files)


def test_gateways_share_a_job_and_one_that_dies_leaves_it_to_the_other(site: Site) -> None:
    redis = site.start_redis()
    url = {"QUITTANCE_REDIS_URL": f"redis://127.0.0.1:{redis.port}/0", "QUITTANCE_JOB_LEASE_S": str(LEASE_S)}
    all_stages = [site.start_stages(f"stages-{name}", 0.05) for name in "ab"]
    gateways = [site.start_gateway(f"gateway-{name}", one, **url) for name, one in zip("ab", all_stages, strict=True)]
    files = pictures()
    with client_of(gateways[1]) as client:
        job = create(client, files)
        wait_for(client, job, 60)
        gateways[0].stop(signal.SIGKILL)
        wait_for(client, job, FILES)
        check_results(client, job, files)
    shares = [seen(one) for one in all_stages]
    assert min(share.total() for share in shares) >= 15
    asked = shares[0] + shares[1]
    assert len(asked) == FILES
    assert asked.total() <= FILES + 2


def test_a_gateway_that_ends_gives_back_at_once_what_it_had(site: Site) -> None:
    redis = site.start_redis()
    url = {"QUITTANCE_REDIS_URL": f"redis://127.0.0.1:{redis.port}/0", "QUITTANCE_JOB_LEASE_S": "600"}
    slow, quick = site.start_stages("slow", 5), site.start_stages("quick", 0)
    ending = site.start_gateway("ending", slow, **url)
    files = pictures(4)
    with client_of(ending) as client:
        job = create(client, files)
        while seen(slow).total() < 2:
            time.sleep(0.05)
    assert ending.stop(signal.SIGTERM) == 0
    staying = site.start_gateway("staying", quick, **url)
    with client_of(staying) as client:
        wait_for(client, job, len(files), within_s=20)
        check_results(client, job, files)


def test_a_job_deleted_in_the_middle_is_forgotten(site: Site, kept: dict[str, str]) -> None:
    stages = site.start_stages("stages", 0.05)
    gateway = site.start_gateway("gateway", stages, **kept)
    files = pictures()
    with client_of(gateway) as client:
        job = create(client, files)
        wait_for(client, job, 10)
        assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
        begun = seen(stages).total()
        assert client.get(f"/v1/jobs/{job['id']}").status_code == 404
        assert client.get(f"/v1/jobs/{job['id']}/results").status_code == 404
        time.sleep(1)
        assert seen(stages).total() <= begun + 2
        assert counts(client, create(client, files[:1]))["total"] == 1  # and the queue is not in the way
    assert not what_is_kept(kept, site, job["id"])


def what_is_kept(kept: dict[str, str], site: Site, job_id: str) -> list[Any]:
    """Keys in Redis, or files, that still know of a job."""
    if "QUITTANCE_REDIS_URL" in kept:
        redis = pytest.importorskip("redis")
        with redis.Redis.from_url(kept["QUITTANCE_REDIS_URL"]) as client:
            return [key for key in client.scan_iter(f"*{job_id}*")]
    files: list[Path] = [path for path in (site.folder / "state").rglob("*") if path.is_file()]
    return [
        path for path in files if job_id in str(path) or ("jobs" in path.name and job_id.encode() in path.read_bytes())
    ]


def test_a_small_job_does_not_wait_for_a_large_one(site: Site, kept: dict[str, str]) -> None:
    stages = site.start_stages("stages", 0.05)
    gateway = site.start_gateway("gateway", stages, **kept)
    with client_of(gateway) as client:
        large = create(client, pictures())
        small = create(client, pictures(1))
        wait_for(client, small, 1)
        assert counts(client, large)["done"] < FILES // 2
        started = time.monotonic()
        one = client.post("/v1/receipts", content=pictures(300)[-1], headers={"Content-Type": "image/png"})
        assert one.status_code == 200
        assert time.monotonic() - started < 2


@pytest.mark.parametrize("role", ["gateway", "embedded"])
def test_a_job_is_read_as_its_files_are(deployment: Deployment, repository: Path, role: str) -> None:
    """With the real models, in Redis and on the disk."""
    samples = [repository / "tests" / "samples" / name for name in ("malaysia.jpg", "france.png")]
    with client_of(getattr(deployment, role)) as client:
        form = [("files", (path.name, path.read_bytes(), "application/octet-stream")) for path in samples]
        response = client.post("/v1/jobs", files=[*form, ("files", ("notes.txt", b"no picture", "text/plain"))])
        assert response.status_code == 202
        last = list(events(client, response.json()))[-1]
        assert (last[0], last[1]["counts"]["done"], last[1]["counts"]["failed"]) == ("done", 2, 1)
        results = client.get(f"/v1/jobs/{last[1]['id']}/results").json()
        for path, result in zip(samples, results, strict=False):
            alone = client.post("/v1/receipts", content=path.read_bytes()).json()
            assert result["receipt"]["lines"] == alone["lines"]
            assert result["receipt"]["fields"] == alone["fields"]
        assert results[2]["problem"]["status"] == 415
