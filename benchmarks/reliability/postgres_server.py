"""A PostgreSQL server of its own for measurements and tests: a new cluster in a temporary folder, on a free port."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from benchmarks.processes import find_free_port

# Where Debian and its relatives install the programs of the server, which are not in the PATH.
_DEBIAN = Path("/usr/lib/postgresql")
_PASSWORD = "only for tests"  # noqa: S105 - of a server that only this machine reaches, until the end of the run
_TIMEOUT_S = 60.0
_UNPRIVILEGED = 65534
_numbers = itertools.count()


class PostgresServer:
    """A running server.

    Args:
        port: Its port on 127.0.0.1.
        programs: Folder with its programs.
        folder: Its folder, which belongs to its user.
    """

    def __init__(self, port: int, programs: Path, folder: Path) -> None:
        self.port = port
        self._programs = programs
        self._folder = folder

    def create_database(self) -> str:
        """Create an empty database, and return its URL."""
        name = f"quittance_{next(_numbers)}"
        engine = create_engine(self._build_url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self._build_url(name)

    def start(self) -> None:
        """Start the server, and wait until it accepts connections."""
        # The data need not survive a loss of power.
        options = f"-p {self.port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off -c shared_buffers=16MB"
        self._control("start", "--wait", "-o", options, "-l", str(self._folder / "log"))

    def stop(self) -> None:
        """Stop the server at once: it ends all connections."""
        self._control("stop", "--wait", "-m", "fast")

    def crash(self) -> None:
        """End all processes of the server without a shutdown, so that the next start has to recover."""
        self._control("stop", "--wait", "-m", "immediate")

    def _build_url(self, database: str) -> str:
        password = _PASSWORD.replace(" ", "%20")
        return f"postgresql+psycopg://quittance:{password}@127.0.0.1:{self.port}/{database}"

    def _control(self, *arguments: str) -> None:
        command = [str(self._programs / "pg_ctl"), "-D", str(self._folder / "data"), *arguments]
        _run_unprivileged(command, self._folder)


def find_programs() -> Path | None:
    """Return the folder with the programs of the server; None if it is not installed."""
    found = [path.parent for path in _DEBIAN.glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda folder: float(folder.parent.name))
    program = shutil.which("initdb")
    return None if program is None else Path(program).parent


@contextmanager
def run_postgres() -> Iterator[PostgresServer]:
    """Start a server, and stop it at the end; raise RuntimeError if it is not installed, or does not start."""
    programs = find_programs()
    if programs is None:
        raise RuntimeError("PostgreSQL is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="quittance-postgres-"))
    try:
        (folder / "password").write_text(_PASSWORD)
        if (user := _find_user()) is not None:
            for path in (folder, folder / "password"):
                shutil.chown(path, user)
        create = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", "quittance", "--no-sync", "-E", "UTF8"]
        create += ["--locale", "C.UTF-8", "--auth", "scram-sha-256", "--pwfile", str(folder / "password")]
        _run_unprivileged(create, folder)
        server = PostgresServer(find_free_port(), programs, folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _find_user() -> int | None:
    """Return the user of the server if this is root, as whom it does not run."""
    return _UNPRIVILEGED if os.geteuid() == 0 else None


def _run_unprivileged(command: list[str], folder: Path) -> None:
    user = _find_user()
    identity: dict[str, Any] = {} if user is None else {"user": user, "extra_groups": []}
    log = folder / "commands.log"
    with log.open("ab") as output:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=_TIMEOUT_S, **identity
        )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{log.read_text()}{_read_log(folder)}")


def _read_log(folder: Path) -> str:
    log = folder / "log"
    return log.read_text() if log.exists() else ""
