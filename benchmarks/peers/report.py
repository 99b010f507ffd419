"""Turns the answers of each system into measures, a table and a plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import save_figure, write_files
from shared.learning.labels import LabeledReceipt
from shared.measures.deteval import measure_deteval
from shared.measures.words import compare_words


def summarize(receipts: Sequence[LabeledReceipt], answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the times, the memory, and the measures of tasks 1 and 2 of one system.

    Args:
        receipts: The labeled receipts.
        answers: The answer of the worker to each of them.
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


def compute_ratios(result: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return how many times as long as Quittance each other system takes: the median of the ratios per receipt."""
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


def format_table(result: dict[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    systems = list(result["systems"].values())
    compared = {"quittance": {"seconds": 1.0, "cpu_seconds": 1.0}, **compute_ratios(result)}

    def row(title: str, values: Sequence[str]) -> str:
        return f"| {title} | {' | '.join(values)} |"

    def relative(kind: str) -> list[str]:
        return [f"{compared[name][kind]:.1f}" if name in compared else "" for name in result["systems"]]

    rows = [
        row(f"{result['receipts']} receipts", [system["version"] for system in systems]),
        "| --- |" + " --- |" * len(systems),
        row("seconds per receipt, median", [f"{one['seconds']['median']:.3f}" for one in systems]),
        row("95th percentile", [f"{one['seconds']['p95']:.3f}" for one in systems]),
        row("relative to Quittance", relative("seconds")),
        row("CPU seconds per receipt, median", [f"{one['cpu_seconds']['median']:.3f}" for one in systems]),
        row("relative to Quittance", relative("cpu_seconds")),
        row("startup, seconds", [f"{one['start_seconds']:.1f}" for one in systems]),
        row("peak memory, MiB", [f"{one['peak_mib']:.0f}" for one in systems]),
        row("task 1, DetEval H-mean", [f"{one['task1']['hmean']:.3f}" for one in systems]),
        row("task 2, F1 of words", [f"{one['task2']['f1']:.3f}" for one in systems]),
    ]
    for clients in ("1", "4", "16"):
        values = [one.get("throughput", {}).get(clients) for one in systems]
        if any(values):
            shown = [f"{one['per_second']:.2f}" if one else "" for one in values]
            rows.append(row(f"receipts per second, {clients} client{'s' if clients != '1' else ''}", shown))
    return "\n".join(rows)


def write_report(result: dict[str, Any], folder: Path) -> None:
    """Write `peers.json`, `peers.md` and `peers.png`; print the table."""
    result["times_ours"] = compute_ratios(result)
    write_files("peers", result, format_table(result), folder)
    plot(result, folder / "peers.png")


def plot(result: dict[str, Any], path: Path) -> None:
    """Plot seconds per receipt against the F1 of words, one point per system, with the spread over the receipts."""
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
    axes.set_xlabel("seconds per receipt (median, 5th to 95th percentile)")
    axes.set_ylabel("F1 of words")
    axes.set_title(f"{result['receipts']} receipts, {result['machine']['cores']} cores")
    axes.margins(y=0.25)
    save_figure(figure, path)
