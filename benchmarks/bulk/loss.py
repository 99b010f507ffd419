"""A cluster of three nodes on this machine: undisturbed, with a node killed midway, and stopped midway."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.bulk.archives import empty_folder, find_faults, make_options, prepare_environment, prepare_receipts
from benchmarks.processes import ROOT
from bulk.output import OutputFolder
from bulk.run import run_bulk
from bulk.summary import Summary

_NODES = 3
_NODE: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 150 * 2**20}
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_POLL_S = 0.2
# Of the figures for memory: with a tenth of the receipts, everything is loaded.
_EARLY = 0.1


def measure_loss(folder: Path, count: int) -> dict[str, Any]:
    """Read rendered receipts three times; return figures."""
    prepare_environment()
    paths = prepare_receipts(folder, count)
    inputs = paths[0].parent
    memory: dict[str, float] = {}

    def note_memory(summary: Summary) -> None:
        if summary.documents >= _EARLY * count:
            memory.setdefault("early", _resident_mib())
        memory["late"] = _resident_mib()

    undisturbed = _run_on_cluster(inputs, output := empty_folder(folder / "undisturbed"), lambda _: note_memory)
    faults = find_faults(output, paths)
    disturbed = _run_on_cluster(inputs, output := empty_folder(folder / "disturbed"), _kill_node_midway)
    faults += [f"node killed: {fault}" for fault in find_faults(output, paths)]
    restarted, repeated = _stop_and_restart(inputs, empty_folder(folder / "stopped"), count)
    faults += [f"stopped: {fault}" for fault in find_faults(folder / "stopped", paths)] + repeated
    return {
        "receipts": count,
        "load": os.getloadavg()[0],
        "seconds_undisturbed": round(undisturbed.seconds, 1),
        "seconds_node_killed": round(disturbed.seconds, 1),
        "times_as_long": round(disturbed.seconds / undisturbed.seconds, 2),
        "read_before_the_stop": restarted.skipped,
        "read_after_the_stop": restarted.documents,
        "driver_mib_at_a_tenth": round(memory["early"]),
        "driver_mib_at_the_end": round(memory["late"]),
        "faults": faults,
    }


def _run_on_cluster(inputs: Path, output: Path, observe: Callable[[Any], Callable[[Summary], None]]) -> Summary:
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={**_NODE, "include_dashboard": False})
    try:
        for _ in range(_NODES - 1):
            cluster.add_node(**_NODE)
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
        return run_bulk(make_options(inputs, output), observe(cluster))
    finally:
        ray.shutdown()
        cluster.shutdown()  # type: ignore[no-untyped-call]


def _kill_node_midway(cluster: Any) -> Callable[[Summary], None]:
    nodes = [node for node in cluster.worker_nodes]

    def kill(summary: Summary) -> None:
        if nodes and summary.total and summary.documents >= summary.total / 2:
            # The last one started; without a chance to say goodbye.
            cluster.remove_node(nodes[-1], allow_graceful=False)
            nodes.clear()

    return kill


def _stop_and_restart(inputs: Path, output: Path, count: int) -> tuple[Summary, list[str]]:
    """Kill a run once half of the rows are written, and start it again; return what the second run did, and faults."""
    command = [sys.executable, "-m", "quittance", "bulk", str(inputs), str(output), "--rows-per-file", "16"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and len(OutputFolder(str(output)).read_completed()) < count / 2:
            time.sleep(_POLL_S)
        process.send_signal(signal.SIGKILL)
    # Workers end when they notice.
    time.sleep(5)
    before = {path: os.stat(path).st_mtime_ns for path in OutputFolder(str(output)).find_files()}
    written = len(OutputFolder(str(output)).read_completed())
    summary = run_bulk(make_options(inputs, output), lambda _: None)
    faults = []
    if any(os.stat(path).st_mtime_ns != changed for path, changed in before.items()):
        faults.append("files were written again after the stop")
    if summary.skipped != written or summary.documents != count - written:
        faults.append(f"after the stop, {summary.documents} were read instead of {count - written}")
    return summary, faults


def _resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES / 2**20
