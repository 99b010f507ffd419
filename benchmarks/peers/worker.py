"""The process of one system: reads pictures on command, over its standard input and output.

A script for the interpreter of the environment that has the system, so it imports only the standard library itself. An
input line is a JSON object with `path` (a picture to read), or `paths` and `clients` (read them all with so many
concurrent clients). The output line has `seconds`, `cpu_seconds`, `peak_mib` and, for a single picture, `lines`: pairs
of a quad and its text. The first output line has `ready`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

# The module of each system, and the arguments of its reader.
SYSTEMS: dict[str, tuple[str, dict[str, Any]]] = {
    "quittance": ("quittance_reader", {}),
    "rapidocr": ("rapidocr_reader", {}),
    "rapidocr-openvino": ("rapidocr_reader", {"engine": "openvino"}),
    "tesseract": ("tesseract_reader", {}),
    "tesseract-limited": ("tesseract_reader", {"limited": True}),
}


def main() -> None:
    """Answer until the standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("system", choices=tuple(SYSTEMS))
    parser.add_argument("--cores", type=int, required=True)
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    answers, sys.stdout = sys.stdout, sys.stderr  # output of libraries must not mix with the answers
    sys.path[0] = str(Path(__file__).parent)
    module, arguments = SYSTEMS[options.system]
    reader = importlib.import_module(module).Reader(options.cores, **arguments)
    print(json.dumps({"ready": reader.version}), file=answers, flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        if "path" in task:
            picture = Path(task["path"]).read_bytes()
            started, cpu = time.perf_counter(), _cpu_seconds()
            lines = reader.read(picture)
            answer = {"seconds": time.perf_counter() - started, "cpu_seconds": _cpu_seconds() - cpu, "lines": lines}
        else:
            pictures = [Path(path).read_bytes() for path in task["paths"]]
            started, cpu = time.perf_counter(), _cpu_seconds()
            reader.read_all(pictures, task["clients"])
            answer = {"seconds": time.perf_counter() - started, "cpu_seconds": _cpu_seconds() - cpu}
        answer["peak_mib"] = _peak_mib()
        print(json.dumps(answer), file=answers, flush=True)
    reader.close()


def _usages() -> list[resource.struct_rusage]:
    return [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]


def _cpu_seconds() -> float:
    return sum(usage.ru_utime + usage.ru_stime for usage in _usages())


def _peak_mib() -> float:
    """Return the peak memory of this process or of its largest child."""
    return max(usage.ru_maxrss for usage in _usages()) / 1024


if __name__ == "__main__":
    main()
