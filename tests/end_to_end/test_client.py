"""The Python client against gateway processes: receipts, jobs with progress, restarts, keys and load."""

from __future__ import annotations

import hashlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from quittance_client import APITimeoutError, AsyncClient, AuthenticationError, Client, RetryPolicy, ServerError
from quittance_client.models import Counts, Receipt
from tests.support.archives import make_zip
from tests.support.deployment import Site
from tests.support.pictures import make_distinct_pictures

FILES = 30
SECONDS = 0.05
LEASE_S = 2  # files of a killed gateway are read again after it


def make_archive(pictures: list[bytes]) -> bytes:
    return make_zip(*((f"{number}.png", data) for number, data in enumerate(pictures)))


def assert_is_reading_of(receipt: Receipt | None, picture: bytes) -> None:
    """Check that a receipt is the one of this picture: the stand-ins answer with its hash."""
    assert receipt is not None
    assert receipt.fields.company is not None
    assert receipt.fields.company.value == hashlib.sha256(picture).hexdigest()


def assert_is_progress(seen: list[Counts], total: int) -> None:
    """Check that the counts rose in several steps, and to the end."""
    finished = [counts.finished for counts in seen]
    assert finished == sorted(finished)
    assert finished[-1] == total
    assert len(set(finished)) > 2
    assert {counts.total for counts in seen} == {total}


@pytest.fixture(scope="module")
def url(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a gateway that several tests share."""
    site = Site(repository, tmp_path_factory.mktemp("client"))
    yield site.start_gateway("gateway", site.start_stages("stages", SECONDS)).url
    site.stop_all()


def test_blocking_client_reads_receipts_and_a_job(url: str) -> None:
    pictures = make_distinct_pictures(FILES)
    seen: list[Counts] = []
    with Client(url) as client:
        assert client.readiness().status == "ready"
        assert_is_reading_of(client.receipts.read(pictures[0]), pictures[0])
        for picture, outcome in zip(pictures[:8], client.receipts.read_many(pictures[:8]), strict=True):
            assert_is_reading_of(outcome.receipt, picture)
        job = client.jobs.create([("pile.zip", make_archive(pictures))], cache_control="no-cache")
        assert job.counts.total == FILES
        job.wait(timeout_s=60, on_progress=seen.append)
        for picture, row in zip(pictures, job.results(), strict=True):
            assert_is_reading_of(row.receipt, picture)
        assert job.export("xlsx").startswith(b"PK")
        job.delete()
    assert job.state == "done"
    assert_is_progress(seen, FILES)


async def test_async_client_reads_receipts_and_a_job(url: str) -> None:
    pictures = make_distinct_pictures(FILES)
    seen: list[Counts] = []

    async def keep(counts: Counts) -> None:
        seen.append(counts)

    async with AsyncClient(url) as client:
        assert_is_reading_of(await client.receipts.read(pictures[0]), pictures[0])
        outcomes = [outcome async for outcome in client.receipts.read_many(pictures[:8])]
        for picture, outcome in zip(pictures[:8], outcomes, strict=True):
            assert_is_reading_of(outcome.receipt, picture)
        job = await client.jobs.create([("pile.zip", make_archive(pictures))], cache_control="no-cache")
        await job.wait(timeout_s=60, on_progress=keep)
        for picture, row in zip(pictures, await job.results(), strict=True):
            assert_is_reading_of(row.receipt, picture)
        await job.delete()
    assert_is_progress(seen, FILES)


def test_wait_goes_on_through_a_restart_of_the_gateway(site: Site) -> None:
    gateway = site.start_gateway("gateway", site.start_stages("stages", 0.1), QUITTANCE_JOB_LEASE_S=str(LEASE_S))
    seen: list[Counts] = []

    def restart() -> None:
        gateway.stop(signal.SIGKILL)
        gateway.start()

    killer = threading.Thread(target=restart)

    def report(counts: Counts) -> None:
        seen.append(counts)
        if counts.finished >= 5 and killer.ident is None:
            killer.start()

    with Client(gateway.url) as client:
        job = client.jobs.create([("pile.zip", make_archive(make_distinct_pictures(FILES)))])
        job.wait(timeout_s=90, on_progress=report)
        killer.join()
        assert (job.state, job.counts.done) == ("done", FILES)
    assert seen[-1].finished == FILES


def test_timeout_ends_a_call_with_the_problem_of_the_gateway(site: Site) -> None:
    gateway = site.start_gateway("gateway", site.start_stages("slow", 30.0))
    started = time.monotonic()
    with Client(gateway.url) as client, pytest.raises((ServerError, APITimeoutError)) as caught:
        client.receipts.read(make_distinct_pictures(1)[0], timeout_s=1.0)
    assert time.monotonic() - started < 10
    assert isinstance(caught.value, ServerError)
    assert caught.value.code == "deadline-exceeded"


def test_overload_is_outlasted(site: Site) -> None:
    """Twelve readers share a gateway that reads two receipts at once and rejects the others."""
    gateway = site.start_gateway("gateway", site.start_stages("stages", 0.2), QUITTANCE_MAX_RECEIPTS="2")
    pictures = make_distinct_pictures(12)
    patient = RetryPolicy(max_attempts=40, max_elapsed_s=90)
    with Client(gateway.url, retries=patient) as client:
        outcomes = list(client.receipts.read_many(pictures, concurrency=12))
    for picture, outcome in zip(pictures, outcomes, strict=True):
        assert_is_reading_of(outcome.receipt, picture)


def test_key_is_needed_where_the_gateway_wants_one(site: Site) -> None:
    gateway = site.start_gateway("gateway", site.start_stages("stages", SECONDS), QUITTANCE_ACCESS="keys")
    with Client(gateway.url) as client:
        assert client.health().status == "ok"
        with pytest.raises(AuthenticationError) as caught:
            client.receipts.read(b"picture")
    assert caught.value.code == "key-missing"
    with Client(gateway.url, api_key="wrong") as client, pytest.raises(AuthenticationError) as caught:
        client.receipts.read(b"picture")
    assert caught.value.code == "key-invalid"
