"""Three gateways and two replicas of each service behind HAProxy, with one Redis and one PostgreSQL."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks.processes import ROOT, SERVICES, Process, find_free_port
from benchmarks.reliability.deployment import StandInDeployment
from benchmarks.reliability.postgres_server import PostgresServer, run_postgres
from gateway.admission.api_keys import KeyStore
from gateway.storage.database.postgres import PostgresDatabase

_CONFIGURATION = ROOT / "deploy" / "haproxy" / "haproxy.cfg"
_GATEWAY_COUNT, _REPLICA_COUNT = 3, 2

# Starts a replica of each service; a process may be all three.
StartReplica = Callable[[StandInDeployment, int], Mapping[str, Process]]


@dataclass
class Cluster:
    """The running processes.

    Attributes:
        url: Where callers reach the gateways.
        api_key: A key for them.
        gateways: The gateways.
        victims: All processes that can be killed, by name, without PostgreSQL.
        postgres: The database.
        database_url: Its URL.
    """

    url: str
    api_key: str
    gateways: list[Process]
    victims: dict[str, Process]
    postgres: PostgresServer
    database_url: str


def start_stand_ins(deployment: StandInDeployment, number: int) -> Mapping[str, Process]:
    """Start a replica of stand-ins."""
    return deployment.start_stages(suffix=f"-{number}", seconds=0.05)


def start_networks(deployment: StandInDeployment, number: int) -> Mapping[str, Process]:
    """Start a replica with the networks."""
    return {name: deployment.start_app(name, f"{name}-{number}", QUITTANCE_THREADS="1") for name in SERVICES}


@contextmanager
def run_cluster(start_replica: StartReplica) -> Iterator[Cluster]:
    """Start all processes, and stop them at the end."""
    with ExitStack() as stack:
        deployment = stack.enter_context(StandInDeployment())
        postgres = stack.enter_context(run_postgres())
        database_url = postgres.create_database()
        database = PostgresDatabase(database_url)
        _, api_key = KeyStore(database).create("callers", is_operator=True)
        redis = deployment.start_redis(is_durable=True)
        replicas = [start_replica(deployment, number) for number in range(1, _REPLICA_COUNT + 1)]
        ports = {name: find_free_port() for name in ("callers", *SERVICES)}
        settings = {f"QUITTANCE_{name.upper()}_URL": f"http://127.0.0.1:{ports[name]}" for name in SERVICES}
        settings |= {
            "QUITTANCE_DATABASE_URL": database_url,
            "QUITTANCE_REDIS_URL": f"redis://127.0.0.1:{redis.port}/0",
            "QUITTANCE_ACCESS": "keys",
            "QUITTANCE_TRUSTED_PROXIES": "127.0.0.1",
            # Corrections of one receipt must not change the others, which the answers are compared with.
            "QUITTANCE_LEARN_MERCHANTS": "off",
            # All processes share a few cores, so that Redis may get none for a while.
            "QUITTANCE_REDIS_TIMEOUT_S": "10",
        }
        gateways = [_create_gateway(deployment, number, settings) for number in range(1, _GATEWAY_COUNT + 1)]
        addresses = {f"GATEWAY_{number}": gateway for number, gateway in enumerate(gateways, 1)}
        for number, replica in enumerate(replicas, 1):
            addresses |= {f"{name.upper()}_{number}": replica[name] for name in SERVICES}
        haproxy = deployment.start(_create_haproxy(deployment, ports, addresses), wait=False)
        for gateway in gateways:
            deployment.start(gateway, wait=False)
        for process in (*gateways, haproxy):
            process.wait_until_ready()
        stages = {process.name: process for replica in replicas for process in replica.values()}
        victims = {gateway.name: gateway for gateway in gateways} | stages | {"redis": redis, "haproxy": haproxy}
        yield Cluster(haproxy.url, api_key, gateways, victims, postgres, database_url)


def find_haproxy() -> str | None:
    """Return the program of HAProxy; None if it is not installed."""
    # Debian installs it where only root looks for programs.
    return shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin{os.pathsep}/usr/local/sbin")


def _create_gateway(deployment: StandInDeployment, number: int, settings: Mapping[str, str]) -> Process:
    port = find_free_port()
    command = [sys.executable, "-m", "quittance", "serve", "gateway"]
    environment = {"QUITTANCE_PORT": str(port), "QUITTANCE_LOG_LEVEL": "warning", **settings}
    return Process(f"gateway-{number}", command, environment, port=port, folder=deployment.folder)


def _create_haproxy(
    deployment: StandInDeployment, ports: Mapping[str, int], addresses: Mapping[str, Process]
) -> Process:
    program = find_haproxy()
    if program is None:
        raise RuntimeError("HAProxy is not installed: apt-get install haproxy")
    environment = {name: f"127.0.0.1:{process.port}" for name, process in addresses.items()}
    environment |= {f"{name.upper()}_PORT": str(ports[name]) for name in SERVICES}
    environment |= {"ADDRESS": f"127.0.0.1:{ports['callers']}", "STAGES_ADDRESS": "127.0.0.1"}
    command = [program, "-db", "-f", str(_CONFIGURATION)]
    return Process("haproxy", command, environment, port=ports["callers"], folder=deployment.folder)
