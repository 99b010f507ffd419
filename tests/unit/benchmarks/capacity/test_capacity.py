"""The simulation agrees with what can be computed by hand, and demands follow from costs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from benchmarks.capacity.costs import STAGES, Run, read_cpu_s
from benchmarks.capacity.demand import BULK, SERVICES, compute_demand
from benchmarks.capacity.simulation import simulate_rate

COSTS = {"gateway": 0.02, "detector": 0.1, "recognizer": 0.05, "extractor": 0.03}
RECEIPTS = [COSTS] * 200


def test_one_caller_waits_for_every_stage() -> None:
    assert simulate_rate(RECEIPTS, callers=1, cores=8) == pytest.approx(1 / 0.2, rel=1e-6)
    # Another program uses half of the only core.
    assert simulate_rate(RECEIPTS, callers=1, cores=0.5) == pytest.approx(1 / 0.4, rel=1e-6)


def test_codes_are_read_while_the_text_is() -> None:
    slow = [{**COSTS, "codes": 0.04}] * 50
    assert simulate_rate(slow, callers=1, cores=8) == pytest.approx(1 / 0.2, rel=1e-6)
    assert simulate_rate(slow, callers=1, cores=1) == pytest.approx(1 / 0.24, rel=0.02)
    assert simulate_rate([{**COSTS, "codes": 0.07}] * 50, callers=1, cores=8) == pytest.approx(1 / 0.22, rel=1e-6)


def test_many_callers_wait_for_the_slowest_stage() -> None:
    assert simulate_rate(RECEIPTS, callers=16, cores=8) == pytest.approx(1 / 0.1, rel=0.02)
    more = simulate_rate(RECEIPTS, callers=16, cores=8, replicas={"detector": 2})
    assert more == pytest.approx(1 / 0.05, rel=0.02)


def test_many_callers_wait_for_the_cores_if_there_are_few() -> None:
    replicas = dict.fromkeys(STAGES, 8)
    assert simulate_rate(RECEIPTS, callers=16, cores=2, replicas=replicas) == pytest.approx(2 / 0.2, rel=0.02)
    assert simulate_rate(RECEIPTS, callers=16, cores=1.5, replicas=replicas) == pytest.approx(1.5 / 0.2, rel=0.02)


def test_demand_follows_from_the_costs() -> None:
    demand = compute_demand(COSTS, 86_400 * 100, SERVICES, price_per_core_hour=0.04)
    assert demand.cores == pytest.approx(100 * 3 * 0.2 / 0.6)
    assert demand.replicas["detector"] == 50
    assert demand.bottleneck == "detector"
    assert demand.per_day == pytest.approx(demand.cores * 0.96)
    assert compute_demand(COSTS, 10, BULK, price_per_core_hour=1).replicas == dict.fromkeys(COSTS, 1)


def test_a_run_has_rates_and_means() -> None:
    run = Run(2, 0.5, {stage: 2 * cost for stage, cost in COSTS.items()}, available=1.0)
    assert run.rate == pytest.approx(4)
    assert run.mean == pytest.approx(COSTS)


def test_counts_the_cpu_time_of_ended_children() -> None:
    before = read_cpu_s(os.getpid())
    assert read_cpu_s(os.getpid(), "of no process") == 0
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.2: pass"], check=True)
    assert read_cpu_s(os.getpid()) - before >= 0.15
