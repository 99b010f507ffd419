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

STAGES = ("gateway", "codes", "detector", "recognizer", "extractor")
"""Where CPU seconds are spent: the four applications, and the processes of the gateway that read codes."""

_APPLICATIONS = ("gateway", "detector", "recognizer", "extractor")
# In the command lines of the processes that read codes.
_CODES = "gateway.codes.process"
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_TIMEOUT_S = 300.0
_WARM_UP = 3
# Fields of /proc/PID/stat after the name, see proc(5): the parent, and the times of the process and its dead children.
_PARENT, _FIRST_TIME, _LAST_TIME = 1, 11, 15
# Fields of /proc/stat after the name of a CPU: idle, and waiting for a disk.
_IDLE_FIELDS = (3, 4)
Costs = dict[str, float]


@dataclass(frozen=True)
class Run:
    """Receipts that were read.

    Attributes:
        receipts: How many.
        seconds: Duration.
        costs: CPU seconds of all of them by stage, with the processes that decode for it.
        available: Cores that this run could use, on average: those that were idle and those that it did use.
    """

    receipts: int
    seconds: float
    costs: Costs
    available: float

    @property
    def rate(self) -> float:
        """Receipts per second."""
        return self.receipts / self.seconds

    @property
    def mean(self) -> Costs:
        """Mean CPU seconds per receipt by stage."""
        return {stage: cost / self.receipts for stage, cost in self.costs.items()}


@contextmanager
def run_containers() -> Iterator[dict[str, Process]]:
    """Run the gateway and the services as processes of one thread each."""
    with Deployment() as deployment:
        yield deployment.start_containers(QUITTANCE_THREADS="1", QUITTANCE_DRAIN_DELAY_S="0")


def measure_run(containers: Mapping[str, Process], pictures: Sequence[bytes], callers: int) -> Run:
    """Read pictures for several callers, each of which waits for its answer."""
    client = httpx2.Client(base_url=containers["gateway"].url, timeout=_TIMEOUT_S)
    with client, ThreadPoolExecutor(callers) as threads:
        before, idle, start = _read_costs(containers), _read_idle_s(), time.perf_counter()
        list(threads.map(lambda picture: _post(client, picture), pictures))
        seconds = time.perf_counter() - start
        idle, after = _read_idle_s() - idle, _read_costs(containers)
    costs = {stage: after[stage] - before[stage] for stage in STAGES}
    return Run(len(pictures), seconds, costs, (idle + sum(costs.values())) / seconds)


def measure_each(containers: Mapping[str, Process], pictures: Sequence[bytes]) -> list[Run]:
    """Read pictures one after the other, once the services are warm; return a run of each."""
    measure_run(containers, pictures[:_WARM_UP], 1)
    return [measure_run(containers, [picture], 1) for picture in pictures]


def _post(client: httpx2.Client, picture: bytes) -> None:
    client.post("/v1/receipts", content=picture, headers={"Cache-Control": "no-store"}).raise_for_status()


def _read_costs(containers: Mapping[str, Process]) -> Costs:
    costs = {name: read_cpu_s(containers[name].pid) for name in _APPLICATIONS}
    codes = read_cpu_s(containers["gateway"].pid, _CODES)
    return {**costs, "gateway": costs["gateway"] - codes, "codes": codes}


def _read_idle_s() -> float:
    """Return for how many seconds the cores that this process may use have been idle, together (Linux)."""
    allowed = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    idle = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name in allowed:
            idle += sum(int(fields[index]) for index in _IDLE_FIELDS)
    return idle / _TICKS_PER_S


def read_cpu_s(pid: int, module: str | None = None) -> float:
    """Return the CPU seconds of a process and of all its descendants, dead ones included (Linux).

    Args:
        pid: The process.
        module: Count only descendants with this text in the command line.
    """
    times: dict[int, float] = {}
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
            command = path.with_name("cmdline").read_text() if module else ""
        except OSError:  # it ended meanwhile
            continue
        number = int(path.parent.name)
        parents[number] = int(fields[_PARENT])
        if module is not None and module not in command:
            continue
        times[number] = sum(map(int, fields[_FIRST_TIME:_LAST_TIME])) / _TICKS_PER_S
    return sum(seconds for number, seconds in times.items() if _descends(number, pid, parents))


def _descends(number: int, ancestor: int, parents: Mapping[int, int]) -> bool:
    while number and number != ancestor:
        number = parents.get(number, 0)
    return number == ancestor
