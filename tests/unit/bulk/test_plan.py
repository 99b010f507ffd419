"""Dividing a cluster among the stages."""

from __future__ import annotations

import pytest

from bulk.plan import Plan, make_plan


def total_of_smallest_pools(plan: Plan) -> tuple[float, float]:
    pools = (plan.render, plan.detect, plan.recognize, plan.extract, plan.write)
    return sum(pool.cpus for pool in pools), sum(pool.gpus for pool in pools)


@pytest.mark.parametrize("cpus", [1, 2, 3, 4, 16, 640])
@pytest.mark.parametrize("gpus", [0, 1, 8])
def test_an_actor_of_each_stage_fits_on_the_smallest_machine(cpus: int, gpus: int) -> None:
    plan = make_plan({"CPU": cpus, "GPU": gpus}, smallest_node_cpus=min(cpus, 8))
    used_cpus, used_gpus = total_of_smallest_pools(plan)
    assert used_cpus <= min(cpus, 8)
    assert used_gpus <= gpus
    assert plan.uses_gpus == (gpus > 0)


def test_without_gpus_an_actor_per_core_does_everything() -> None:
    whole = make_plan({"CPU": 12}, smallest_node_cpus=4).whole
    assert whole is not None
    assert (whole.max_actors, whole.first_actors, whole.gpus) == (12, 12, 0)
    # The actors of a lost machine have to fit on the others.
    assert whole.cpus * 12 <= 2 * 4
    assert make_plan({"CPU": 12, "GPU": 1}, smallest_node_cpus=4).whole is None
    assert make_plan({"CPU": 12, "GPU": 1}, smallest_node_cpus=4, gpus_per_actor=0).whole is not None


def test_what_cannot_be_divided_has_a_pool_per_stage() -> None:
    plan = make_plan({"CPU": 12}, smallest_node_cpus=4, may_divide=False)
    assert plan.whole is None
    assert not plan.uses_gpus


@pytest.mark.parametrize(("cpus", "most", "first"), [(0.0, None, 1), (8.0, None, 8), (8.0, 3, 3)])
def test_actors_of_a_growing_cluster_take_whole_cores(cpus: float, most: int | None, first: int) -> None:
    whole = make_plan({"CPU": cpus}, smallest_node_cpus=min(cpus, 4), grows=True, max_actors=most).whole
    assert whole is not None
    assert (whole.cpus, whole.max_actors, whole.first_actors) == (1, most, first)


def test_an_actor_fits_on_a_part_of_a_core() -> None:
    whole = make_plan({"CPU": 0.25}, smallest_node_cpus=0.25).whole
    assert whole is not None
    assert (whole.cpus, whole.first_actors) == (0.25, 1)


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
