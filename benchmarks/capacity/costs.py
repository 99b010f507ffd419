"""CPU seconds per receipt of the gateway and of each service, which other programs on the machine change little."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from benchmarks.processes import Deployment, Process

STAGES = ("gateway", "detector", "recognizer", "extractor")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_TIMEOUT_S = 300.0
_WARM_UP = 3
# Fields of /proc/PID/stat after the name, see proc(5): the parent, and the times of the process and its dead children.
_PARENT, _FIRST_TIME, _LAST_TIME = 1, 11, 15
Costs = dict[str, float]


@dataclass(frozen=True)
class SingleRun:
    """Receipts read one after the other.

    Attributes:
        costs: CPU seconds of each receipt by stage, including the processes that decode for it.
        seconds: Duration of each receipt.
    """

    costs: list[Costs]
    seconds: list[float]

    @property
    def mean(self) -> Costs:
        """Mean CPU seconds per receipt by stage."""
        return {stage: sum(one[stage] for one in self.costs) / len(self.costs) for stage in STAGES}

    @property
    def stretch(self) -> float:
        """Seconds per CPU second: above 1 if other programs take the processor, and for what is not computing."""
        return sum(self.seconds) / sum(sum(one.values()) for one in self.costs)


@contextmanager
def run_containers() -> Iterator[dict[str, Process]]:
    """Run the gateway and the services as processes of one thread each."""
    with Deployment() as deployment:
        yield deployment.start_containers(QUITTANCE_THREADS="1", QUITTANCE_DRAIN_DELAY_S="0")


def measure_single(containers: Mapping[str, Process], pictures: Sequence[bytes]) -> SingleRun:
    """Read pictures one after the other."""
    costs, seconds = [], []
    with httpx2.Client(base_url=containers["gateway"].url, timeout=_TIMEOUT_S) as client:
        for picture in pictures[:_WARM_UP]:
            _post(client, picture)
        for picture in pictures:
            before, start = _read_costs(containers), time.perf_counter()
            _post(client, picture)
            seconds.append(time.perf_counter() - start)
            costs.append({stage: cost - before[stage] for stage, cost in _read_costs(containers).items()})
    return SingleRun(costs, seconds)


def measure_rate(containers: Mapping[str, Process], pictures: Sequence[bytes], callers: int) -> float:
    """Return receipts per second of several callers, each of which waits for its answer."""
    client = httpx2.Client(base_url=containers["gateway"].url, timeout=_TIMEOUT_S)
    with client, ThreadPoolExecutor(callers) as threads:
        start = time.perf_counter()
        list(threads.map(lambda picture: _post(client, picture), pictures))
        return len(pictures) / (time.perf_counter() - start)


def _post(client: httpx2.Client, picture: bytes) -> None:
    client.post("/v1/receipts", content=picture, headers={"Cache-Control": "no-store"}).raise_for_status()


def _read_costs(containers: Mapping[str, Process]) -> Costs:
    return {stage: read_cpu_s(containers[stage].pid) for stage in STAGES}


def read_cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process and of all its descendants, dead ones included (Linux)."""
    times: dict[int, float] = {}
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        number = int(path.parent.name)
        parents[number] = int(fields[_PARENT])
        times[number] = sum(map(int, fields[_FIRST_TIME:_LAST_TIME])) / _TICKS_PER_S
    return sum(seconds for number, seconds in times.items() if _descends(number, pid, parents))


def _descends(number: int, ancestor: int, parents: Mapping[int, int]) -> bool:
    while number and number != ancestor:
        number = parents.get(number, 0)
    return number == ancestor
