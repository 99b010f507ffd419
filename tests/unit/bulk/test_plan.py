"""Dividing a cluster among the stages."""

from __future__ import annotations

import pytest

from bulk.plan import Plan, make_plan


def total_of_smallest_pools(plan: Plan) -> tuple[float, float]:
    pools = (plan.render, plan.detect, plan.recognize, plan.extract)
    return sum(pool.cpus for pool in pools) + plan.writer_cpus, sum(pool.gpus for pool in pools)


@pytest.mark.parametrize("cpus", [1, 2, 3, 4, 16, 640])
@pytest.mark.parametrize("gpus", [0, 1, 8])
def test_an_actor_of_each_stage_fits_on_the_smallest_machine(cpus: int, gpus: int) -> None:
    plan = make_plan({"CPU": cpus, "GPU": gpus}, smallest_node_cpus=min(cpus, 8))
    used_cpus, used_gpus = total_of_smallest_pools(plan)
    assert used_cpus <= min(cpus, 8)
    assert used_gpus <= gpus
    assert plan.uses_gpus == (gpus > 0)


def test_only_the_networks_for_pictures_take_gpus() -> None:
    plan = make_plan({"CPU": 32, "GPU": 2}, smallest_node_cpus=16, gpus_per_actor=0.25)
    assert (plan.render.gpus, plan.extract.gpus) == (0, 0)
    assert (plan.detect.gpus, plan.detect.max_actors) == (0.25, 8)


def test_gpus_can_be_left_alone() -> None:
    plan = make_plan({"CPU": 8, "GPU": 2}, smallest_node_cpus=8, gpus_per_actor=0)
    assert not plan.uses_gpus
    assert plan.detect.max_actors == 8


def test_a_growing_cluster_has_no_limit_but_the_given_one() -> None:
    resources = {"CPU": 4.0}
    assert make_plan({}, smallest_node_cpus=0, grows=True).detect.cpus == 1
    assert make_plan(resources, smallest_node_cpus=4, grows=True).detect.max_actors is None
    assert make_plan(resources, smallest_node_cpus=4, grows=True, max_actors=9).detect.max_actors == 9
    assert make_plan(resources, smallest_node_cpus=4, max_actors=9).detect.max_actors == 4
