"""A system under measurement: its worker process, and what it is asked."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from benchmarks.processes import ROOT

_WORKER = Path(__file__).with_name("worker.py")
_SHUTDOWN_TIMEOUT_S = 30.0


class System:
    """The process of one system (see `benchmarks.peers.worker`); it ends with the `with` block.

    Args:
        name: A key of `benchmarks.peers.worker.SYSTEMS`.
        python: Interpreter of the environment that has the system.
        cores: Number of cores to bind it to.
        environment: Additional variables.

    Attributes:
        version: The system and its version, as the worker reports it.
        startup_seconds: Time until the worker was ready.
    """

    def __init__(self, name: str, python: Path, cores: int, environment: Mapping[str, str]) -> None:
        self.name = name
        started = time.perf_counter()
        paths = {"PYTHONPATH": str(ROOT)} if name == "quittance" else {}
        self._popen = subprocess.Popen(
            [str(python), str(_WORKER), name, "--cores", str(cores)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **environment, **paths},
        )
        self.version: str = self._read_answer()["ready"]
        self.startup_seconds = time.perf_counter() - started

    def ask(self, **task: Any) -> dict[str, Any]:
        """Send a task to the worker and wait for its answer.

        Raises:
            SystemExit: If the worker has ended.
        """
        assert self._popen.stdin is not None  # noqa: S101 - a pipe
        self._popen.stdin.write(json.dumps(task) + "\n")
        self._popen.stdin.flush()
        return self._read_answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._popen.stdin is not None  # noqa: S101 - a pipe
        self._popen.stdin.close()
        try:
            self._popen.wait(_SHUTDOWN_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()

    def _read_answer(self) -> dict[str, Any]:
        assert self._popen.stdout is not None  # noqa: S101 - a pipe
        line = self._popen.stdout.readline()
        if not line:
            status = self._popen.wait()
            raise SystemExit(f"The process of {self.name} ended with {status}. Run its worker by hand to see why.")
        answer: dict[str, Any] = json.loads(line)
        return answer
