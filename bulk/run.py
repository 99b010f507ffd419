"""The chain as a Ray Data pipeline: units in, files of the output out."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

# Before Ray is imported: nothing about this machine is sent to anyone, and of Ray's own logs only faults are shown.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, DataContext, Dataset
from ray.exceptions import RayError

from bulk.completed import Completed
from bulk.locations import BulkError
from bulk.options import BulkOptions
from bulk.output import OutputFolder
from bulk.plan import Plan, PoolPlan, make_plan
from bulk.stages.detection import DetectStage
from bulk.stages.extraction import ExtractStage
from bulk.stages.recognition import RecognizeStage
from bulk.stages.rendering import RenderStage
from bulk.summary import WRITTEN_SCHEMA, Summary, summarize_rows
from bulk.units import Unit, find_units, pack_units, units_to_table

Report = Callable[[Summary], None]


def run_bulk(options: BulkOptions, report: Report) -> Summary:
    """Read everything that is not in the output yet.

    Args:
        options: What to extract, and with what.
        report: Called when rows have been written, and once before.

    Returns:
        What was done.

    Raises:
        BulkError: If an input or the output cannot be used, or the cluster fails.
        SettingsError: If a setting of a service is not valid.
    """
    output = OutputFolder(options.output)
    completed = output.read_completed()
    output.prepare()
    summary = Summary(skipped=len(completed))
    with _Cluster(options) as cluster:
        tasks = _store_units(options, completed, output, summary)
        if not tasks:
            report(summary)
            return summary
        dataset = build_pipeline(tasks, output, options, cluster.make_plan())
        summary.start()
        report(summary)
        try:
            for written in dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
                summary.add(written)
                report(summary)
        except RayError as error:
            raise BulkError(
                f"Ray stopped: {_explain(error)}\nWhat was written is kept; start the same command again to go on."
            ) from error
    return summary


def build_pipeline(tasks: list[Any], output: OutputFolder, options: BulkOptions, plan: Plan) -> Dataset:
    """Return the chain of stages for stored tables of units; its rows describe the files that were written."""
    stages = options.stages
    networks = {"device": "cuda" if plan.uses_gpus else "cpu"}
    detector = _on_cpu_thread(stages.detector, plan.uses_gpus) | networks
    recognizer = _on_cpu_thread(stages.recognizer, plan.uses_gpus) | networks
    on_cpu = {"device": "cpu"}
    extractor = _on_cpu_thread(stages.extractor, False) | on_cpu
    # For parts of pages that are receipts of their own.
    again = (_on_cpu_thread(stages.detector, False) | on_cpu, _on_cpu_thread(stages.recognizer, False) | on_cpu)
    dataset: Dataset = ray.data.from_arrow_refs(tasks)
    dataset = _add_stage(dataset, RenderStage, plan.render, {"settings": stages.gateway})
    dataset = _add_stage(dataset, DetectStage, plan.detect, {"settings": detector})
    dataset = _add_stage(
        dataset,
        RecognizeStage,
        plan.recognize,
        {"settings": recognizer, "detector_settings": detector, "split": options.split},
    )
    dataset = _add_stage(
        dataset,
        ExtractStage,
        plan.extract,
        {"settings": extractor, "again": again, "split": options.split, "threshold": options.threshold},
    )
    return dataset.repartition(target_num_rows_per_block=options.rows_per_file, strict=True).map_batches(
        partial(write_rows, url=output.name),
        batch_size=None,
        batch_format="pyarrow",
        num_cpus=plan.writer_cpus,
    )


def write_rows(rows: pa.Table, url: str) -> pa.Table:
    """Write rows as one file of the output, and describe it."""
    if not rows.num_rows:
        return WRITTEN_SCHEMA.empty_table()
    OutputFolder(url).write(rows)
    return summarize_rows(rows)


def _add_stage(dataset: Dataset, stage: type, pool: PoolPlan, arguments: dict[str, Any]) -> Dataset:
    return dataset.map_batches(
        stage,
        fn_constructor_kwargs=arguments,
        # The blocks are divided by the first stage.
        batch_size=None,
        batch_format="pyarrow",
        compute=ActorPoolStrategy(min_size=1, max_size=pool.max_actors),
        num_cpus=pool.cpus,
        num_gpus=pool.gpus or None,
    )


def _on_cpu_thread(settings: dict[str, Any], uses_gpu: bool) -> dict[str, Any]:
    """Return settings with one thread per actor: as many actors as cores use the cores better than threads do."""
    return settings if uses_gpu else {"threads": 1} | settings


def _store_units(options: BulkOptions, completed: Completed, output: OutputFolder, summary: Summary) -> list[Any]:
    """Put the units of all tasks into the object store, so that they neither change nor fill this process."""
    tasks = []
    for units in pack_units(_count(find_units(options.inputs, completed, output=output.name), summary)):
        tasks.append(ray.put(units_to_table(units)))
    return tasks


def _count(units: Iterator[Unit], summary: Summary) -> Iterator[Unit]:
    for unit in units:
        summary.total = None if unit.count is None or summary.total is None else summary.total + unit.count
        yield unit


def _explain(error: RayError) -> str:
    """Return the last line of what Ray says, which names the cause."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__


class _Cluster:
    """A Ray cluster: one that is running, or one on this machine for the length of the block."""

    def __init__(self, options: BulkOptions) -> None:
        self._options = options
        self._is_own = False

    def __enter__(self) -> _Cluster:
        logging.getLogger("ray").setLevel(logging.ERROR)
        if not ray.is_initialized():
            self._is_own = True
            try:
                self._start()
            except (ConnectionError, RuntimeError, ValueError) as error:
                address = self._options.address
                goal = f"connect to the Ray cluster {address}" if address else "start Ray on this machine"
                raise BulkError(f"Cannot {goal}: {error}") from error
        context = DataContext.get_current()
        context.enable_progress_bars = False
        # Ray Data adds its own handlers, which print plans and advice for programmers.
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_own:
            ray.shutdown()

    def _start(self) -> None:
        options = self._options
        if options.address is not None:
            ray.init(address=options.address, logging_level=logging.ERROR, log_to_driver=False)
            return
        ray.init(
            address="local",
            num_cpus=options.cpus,
            object_store_memory=options.object_store_bytes,
            include_dashboard=False,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )

    def make_plan(self) -> Plan:
        """Divide the cluster among the stages."""
        nodes = [node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
        plan = make_plan(
            ray.cluster_resources(),  # type: ignore[no-untyped-call]
            smallest_node_cpus=min((cpus for cpus in nodes if cpus > 0), default=0.0),
            gpus_per_actor=self._options.gpus_per_actor,
            max_actors=self._options.max_actors,
            grows=self._options.address is not None,
        )
        DataContext.get_current().target_max_block_size = plan.block_bytes
        return plan
