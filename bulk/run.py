"""The chain as a Ray Data pipeline: units in, files of the output out."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

# Before Ray is imported: nothing about this machine is sent to anyone, and of Ray's own logs only faults are shown.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")

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
from bulk.stages.reading import ReadStage, StageCall
from bulk.stages.recognition import RecognizeStage
from bulk.stages.rendering import RenderStage
from bulk.stages.writing import WriteStage
from bulk.summary import Summary
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
        # Without a total, there are tars, which are not divided into tasks before they are read.
        plan = cluster.make_plan(may_divide=summary.total is not None)
        dataset = build_pipeline(tasks, output, options, plan)
        summary.start()
        report(summary)
        try:
            for written in dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
                summary.add(written)
                report(summary)
            summary.stop()
        except RayError as error:
            raise BulkError(
                f"Ray stopped: {_explain(error)}\nWhat was written is kept; start the same command again to go on."
            ) from error
    return summary


def build_pipeline(tasks: list[Any], output: OutputFolder, options: BulkOptions, plan: Plan) -> Dataset:
    """Return the chain of stages for stored tables of units; its rows describe the files that were written."""
    dataset: Dataset = ray.data.from_arrow_refs(tasks)
    stages = _describe_stages(options, plan.uses_gpus)
    if plan.whole is not None:
        arguments = {"stages": stages, "url": output.name, "rows_per_file": options.rows_per_file}
        return _add_stage(dataset, (ReadStage, arguments), plan.whole, most_actors=len(tasks))
    for stage, pool in zip(stages, (plan.render, plan.detect, plan.recognize, plan.extract), strict=True):
        dataset = _add_stage(dataset, stage, pool)
    write: StageCall = WriteStage, {"url": output.name}
    return _add_stage(dataset, write, plan.write, batch_rows=options.rows_per_file)


def _describe_stages(options: BulkOptions, uses_gpus: bool) -> list[StageCall]:
    """Return the stages that turn units into rows, in order."""
    stages, split = options.stages, options.split
    networks, on_cpu = {"device": "cuda" if uses_gpus else "cpu"}, {"device": "cpu"}
    detector = _on_cpu_thread(stages.detector, uses_gpus) | networks
    recognizer = _on_cpu_thread(stages.recognizer, uses_gpus) | networks
    extractor = _on_cpu_thread(stages.extractor, False) | on_cpu
    # For parts of pages that are receipts of their own.
    again = (_on_cpu_thread(stages.detector, False) | on_cpu, _on_cpu_thread(stages.recognizer, False) | on_cpu)
    return [
        (RenderStage, {"settings": stages.gateway}),
        (DetectStage, {"settings": detector}),
        (RecognizeStage, {"settings": recognizer, "detector_settings": detector, "split": split}),
        (ExtractStage, {"settings": extractor, "again": again, "split": split, "threshold": options.threshold}),
    ]


def _add_stage(
    dataset: Dataset, stage: StageCall, pool: PoolPlan, *, most_actors: int | None = None, batch_rows: int | None = None
) -> Dataset:
    """Add a pool of actors.

    Args:
        dataset: What the stage reads.
        stage: The stage.
        pool: Its pool.
        most_actors: How many actors have work at the start; None if that is not known.
        batch_rows: Rows of a batch; None to take blocks as they are.
    """
    first = pool.first_actors if most_actors is None else min(pool.first_actors, most_actors)
    return dataset.map_batches(
        stage[0],
        fn_constructor_kwargs=stage[1],
        batch_size=batch_rows,
        batch_format="pyarrow",
        compute=ActorPoolStrategy(min_size=1, max_size=pool.max_actors, initial_size=first),
        num_cpus=pool.cpus,
        num_gpus=pool.gpus or None,
    )


def _on_cpu_thread(settings: dict[str, Any], uses_gpu: bool) -> dict[str, Any]:
    """Return settings with one thread per actor: as many actors as cores use the cores better than threads do."""
    return settings if uses_gpu else {"threads": 1} | settings


def _store_units(options: BulkOptions, completed: Completed, output: OutputFolder, summary: Summary) -> list[Any]:
    """Put the units of all tasks into the object store, so that they neither change nor fill this process."""
    units = _count(find_units(options.inputs, completed, output=output.name), summary)
    return [ray.put(units_to_table(some)) for some in pack_units(units, max_size=options.rows_per_file)]


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

    def make_plan(self, *, may_divide: bool) -> Plan:
        """Divide the cluster among the stages; see `bulk.plan.make_plan`."""
        nodes = [node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
        plan = make_plan(
            ray.cluster_resources(),  # type: ignore[no-untyped-call]
            smallest_node_cpus=min((cpus for cpus in nodes if cpus > 0), default=0.0),
            gpus_per_actor=self._options.gpus_per_actor,
            max_actors=self._options.max_actors,
            grows=self._options.address is not None,
            may_divide=may_divide,
        )
        DataContext.get_current().target_max_block_size = plan.block_bytes
        return plan
