"""Compares the whole chain with RapidOCR and Tesseract on the same receipts, in turn.

    python -m benchmarks.peers --data ../shared/sroie --count 100 --peers-python .venv-peers/bin/python

RapidOCR runs with ONNX Runtime, its default, and also with OpenVINO. Tesseract runs as installed, and also limited to
one thread per core: it always starts four threads, which wait for each other on fewer cores.

Every system is a separate, warm process bound to the same cores. Each system reads a receipt before the next receipt
follows, so that other activity on the machine affects all of them. Quittance reads from bytes to fields, the others
from bytes to text. Without `--data`, the receipts are rendered. Tasks 1 and 2 are measured on the results; see
`shared/measures`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.peers.report import summarize, write_report
from benchmarks.peers.system import System
from benchmarks.peers.worker import SYSTEMS
from benchmarks.processes import ROOT
from benchmarks.receipts import load_spread
from benchmarks.report import processor_name
from shared.inference.processor import cpu_features
from shared.learning.labels import LabeledReceipt

# Instruction sets that the libraries may use, as environment variables.
_INSTRUCTION_SETS: dict[str, dict[str, str]] = {
    "all": {},
    "vnni": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"},
    "avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
}
# Left out with a limited instruction set: RapidOCR does not tell OpenVINO which precision to use, so it takes the
# missing bfloat16 (4 s per receipt) and, with AVX2 alone, ends the process.
_NEEDS_ALL_INSTRUCTIONS = "rapidocr-openvino"
_CLIENTS = (1, 4, 16)
_ROUNDS = 3
_WARM_UP_RECEIPTS = 3
# With sixteen clients, fewer receipts would mainly measure how the first and the last of them wait.
_RECEIPTS_PER_ROUND = 48


def main() -> None:
    """Measure, and write JSON, table and plot."""
    options = _parse()
    with ExitStack() as stack:
        receipts = _load_receipts(options, stack)
        environment = _INSTRUCTION_SETS[options.isa]
        systems = [
            stack.enter_context(
                System(
                    name, options.peers_python if _is_peer(name) else Path(sys.executable), options.cores, environment
                )
            )
            for name in options.systems
        ]
        result = measure(systems, receipts, throughput=not options.no_throughput)
    result["machine"] = {
        "processor": processor_name(),
        "cores": options.cores,
        "isa": options.isa,
        "features": sorted(name for name in cpu_features() if name.startswith(("amx", "avx512_", "avx_vnni", "avx2"))),
        "load_before": options.load_before,
        "load_after": round(os.getloadavg()[0], 2),
        "date": time.strftime("%Y-%m-%d"),
    }
    write_report(result, options.output)


def measure(systems: Sequence[System], receipts: Sequence[LabeledReceipt], *, throughput: bool) -> dict[str, Any]:
    """Let every system read every receipt in turn; then let Quittance read them with several clients."""
    answers: dict[str, list[dict[str, Any]]] = {system.name: [] for system in systems}
    for system in systems:
        for receipt in receipts[-_WARM_UP_RECEIPTS:]:
            system.ask(path=str(receipt.image_path.resolve()))
    for number, receipt in enumerate(receipts, start=1):
        for system in systems:
            answers[system.name].append(system.ask(path=str(receipt.image_path.resolve())))
        if number % 10 == 0:
            print(f"{number} of {len(receipts)}", file=sys.stderr, flush=True)
    result: dict[str, Any] = {"receipts": len(receipts), "systems": {}}
    for system in systems:
        result["systems"][system.name] = {
            "version": system.version,
            "start_seconds": system.startup_seconds,
            **summarize(receipts, answers[system.name]),
        }
        if system.name == "quittance" and throughput:
            result["systems"][system.name]["throughput"] = _measure_throughput(system, receipts)
    return result


def _measure_throughput(system: System, receipts: Sequence[LabeledReceipt]) -> dict[str, Any]:
    """Return the receipts per second by number of clients; in rounds, so that other activity affects all numbers."""
    paths = [str(receipt.image_path.resolve()) for receipt in receipts][:_RECEIPTS_PER_ROUND]
    answers: dict[int, list[dict[str, Any]]] = {clients: [] for clients in _CLIENTS}
    for _ in range(_ROUNDS):
        for clients in _CLIENTS:
            answers[clients].append(system.ask(paths=paths, clients=clients))
    return {
        str(clients): {
            "per_second": len(paths) * len(rounds) / sum(one["seconds"] for one in rounds),
            "cpu_seconds": sum(one["cpu_seconds"] for one in rounds) / (len(paths) * len(rounds)),
            "peak_mib": max(one["peak_mib"] for one in rounds),
        }
        for clients, rounds in answers.items()
    }


def _load_receipts(options: argparse.Namespace, stack: ExitStack) -> list[LabeledReceipt]:
    """Return the receipts to read; or rendered ones without a dataset."""
    data, split = options.data, options.split
    if data is None or not data.is_dir():
        data, split = Path(stack.enter_context(tempfile.TemporaryDirectory())), "all"
        command = [sys.executable, "-m", "quittance", "synthesize", "--count", str(options.count), "--out", str(data)]
        subprocess.run([*command, "--seed", "1"], check=True, cwd=ROOT)
    return load_spread(data, split, options.count)


def _is_peer(system: str) -> bool:
    """Return whether a system is installed in the environment of the peers."""
    return system.startswith("rapidocr")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="labeled receipts; by default, or if missing, rendered ones")
    parser.add_argument("--split", default="validation", help="split of the labeled receipts")
    parser.add_argument("--count", type=int, default=100, help="number of receipts, evenly spread over the split")
    parser.add_argument("--cores", type=int, default=2, help="cores to bind each system to")
    parser.add_argument("--systems", nargs="+", choices=tuple(SYSTEMS), help="by default all that can run")
    parser.add_argument(
        "--peers-python", type=Path, help="interpreter of an environment with rapidocr, onnxruntime and openvino"
    )
    parser.add_argument(
        "--isa", choices=tuple(_INSTRUCTION_SETS), default="all", help="without AMX (vnni), or also AVX-512 (avx2)"
    )
    parser.add_argument("--no-throughput", action="store_true", help="skip the measurement with several clients")
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "peers", help="folder for JSON, table and plot")
    options = parser.parse_args()
    if options.systems is None:
        options.systems = [name for name in SYSTEMS if options.isa == "all" or name != _NEEDS_ALL_INSTRUCTIONS]
    if any(map(_is_peer, options.systems)) and options.peers_python is None:
        parser.error("rapidocr needs --peers-python: python -m venv ENV, then pip install its packages there")
    options.load_before = round(os.getloadavg()[0], 2)
    return options


if __name__ == "__main__":
    main()
