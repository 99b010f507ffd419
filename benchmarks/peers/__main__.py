"""Our whole chain, RapidOCR and Tesseract on the same receipts, turn by turn.

    python -m benchmarks.peers --data ../shared/sroie --count 100 --peers-python .venv-peers/bin/python

RapidOCR runs with ONNX Runtime, its default, and once more with OpenVINO, which it offers too. Tesseract runs as it is
installed, and once more held to a thread for each core: it starts four threads whatever there is, and on fewer cores
they wait for each other.

Every system is a process of its own, warm, bound to the same cores; each reads a receipt before the next receipt
comes, so that the machine's moods hit all. Ours reads from bytes to fields, the others from bytes to text. Without
`--data`, the receipts are rendered. Tasks 1 and 2 are measured on what was read; see `shared/measures`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.peers.report import measures_of, write_report
from benchmarks.peers.worker import SYSTEMS
from benchmarks.report import processor
from shared.inference.processor import flags
from shared.learning.dataset import load_split
from shared.learning.labels import LabeledReceipt

#: What the libraries are told to do without, and what we are told beside it.
_ISAS: dict[str, dict[str, str]] = {
    "all": {},
    "vnni": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"},
    "avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
}
#: Left out where libraries are told to do without something: RapidOCR does not tell OpenVINO what to multiply, which
#: then takes a bfloat16 that is not there (4 s a receipt), and with AVX2 alone ends the process.
_ONLY_WITH_ALL = "rapidocr-openvino"
_WORKER = Path(__file__).with_name("worker.py")
_ROOT = _WORKER.parents[2]
_CLIENTS = (1, 4, 16)
_ROUNDS = 3
_WARM_UP = 3
_PER_ROUND = 48
"""With sixteen clients, fewer would measure how the first and last receipts wait for each other."""


class Worker:
    """The process of one system."""

    def __init__(self, system: str, python: Path, cores: int, environment: dict[str, str]) -> None:
        self.system = system
        begun = time.perf_counter()
        paths = {"PYTHONPATH": str(_ROOT)} if system == "quittance" else {}
        self._popen = subprocess.Popen(
            [str(python), str(_WORKER), system, "--cores", str(cores)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=os.environ | environment | paths,
        )  # fmt: skip
        self.version: str = self._answer()["ready"]
        self.start_seconds = time.perf_counter() - begun

    def ask(self, **task: Any) -> dict[str, Any]:
        """Give it something to do and wait for the answer."""
        assert self._popen.stdin is not None  # noqa: S101 - see above
        self._popen.stdin.write(json.dumps(task) + "\n")
        self._popen.stdin.flush()
        return self._answer()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._popen.stdin is not None  # noqa: S101 - see above
        self._popen.stdin.close()
        try:
            self._popen.wait(30)
        except subprocess.TimeoutExpired:
            self._popen.kill()

    def _answer(self) -> dict[str, Any]:
        assert self._popen.stdout is not None  # noqa: S101 - see above
        line = self._popen.stdout.readline()
        if not line:
            raise SystemExit(f"The process of {self.system} ended with {self._popen.wait()}; run its worker by hand.")
        answer: dict[str, Any] = json.loads(line)
        return answer


def main() -> None:
    """Measures, and writes JSON, table and plot."""
    options = _parse()
    with ExitStack() as stack:
        receipts = list(_receipts(options, stack))
        own = Path(sys.executable)
        workers = [
            stack.enter_context(
                Worker(name, options.peers_python if _is_peer(name) else own, options.cores, _ISAS[options.isa])
            )
            for name in options.systems
        ]
        result = measure(workers, receipts, throughput=not options.no_throughput)
    result["machine"] = {
        "processor": processor(),
        "cores": options.cores,
        "isa": options.isa,
        "features": sorted(name for name in flags() if name.startswith(("amx", "avx512_", "avx_vnni", "avx2"))),
        "load_before": options.load_before,
        "load_after": round(os.getloadavg()[0], 2),
        "date": time.strftime("%Y-%m-%d"),
    }
    write_report(result, options.output)


def measure(workers: Sequence[Worker], receipts: Sequence[LabeledReceipt], *, throughput: bool) -> dict[str, Any]:
    """Every worker reads every receipt in turn; then ours reads them with several clients at once."""
    answers: dict[str, list[dict[str, Any]]] = {worker.system: [] for worker in workers}
    for worker in workers:
        for receipt in receipts[-_WARM_UP:]:
            worker.ask(path=str(receipt.image_path.resolve()))
    for number, receipt in enumerate(receipts, start=1):
        for worker in workers:
            answers[worker.system].append(worker.ask(path=str(receipt.image_path.resolve())))
        if number % 10 == 0:
            print(f"{number} of {len(receipts)}", file=sys.stderr, flush=True)
    result: dict[str, Any] = {"receipts": len(receipts), "systems": {}}
    for worker in workers:
        found = answers[worker.system]
        result["systems"][worker.system] = {
            "version": worker.version,
            "start_seconds": worker.start_seconds,
            **measures_of(receipts, found),
        }
        if worker.system == "quittance" and throughput:
            result["systems"][worker.system]["throughput"] = _throughput(worker, receipts)
    return result


def _throughput(worker: Worker, receipts: Sequence[LabeledReceipt]) -> dict[str, Any]:
    """Receipts a second by number of clients; in rounds, so that the machine's moods hit all numbers."""
    paths = [str(receipt.image_path.resolve()) for receipt in receipts][:_PER_ROUND]
    spent: dict[int, list[dict[str, Any]]] = {clients: [] for clients in _CLIENTS}
    for _ in range(_ROUNDS):
        for clients in _CLIENTS:
            spent[clients].append(worker.ask(paths=paths, clients=clients))
    return {
        str(clients): {
            "per_second": len(paths) * len(rounds) / sum(one["seconds"] for one in rounds),
            "cpu_seconds": sum(one["cpu_seconds"] for one in rounds) / (len(paths) * len(rounds)),
            "peak_mib": max(one["peak_mib"] for one in rounds),
        }
        for clients, rounds in spent.items()
    }


