"""One caller cannot spoil the service for the others: small runs of `benchmarks.reliability`, with real processes.

Limits on times are generous, because other programs may slow the machine down.
"""

from __future__ import annotations

import subprocess

import pytest

from benchmarks.reliability.attacks import bodies, pages, scans, sockets, streams, webhooks
from benchmarks.reliability.storage import bombs, evictions


async def test_jpegs_with_many_scans_hold_up_nothing() -> None:
    figures = await scans(seconds=3)
    assert [answer["status"] for answer in figures["answers"]] == [422, 422]
    assert set(figures["cached"]) == {"200"}
    assert figures["healthz"] == 200
    assert figures["exit_s"] < 30


async def test_silent_connections_are_closed_and_a_full_table_is_logged_briefly() -> None:
    figures = await sockets(connections=50)
    assert figures["open_after_14_s"] == 0
    assert figures["log_bytes_in_5_s_without_files"] < 10_000
    assert figures["healthz_afterwards"] == 200


async def test_memory_for_bodies_is_bounded() -> None:
    figures = await bodies(uploads=50)
    assert figures["statuses"]["503"] == 25
    assert figures["memory_growth_mib"] < 400


async def test_slow_documents_of_one_caller_do_not_hold_up_another() -> None:
    figures = await pages(documents=12, page_seconds=1)
    assert figures["good"] == 200
    assert set(figures["slow"]) <= {"422", "503"}
    assert figures["slow"]["503"] >= 4


async def test_streams_of_events_cost_little() -> None:
    figures = await streams(count=60, seconds=3)
    assert figures["events"] > 60
    assert figures["core_share"] < 0.15


async def test_zips_do_not_fill_the_disk() -> None:
    try:
        figures = await bombs(disk_mib=400, files=10)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount a disk")
    assert set(figures["statuses"]) <= {"202", "507"}
    assert figures["statuses"]["507"] >= 1
    assert figures["left_after_restart_mib"] == 0
    assert figures["keys_create"] == {"exit": 0, "has_traceback": False}


async def test_bad_requests_push_out_nothing_of_others() -> None:
    assert await evictions(requests=150, entries=100) == {"bad": {"415": 150}, "replayed": True, "cached": True}


async def test_webhooks_to_a_host_that_never_answers_delay_no_others() -> None:
    figures = await webhooks(count=10)
    assert figures["at_once"] == 4
    assert figures["other_webhook_s"] < 9  # one attempt at a host that never answers takes ten seconds
