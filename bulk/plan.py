"""How many actors each stage may have, and what each of them takes from the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

# An actor of each of the four stages must fit on the smallest machine, or the chain might not start, nor go on when
# other machines are lost. Together, they take three of these shares.
_SHARES = 4
_MAX_CPUS = 1.0
_HALF = 0.5
# Writing mostly waits for the disk or the network.
_WRITER_SHARE = 0.1
# Of a core, for an actor that does everything. It uses a whole core, but half of a cluster of fixed size stays free, so
# that the actors of lost machines can start on the others.
_WHOLE_SHARE = 0.5
# Descriptions of files pass as they are written, to show progress.
_WHOLE_BLOCK_BYTES = 1
# Pixels per block. A page of a receipt has about a million.
_CPU_BLOCK_BYTES, _GPU_BLOCK_BYTES = 8 * 2**20, 32 * 2**20


@dataclass(frozen=True)
class PoolPlan:
    """A pool of actors.

    Attributes:
        cpus: Cores of one actor.
        gpus: GPUs of one actor.
        max_actors: Maximum number of actors; None for as many as the cluster can have.
        first_actors: Number of actors at the start; more follow if they have work.
    """

    cpus: float
    gpus: float = 0.0
    max_actors: int | None = None
    first_actors: int = 1


@dataclass(frozen=True)
class Plan:
    """The pools of all stages.

    Attributes:
        render: Reading and decoding, on CPUs.
        detect: On GPUs if there are any.
        recognize: On GPUs if there are any.
        extract: On CPUs.
        write: On CPUs.
        whole: Actors that do all of that, one per core; None to have a pool per stage.
        block_bytes: What passes between two stages at once, in bytes.
    """

    render: PoolPlan
    detect: PoolPlan
    recognize: PoolPlan
    extract: PoolPlan
    write: PoolPlan
    whole: PoolPlan | None
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
    may_divide: bool = True,
) -> Plan:
    """Divide a cluster among the stages.

    Where there are no GPUs to keep busy, each actor does everything for its receipts.

    Args:
        resources: What the cluster has: `CPU` and, if there are any, `GPU`.
        smallest_node_cpus: Cores of the smallest machine that has any.
        gpus_per_actor: GPUs of an actor that runs a network, such as 0.25; 0 to use none. By default, half a GPU if
            there is one: detector and recognizer take turns on it.
        max_actors: Maximum number of actors per stage.
        grows: Whether the cluster may get more machines, so that its present size does not limit it.
        may_divide: Whether there are tasks for all actors. Otherwise, such as for one large tar, there is a pool per
            stage, and the first stage divides what it reads.
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

    is_whole = may_divide and not gpus_per_actor
    whole = pool(min(_MAX_CPUS if grows else _WHOLE_SHARE, smallest_node_cpus or _MAX_CPUS))
    whole = replace(whole, first_actors=min(max(1, int(cpus)), whole.max_actors or int(cpus) or 1))
    return Plan(
        render=pool(share * _HALF),
        detect=pool(share, gpus_per_actor),
        recognize=pool(share, gpus_per_actor),
        extract=pool(share * _HALF),
        write=pool(share * _WRITER_SHARE),
        whole=whole if is_whole else None,
        block_bytes=_WHOLE_BLOCK_BYTES if is_whole else _GPU_BLOCK_BYTES if gpus_per_actor else _CPU_BLOCK_BYTES,
    )
