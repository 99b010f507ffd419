"""The commands and settings of the containers in Kubernetes, as processes of this machine: gateways and a worker."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import yaml

from benchmarks.processes import Process, find_free_port
from quittance.assembly import SERVICES
from tests.support.deployment import Site, accepts_connections
from tests.support.kubernetes import Resource, find_container, read_environment, render
from tests.support.postgres_server import PostgresServer

_TIMEOUT_S = 180.0


@dataclass
class Cluster:
    """Processes with the commands and environments of the rendered containers."""

    resources: list[Resource]
    folder: Path
    replaced: dict[str, str]
    secret_variables: dict[str, str]
    processes: list[Process]

    def start(self, name: str, container: str, *, wait: bool = True) -> Process:
        """Start the command of a container."""
        program, *arguments = find_container(self.resources, container)["args"]
        assert program == "quittance"
        port, folder = find_free_port(), self.folder / name
        folder.mkdir()
        variables = {}
        for variable, value in read_environment(self.resources, container).items():
            known = self.secret_variables.get(variable) if value is None else value
            if known is not None:
                variables[variable] = self._localize(known, folder)
        # What the image sets is not needed here; the port is.
        variables |= {"QUITTANCE_PORT": str(port), "QUITTANCE_DRAIN_DELAY_S": "0", "QUITTANCE_READ_CODES": "off"}
        process = Process(name, [sys.executable, "-m", "quittance", *arguments], variables, port=port, folder=folder)
        self.processes.append(process)
        process.start(wait=wait)
        return process

    def _localize(self, value: str, folder: Path) -> str:
        for text, local in {**self.replaced, "/var/lib/quittance": str(folder)}.items():
            value = value.replace(text, local)
        return value


@pytest.fixture(scope="module")
def resources(repository: Path) -> list[Resource]:
    return render(repository / "deploy" / "kubernetes" / "overlays" / "keda")


@pytest.fixture
def cluster(
    resources: list[Resource], site: Site, repository: Path, tmp_path: Path, postgres_url: str
) -> Iterator[Cluster]:
    """Redis with its command, PostgreSQL, and stand-ins for the services, whose commands compose has in common."""
    program, secrets = shutil.which("redis-server"), tmp_path / "secrets"
    if program is None or shutil.which("openssl") is None:
        pytest.skip("needs openssl and a Redis with TLS")
    subprocess.run(["sh", repository / "deploy" / "redis" / "create-secrets.sh", secrets], check=True)
    port = find_free_port()
    options = [one.replace("/run/redis", str(secrets)) for one in find_container(resources, "redis")["args"][1:]]
    options[options.index("--tls-port") + 1] = str(port)
    redis = Process("redis", [program, *options], {}, port=port, folder=tmp_path, ready=accepts_connections)
    stages = site.start_stages("stages", 0.0)
    replaced = {f"http://{name}:{8001 + number}": stages.url for number, name in enumerate(SERVICES)}
    replaced |= {"@redis:6379": f"@localhost:{port}", "/run/redis": str(secrets)}
    redis.start()
    secret_variables = {"QUITTANCE_DATABASE_URL": postgres_url}
    cluster = Cluster(resources, tmp_path, replaced, secret_variables, [redis])
    yield cluster
    for process in reversed(cluster.processes):
        process.stop(signal.SIGKILL)


def test_worker_reads_what_any_gateway_accepts(cluster: Cluster, resources: list[Resource], repository: Path) -> None:
    gateways = [cluster.start(f"gateway-{number}", "gateway", wait=False) for number in (1, 2)]
    for gateway in gateways:
        gateway.wait_until_ready()
    environment = cluster.secret_variables | {"QUITTANCE_STATE_DIRECTORY": str(cluster.folder / "keys")}
    command = [sys.executable, "-m", "quittance", "keys", "create", "bookkeeping"]
    created = run(command, environment, repository)
    headers = {"X-API-Key": created.stdout.split()[-1]}
    picture = (repository / "tests" / "samples" / "france.png").read_bytes()
    with (
        httpx2.Client(base_url=gateways[0].url, headers=headers, timeout=_TIMEOUT_S) as first,
        httpx2.Client(base_url=gateways[1].url, headers=headers, timeout=_TIMEOUT_S) as second,
    ):
        assert httpx2.post(f"{gateways[0].url}/v1/receipts", content=picture).status_code == 401
        job = first.post("/v1/jobs", files=[("files", ("a.png", picture)), ("files", ("b.png", picture + b"again"))])
        assert job.status_code == 202
        path = f"/v1/jobs/{job.json()['id']}"
        # Gateways leave it to workers, and show autoscalers that there is something to do.
        wait_for_queue(second, "2.0")
        assert second.get(path).json()["counts"]["queued"] == 2
        worker = cluster.start("worker", "worker")
        second.get(f"{path}/events")  # ends with the job
        assert [one["state"] for one in first.get(f"{path}/results").json()] == ["done", "done"]
        wait_for_queue(second, "0.0")
    for process in (*gateways, worker):
        probes = find_container(resources, process.name.partition("-")[0])
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert httpx2.get(process.url + probes[probe]["httpGet"]["path"]).status_code == 200
        assert process.stop() == 0


def run(command: list[str], environment: dict[str, str], repository: Path) -> subprocess.CompletedProcess[str]:
    variables = {"PYTHONPATH": str(repository), "PATH": "/usr/bin:/bin"} | environment
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=True, timeout=_TIMEOUT_S)


def wait_for_queue(client: httpx2.Client, length: str) -> None:
    end = time.monotonic() + _TIMEOUT_S
    while f'quittance_job_queue_length{{service="gateway"}} {length}' not in client.get("/metrics").text:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_databases_pass_their_probes(cluster: Cluster, repository: Path, postgres: PostgresServer) -> None:
    component = repository / "deploy" / "kubernetes" / "components" / "postgres" / "postgres.yaml"
    workloads = [*cluster.resources, *yaml.safe_load_all(component.read_text())]
    ports = {"redis": cluster.processes[0].port, "postgres": postgres.port}
    for name, port in ports.items():
        command = find_container(workloads, name)["readinessProbe"]["exec"]["command"]
        program = shutil.which(command[0])
        if program is None:
            pytest.skip(f"{command[0]} is not installed")
        options = [one.replace("/run/redis", cluster.replaced["/run/redis"]) for one in command[1:]]
        host = ["-h", "localhost"] if name == "redis" else []
        result = run([program, *host, "-p", str(port), *options], {}, repository)
        assert result.returncode == 0
        assert name == "postgres" or result.stdout == "PONG\n"
