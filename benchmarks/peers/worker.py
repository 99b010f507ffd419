"""The process of one system: reads pictures when told to, over its standard input and output.

Run as a script by the interpreter of the system's own environment; nothing but the standard library is imported before
the system is. A line in is a JSON object with `path` (a picture to read) or `paths` and `clients` (read them all, so
many at once); a line out answers it with `seconds`, `cpu_seconds`, `peak_mib` and for one picture `lines`, each a quad
and its text. The first line out says `ready`.
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

#: The module of each system, and how its reader is made.
SYSTEMS: dict[str, tuple[str, dict[str, Any]]] = {
    "quittance": ("quittance_reader", {}),
    "rapidocr": ("rapidocr_reader", {}),
    "rapidocr-openvino": ("rapidocr_reader", {"engine": "openvino"}),
    "tesseract": ("tesseract_reader", {}),
    "tesseract-limited": ("tesseract_reader", {"limited": True}),
}


def main() -> None:
    """Answers until the standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("system", choices=tuple(SYSTEMS))
    parser.add_argument("--cores", type=int, required=True)
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints must not stand between the answers
    sys.path[0] = str(Path(__file__).parent)
    module, how = SYSTEMS[options.system]
    reader = importlib.import_module(module).Reader(options.cores, **how)
    print(json.dumps({"ready": reader.version}), file=answers, flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        if "path" in task:
            picture = Path(task["path"]).read_bytes()
            begun, cpu = time.perf_counter(), _cpu_seconds()
            found = reader.read(picture)
            answer = {"seconds": time.perf_counter() - begun, "cpu_seconds": _cpu_seconds() - cpu, "lines": found}
        else:
            pictures = [Path(path).read_bytes() for path in task["paths"]]
            begun, cpu = time.perf_counter(), _cpu_seconds()
            reader.read_all(pictures, task["clients"])
            answer = {"seconds": time.perf_counter() - begun, "cpu_seconds": _cpu_seconds() - cpu}
        answer["peak_mib"] = _peak_mib()
        print(json.dumps(answer), file=answers, flush=True)
    reader.close()


def _usages() -> list[resource.struct_rusage]:
    return [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]


def _cpu_seconds() -> float:
    return sum(usage.ru_utime + usage.ru_stime for usage in _usages())


def _peak_mib() -> float:
    """Of this process, or of the largest that it started."""
    return max(usage.ru_maxrss for usage in _usages()) / 1024


if __name__ == "__main__":
    main()
