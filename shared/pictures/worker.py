"""The loop of a process that decodes untrusted files, and is killed if it takes too long.

Requests come as lines of JSON on the standard input, answers go to the standard output. Files and results are in a
shared file without a name, whose descriptor is an argument: first the file, then, in its place, the result. Memory is
limited once, CPU time per task. `shared.pictures.pool` starts the process.
"""

from __future__ import annotations

import json
import math
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from shared.arrays import Pixels
from shared.pictures.decoding import decode_picture
from shared.pictures.header import PictureLimits, damaged_picture_problem
from shared.problems import ProblemError

# For decoding alone: modules, and memory reserved per processor, are not counted.
_MEMORY_BYTES = 2**30

Output = Iterable[bytes | memoryview]
# Returns what to tell the caller, and the bytes of the result.
Task = Callable[[bytes, dict[str, Any]], tuple[dict[str, Any], Output]]


def decode(data: bytes, arguments: dict[str, Any]) -> tuple[dict[str, Any], Output]:
    """Decode a JPEG, PNG or WebP within the limits in `arguments["limits"]`."""
    picture = decode_picture(data, PictureLimits(**arguments["limits"]))
    answer = {"width": picture.width, "height": picture.height, "format": picture.format}
    return answer, [_as_bytes(picture.pixels)]


def serve(tasks: Mapping[str, Task]) -> None:
    """Carry out requests until the standard input ends; the first argument is the descriptor of the shared file."""
    shared = int(sys.argv[1])
    max_bytes = _measure_address_space() + _MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (max_bytes, max_bytes))
    # A crash is reported to the log; a dump of its memory would hold the picture.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The limits of the request are checked instead, and this process has no other task.
    Image.MAX_IMAGE_PIXELS = None
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        data = os.pread(shared, request["size"], 0)
        os.ftruncate(shared, 0)
        answer = _carry_out(tasks[request["task"]], data, request, shared)
        print(json.dumps(answer), flush=True)


def limit_cpu_time(seconds: float) -> None:
    """Make the kernel end this process with SIGXCPU after so many more CPU seconds."""
    limit = math.ceil(time.process_time() + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _carry_out(task: Task, data: bytes, request: dict[str, Any], shared: int) -> dict[str, Any]:
    limit_cpu_time(request["cpu_s"])
    try:
        answer, output = task(data, request["arguments"])
        size = 0
        for part in output:
            size = _write(shared, part, size)
        return {"answer": answer, "size": size}
    except ProblemError as error:
        return {"problem": _describe(error)}
    except MemoryError:
        return {"problem": _describe(damaged_picture_problem("file", "it needs more memory than is available"))}


def _write(shared: int, part: bytes | memoryview, offset: int) -> int:
    view = memoryview(part)
    while view.nbytes:
        written = os.pwrite(shared, view, offset)
        view, offset = view[written:], offset + written
    return offset


def _describe(error: ProblemError) -> dict[str, Any]:
    return {
        "status": error.status,
        "code": error.code,
        "title": error.title,
        "detail": error.detail,
        "extra": error.extra,
    }


def _as_bytes(pixels: Pixels) -> memoryview:
    """Return the pixels row by row, without a copy if they are stored so."""
    return np.ascontiguousarray(pixels).data.cast("B")


def _measure_address_space() -> int:
    """Return the bytes that this process has reserved; 0 if the kernel does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


if __name__ == "__main__":
    serve({"decode": decode})
