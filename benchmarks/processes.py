"""Processes for measurements: gateways and services on free ports, started, killed, frozen and watched."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from socket import SO_REUSEADDR, SOL_SOCKET, socket
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("detector", "recognizer", "extractor")
_STARTUP_TIMEOUT_S = 180.0
_SHUTDOWN_TIMEOUT_S = 40.0
_POLL_S = 0.02
_MEMORY_SAMPLE_S = 0.2
_MAX_LOG_CHARACTERS = 4000
_PORT_COUNT = 100
_FIRST_PORT = 10_000 + os.getpid() % 200 * _PORT_COUNT
_PORTS = itertools.cycle(range(_FIRST_PORT, _FIRST_PORT + _PORT_COUNT))


def is_ready(port: int) -> bool:
    """Return whether an app on this machine reports that it is ready."""
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


class Process:
    """A program that can be stopped and started again on the same port.

    Args:
        name: Name of the process and of its log.
        command: Command line.
        environment: Variables in addition to those of this process, which are passed on except for settings.
        port: Port it listens on.
        folder: Working directory and place of the log.
        ready: Returns whether the program at a port takes work.

    Attributes:
        url: Base URL.
        log: File with the output of the process.
        peak_memory_bytes: Peak memory of the process and of the children it waited for; known once it has ended.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        port: int,
        folder: Path,
        ready: Callable[[int], bool] = is_ready,
    ) -> None:
        self.name = name
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.peak_memory_bytes = 0
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("QUITTANCE_")}
        self.log = folder / f"{name}.log"
        self._command = list(command)
        self._environment = inherited | {"PYTHONPATH": str(ROOT)} | dict(environment)
        self._folder = folder
        self._ready = ready
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The ID of the process; raises RuntimeError if it was not started."""
        if self._popen is None:
            raise RuntimeError(f"The {self.name} was not started.")
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def is_ready(self) -> bool:
        """Whether it takes work."""
        return self.is_running and self._ready(self.port)

    def replace_command(self, command: Sequence[str]) -> None:
        """Start another program from now on."""
        self._command = list(command)

    def start(self, *, wait: bool = True) -> None:
        """Start the process and, unless told otherwise, wait until it is ready."""
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until it takes work; raise RuntimeError with the end of its log if it ends or takes too long."""
        end = time.monotonic() + _STARTUP_TIMEOUT_S
        while not self._ready(self.port):
            if not self.is_running or time.monotonic() > end:
                raise RuntimeError(f"The {self.name} did not start:\n{self._log_end()}")
            time.sleep(_POLL_S)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal if the process is running."""
        if self._popen is not None and self.is_running:
            self._popen.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the process with a signal and return its exit status."""
        self.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait until the process has ended and return its exit status; 0 if it was never started.

        Raises:
            RuntimeError: If it does not end in time; it is killed.
        """
        if self._popen is None:
            return 0
        end = time.monotonic() + _SHUTDOWN_TIMEOUT_S
        while self._popen.returncode is None:
            # `wait4` instead of `Popen.wait`, because it also returns the peak memory.
            pid, status, usage = os.wait4(self._popen.pid, os.WNOHANG)
            if pid:
                self._popen.returncode = os.waitstatus_to_exitcode(status)
                self.peak_memory_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            elif time.monotonic() > end:
                self._popen.kill()
                self._popen.wait()
                raise RuntimeError(f"The {self.name} did not end:\n{self._log_end()}")
            else:
                time.sleep(_POLL_S)
        return self._popen.returncode

    def resident_bytes(self) -> int:
        """Return the memory it uses now (Linux)."""
        return _resident_bytes(self.pid)

    def _log_end(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-_MAX_LOG_CHARACTERS:]


class Deployment:
    """Processes that end with the `with` block, in a temporary folder that is removed with them."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="quittance-"))
        self._processes: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_app(self, app: str, name: str | None = None, **settings: str) -> Process:
        """Start `quittance serve APP`.

        Args:
            app: `all`, `gateway` or a service.
            name: Name of the process; by default that of the app.
            settings: Environment variables.
        """
        return self.start_python(name or app, ["-m", "quittance", "serve", app], wait=True, **settings)

    def start_gateway(self, name: str, stages: Mapping[str, Process], **settings: str) -> Process:
        """Start a gateway in front of stages."""
        urls = {f"QUITTANCE_{stage.upper()}_URL": process.url for stage, process in stages.items()}
        return self.start_app("gateway", name, **urls, **settings)

    def start_containers(self, **settings: str) -> dict[str, Process]:
        """Start the gateway and the three services as four processes, as docker-compose.yml does."""
        stages = {service: self.start_app(service, **settings) for service in SERVICES}
        return {"gateway": self.start_gateway("gateway", stages, **settings), **stages}

    def start_python(self, name: str, arguments: Sequence[str], *, wait: bool = True, **settings: str) -> Process:
        """Start a Python program that serves on `QUITTANCE_PORT`."""
        port = find_free_port()
        environment = {"QUITTANCE_PORT": str(port), "QUITTANCE_LOG_LEVEL": "warning"} | settings
        command = [sys.executable, *arguments]
        return self.start(Process(name, command, environment, port=port, folder=self.folder), wait=wait)

    def start(self, process: Process, *, wait: bool = True) -> Process:
        """Start a process and stop it at the end of the block."""
        self._processes.append(process)
        process.start(wait=wait)
        return process


class MemoryWatch:
    """Samples the memory of processes and of their children several times per second (Linux).

    Attributes:
        first: MiB at the start of the watch, by name.
        peak: Maximum MiB since then, by name; `gateway renderer` is the largest child process of the gateway.
    """

    def __init__(self, processes: Mapping[str, Process]) -> None:
        self._processes = processes
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.first = self.sample()
        self.peak = dict(self.first)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def sample(self) -> dict[str, int]:
        """Return the MiB in use now, by name."""
        return {name: _resident_bytes(process.pid) >> 20 for name, process in self._processes.items()}

    def _watch(self) -> None:
        while not self._ended.wait(_MEMORY_SAMPLE_S):
            for name, process in self._processes.items():
                self._note(name, process.pid)
                for child in _children(process.pid):
                    self._note(f"{name} renderer", child)

    def _note(self, name: str, pid: int) -> None:
        self.peak[name] = max(self.peak.get(name, 0), _resident_bytes(pid) >> 20)


def find_free_port() -> int:
    """Return a port that nothing listens on, each time another one.

    Two test runs side by side must not choose the same port before their processes listen, and outgoing connections
    must not take it. So each process of Python has ports of its own, below those of outgoing connections.
    """
    for port in itertools.islice(_PORTS, _PORT_COUNT):
        with socket() as probe:
            probe.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("All ports for tests and measurements are in use.")


def _resident_bytes(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:  # the process has ended
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in path.read_text().split()]
        except OSError:  # the thread has ended
            continue
    return found
