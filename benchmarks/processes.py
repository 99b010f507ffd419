"""The four applications as processes of their own on free ports, as docker-compose.yml runs them, and their memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from socket import socket

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("detector", "recognizer", "extractor")
_START_S = 180.0
_SAMPLE_S = 0.2


@dataclass(frozen=True)
class Served:
    """A running application: its role, its address, its process."""

    role: str
    url: str
    pid: int


@contextmanager
def four_processes(environment: Mapping[str, str] | None = None) -> Iterator[dict[str, Served]]:
    """Starts the services and a gateway in front of them, by role, and ends them.

    Args:
        environment: Further settings of all four.
    """
    ports = {role: _free_port() for role in ("gateway", *SERVICES)}
    urls = {f"QUITTANCE_{role.upper()}_URL": f"http://127.0.0.1:{ports[role]}" for role in SERVICES}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("QUITTANCE_")}
        common = inherited | {"PYTHONPATH": str(ROOT), "QUITTANCE_DRAIN_DELAY_S": "0"} | dict(environment or {})
        served = {}
        for role, port in ports.items():
            own = common | {"QUITTANCE_PORT": str(port)} | (urls if role == "gateway" else {})
            command = [sys.executable, "-m", "quittance", "serve", role]
            with (folder / f"{role}.log").open("wb") as log:
                popen = subprocess.Popen(command, env=own, cwd=folder, stdout=log, stderr=log)
            stack.callback(_end, popen)
            served[role] = Served(role, f"http://127.0.0.1:{port}", popen.pid)
        for one in served.values():
            _wait_until_ready(one, folder / f"{one.role}.log")
        yield served


class MemoryWatch:
    """Follows the resident memory of processes, and of the processes they start, several times a second.

    Attributes:
        first: MiB when the watch began, by role.
        peak: The most since, by role; `gateway renderer` is the largest child of the gateway.
    """

    def __init__(self, served: Mapping[str, Served]) -> None:
        self._served = served
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.first = {role: _resident_mib(one.pid) for role, one in served.items()}
        self.peak = dict(self.first)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def now(self) -> dict[str, int]:
        """MiB at this moment, by role."""
        return {role: _resident_mib(one.pid) for role, one in self._served.items()}

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_S):
            for role, one in self._served.items():
                self._note(role, _resident_mib(one.pid))
                for child in _children(one.pid):
                    self._note(f"{role} renderer", _resident_mib(child))

    def _note(self, name: str, mib: int) -> None:
        self.peak[name] = max(self.peak.get(name, 0), mib)


def _resident_mib(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:  # it has ended meanwhile
        return 0
    return next((int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmRSS")), 0)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(one) for one in path.read_text().split()]
        except OSError:  # a thread that has ended meanwhile
            continue
    return found


def _free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(one: Served, log: Path) -> None:
    end = time.monotonic() + _START_S
    host = one.url.removeprefix("http://")
    while time.monotonic() < end:
        connection = HTTPConnection(host, timeout=5)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except (OSError, HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.2)
    raise SystemExit(f"The {one.role} did not start:\n{log.read_text()[-4000:]}")


def _end(popen: subprocess.Popen[bytes]) -> None:
    popen.terminate()
    try:
        popen.wait(timeout=40)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()
