"""How many actors each stage may have, and what each of them takes from the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# An actor of each of the four stages must fit on the smallest machine, or the chain might not start, nor go on when
# other machines are lost. Together, they take three of these shares.
_SHARES = 4
_MAX_CPUS = 1.0
_HALF = 0.5
# Writing mostly waits for the disk or the network.
_WRITER_SHARE = 0.1
# Pixels per block. A page of a receipt has about a million.
_CPU_BLOCK_BYTES, _GPU_BLOCK_BYTES = 8 * 2**20, 32 * 2**20


@dataclass(frozen=True)
class PoolPlan:
    """A pool of actors.

    Attributes:
        cpus: Cores of one actor.
        gpus: GPUs of one actor.
        max_actors: Maximum number of actors; None for as many as the cluster can have.
    """

    cpus: float
    gpus: float = 0.0
    max_actors: int | None = None


@dataclass(frozen=True)
class Plan:
    """The pools of all stages.

    Attributes:
        render: Reading and decoding, on CPUs.
        detect: On GPUs if there are any.
        recognize: On GPUs if there are any.
        extract: On CPUs.
        writer_cpus: Cores of a task that writes.
        block_bytes: Pixels that pass between two stages at once, in bytes.
    """

    render: PoolPlan
    detect: PoolPlan
    recognize: PoolPlan
    extract: PoolPlan
    writer_cpus: float
    block_bytes: int

    @property
    def uses_gpus(self) -> bool:
        """Whether the networks for pictures run on GPUs."""
        return self.detect.gpus > 0


def make_plan(
    resources: Mapping[str, float],
    *,
    smallest_node_cpus: float,
    gpus_per_actor: float | None = None,
    max_actors: int | None = None,
    grows: bool = False,
) -> Plan:
    """Divide a cluster among the stages.

    Args:
        resources: What the cluster has: `CPU` and, if there are any, `GPU`.
        smallest_node_cpus: Cores of the smallest machine that has any.
        gpus_per_actor: GPUs of an actor that runs a network, such as 0.25; 0 to use none. By default, half a GPU if
            there is one: detector and recognizer take turns on it.
        max_actors: Maximum number of actors per stage.
        grows: Whether the cluster may get more machines, so that its present size does not limit it.
    """
    cpus, gpus = resources.get("CPU", 0.0), resources.get("GPU", 0.0)
    if gpus_per_actor is None:
        gpus_per_actor = _HALF if gpus > 0 else 0.0
    # A cluster that grows may have no machine yet.
    share = min(_MAX_CPUS, smallest_node_cpus / _SHARES) or _MAX_CPUS

    def pool(cpus_each: float, gpus_each: float = 0.0) -> PoolPlan:
        fits = int(gpus / gpus_each) if gpus_each else int(cpus)
        limits = [limit for limit in (max_actors, None if grows else max(1, fits)) if limit is not None]
        return PoolPlan(cpus_each, gpus_each, min(limits, default=None))

    return Plan(
        render=pool(share * _HALF),
        detect=pool(share, gpus_per_actor),
        recognize=pool(share, gpus_per_actor),
        extract=pool(share * _HALF),
        writer_cpus=share * _WRITER_SHARE,
        block_bytes=_GPU_BLOCK_BYTES if gpus_per_actor else _CPU_BLOCK_BYTES,
    )
