"""From what each system answered to measures, a table and a plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import save_figure, write_files
from shared.learning.labels import LabeledReceipt
from shared.measures.deteval import measure_deteval
from shared.measures.words import compare_words


def measures_of(receipts: Sequence[LabeledReceipt], answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Times, memory, and tasks 1 and 2 of one system.

    Args:
        receipts: Labeled.
        answers: Of the system's worker for each of them.
    """
    quads = [[quad for quad, _ in answer["lines"]] for answer in answers]
    texts = [[text for _, text in answer["lines"]] for answer in answers]
    seconds = np.array([answer["seconds"] for answer in answers])
    cpu = np.array([answer["cpu_seconds"] for answer in answers])
    return {
        "seconds": {"median": float(np.median(seconds)), "p95": float(np.percentile(seconds, 95))},
        "cpu_seconds": {"median": float(np.median(cpu)), "mean": float(cpu.mean())},
        "peak_mib": answers[-1]["peak_mib"],
        "task1": measure_deteval([receipt.quads for receipt in receipts], quads).to_dict(),
        "task2": compare_words([[one.text for one in receipt.segments] for receipt in receipts], texts).to_dict(),
        "each": {"seconds": seconds.round(4).tolist(), "cpu_seconds": cpu.round(4).tolist()},
    }


def ratios(result: dict[str, Any]) -> dict[str, dict[str, float]]:
    """How many times as long as ours each other system takes: the median over receipts of the ratio of each."""
    ours = result["systems"].get("quittance")
    if ours is None:
        return {}
    return {
        name: {
            kind: float(np.median(np.array(system["each"][kind]) / np.array(ours["each"][kind])))
            for kind in ("seconds", "cpu_seconds")
        }
        for name, system in result["systems"].items()
        if name != "quittance"
    }


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    systems = list(result["systems"].values())
    compared = {"quittance": {"seconds": 1.0, "cpu_seconds": 1.0}, **ratios(result)}

    def row(title: str, values: Sequence[str]) -> str:
        return f"| {title} | {' | '.join(values)} |"

    rows = [
        row(f"{result['receipts']} receipts", [system["version"] for system in systems]),
        "| --- |" + " --- |" * len(systems),
        row("seconds a receipt, median", [f"{one['seconds']['median']:.3f}" for one in systems]),
        row("95th percentile", [f"{one['seconds']['p95']:.3f}" for one in systems]),
        row(
            "times ours", [f"{compared[name]['seconds']:.1f}" if name in compared else "" for name in result["systems"]]
        ),
        row("processor seconds a receipt, median", [f"{one['cpu_seconds']['median']:.3f}" for one in systems]),
        row("times ours", [f"{compared[n]['cpu_seconds']:.1f}" if n in compared else "" for n in result["systems"]]),
        row("start to ready, seconds", [f"{one['start_seconds']:.1f}" for one in systems]),
        row("peak memory, MiB", [f"{one['peak_mib']:.0f}" for one in systems]),
        row("task 1, DetEval H-mean", [f"{one['task1']['hmean']:.3f}" for one in systems]),
        row("task 2, F1 of words", [f"{one['task2']['f1']:.3f}" for one in systems]),
    ]
    for clients in ("1", "4", "16"):
        values = [one.get("throughput", {}).get(clients) for one in systems]
        if any(values):
            shown = [f"{one['per_second']:.2f}" if one else "" for one in values]
            rows.append(row(f"receipts a second, {clients} client{'s' if clients != '1' else ''}", shown))
    return "\n".join(rows)


def write_report(result: dict[str, Any], folder: Path) -> None:
    """Writes `peers.json`, `peers.md` and, where matplotlib is installed, `peers.png`; prints the table."""
    result["times_ours"] = ratios(result)
    write_files("peers", result, table(result), folder)
    plot(result, folder / "peers.png")


def plot(result: dict[str, Any], path: Path) -> None:
    """Seconds a receipt against the F1 of words, one point a system, with the spread of the receipts."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    for system in result["systems"].values():
        seconds, f1 = np.array(system["each"]["seconds"]), system["task2"]["f1"]
        median = float(np.median(seconds))
        low, high = np.percentile(seconds, (5, 95))
        axes.errorbar(median, f1, xerr=[[median - low], [high - median]], fmt="o", capsize=3)
        axes.annotate(system["version"].split(",")[0], (median, f1), xytext=(0, 8), textcoords="offset points")
    axes.set_xscale("log")
    axes.set_xlabel("seconds a receipt (median, 5th to 95th percentile)")
    axes.set_ylabel("F1 of words read")
    axes.set_title(f"{result['receipts']} receipts, {result['machine']['cores']} cores")
    axes.margins(y=0.25)
    save_figure(figure, path)