def _receipts(options: argparse.Namespace, stack: ExitStack) -> Iterator[LabeledReceipt]:
    """The receipts to read; rendered ones where there is no data set."""
    data, split = options.data, options.split
    if data is None or not data.is_dir():
        data, split = Path(stack.enter_context(tempfile.TemporaryDirectory())), "all"
        command = [sys.executable, "-m", "quittance", "synthesize", "--count", str(options.count), "--out", str(data)]
        subprocess.run([*command, "--seed", "1"], check=True, cwd=_ROOT)
    receipts = load_split(data, split)
    yield from receipts[:: max(1, len(receipts) // options.count)][: options.count]


def _is_peer(system: str) -> bool:
    """Whether a system lives in the environment of the peers."""
    return system.startswith("rapidocr")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="labeled receipts; left out or absent: rendered ones")
    parser.add_argument("--split", default="validation", help="part of the labeled receipts")
    parser.add_argument("--count", type=int, default=100, help="receipts, spread over the part")
    parser.add_argument("--cores", type=int, default=2, help="cores that each system is bound to")
    parser.add_argument("--systems", nargs="+", choices=tuple(SYSTEMS), help="left out: all that can run")
    parser.add_argument(
        "--peers-python", type=Path, help="interpreter of an environment with rapidocr, onnxruntime and openvino"
    )
    parser.add_argument(
        "--isa", choices=tuple(_ISAS), default="all", help="do without AMX (vnni) or AVX-512, too (avx2)"
    )
    parser.add_argument("--no-throughput", action="store_true", help="leave out several clients at once")
    parser.add_argument("--output", type=Path, default=_ROOT / "runs" / "peers", help="folder for JSON, table and plot")
    options = parser.parse_args()
    if options.systems is None:
        options.systems = [name for name in SYSTEMS if options.isa == "all" or name != _ONLY_WITH_ALL]
    if any(map(_is_peer, options.systems)) and options.peers_python is None:
        parser.error("--peers-python is needed for rapidocr: python -m venv ENV, then pip install its packages there")
    options.load_before = round(os.getloadavg()[0], 2)
    return options


if __name__ == "__main__":
    main()
