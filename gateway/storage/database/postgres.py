"""PostgreSQL: one database for all parts, shared by any number of gateways."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, func, make_url, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from gateway.storage.database.database import Database, DatabaseError, Result, build_revision_error
from gateway.storage.database.revisions import find_revision, is_current, upgrade_schema
from gateway.storage.database.schema import HEAD, PARTS, Part
from shared.startup import StartupError

_CONNECT_TIMEOUT_S = 3
_POOL_TIMEOUT_S = 5.0
# For the commands of the command line, which have no pool, and for gateways: each opens at most so many connections.
_POOL_SIZE, _POOL_OVERFLOW = 4, 12
# Bounds every statement, so that a query that hangs does not hold up requests.
_OPTIONS = "-c statement_timeout=15000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=60000"
# Of the advisory lock that one upgrade of the schema holds: "quittanc" as a number.
_MIGRATION_LOCK = 0x7175697474616E63
# No transaction is lost when a server is told to stop, crashes or hands over; the next attempt may succeed.
_OUTAGE_CLASSES = ("08", "57", "53300")


class PostgresDatabase(Database):
    """A database on a PostgreSQL server.

    Args:
        url: As in `QUITTANCE_DATABASE_URL`; the driver in it is ignored.
        password: The password, if it is not in the URL.
        migrates: Whether `start`, and the commands, upgrade the schema of an earlier release.
    """

    is_shared = True

    def __init__(self, url: str, *, password: str | None = None, migrates: bool = True) -> None:
        parsed = make_url(url).set(drivername="postgresql+psycopg")
        self._url: URL = parsed if password is None else parsed.set(password=password)
        self._migrates = migrates
        self._is_current = False
        self._unfinished: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Implement `Database.start`; raise `StartupError` if the schema is old and may not be upgraded."""
        await asyncio.to_thread(self._require_schema)

    async def read(self, part: Part, work: Callable[[Connection], Result], *, missing: Result) -> Result:
        """Implement `Database.read`: all statements see the database at the moment of the first."""
        with self._translate_errors():
            async with self._reading_engine.connect() as connection:
                return await connection.run_sync(work)

    async def write(self, part: Part, work: Callable[[Connection], Result]) -> Result:
        """Implement `Database.write`."""

        async def execute() -> Result:
            async with self._engine.begin() as connection:
                if not part.is_durable:
                    await connection.execute(text("SET LOCAL synchronous_commit = off"))
                return await connection.run_sync(work)

        with self._translate_errors():
            return await self._finish(execute())

    @contextmanager
    def reading(self, part: Part) -> Iterator[Connection | None]:
        """Implement `Database.reading`."""
        self._require_schema()
        with self._translate_errors(), self._blocking_engine.connect() as connection:
            yield connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @contextmanager
    def writing(self, part: Part) -> Iterator[Connection]:
        """Implement `Database.writing`."""
        self._require_schema()
        with self._translate_errors(), self._blocking_engine.begin() as connection:
            yield connection

    @contextmanager
    def snapshot(self, parts: Sequence[Part], hold: Callable[[], None]) -> Iterator[Mapping[Part, Connection]]:
        """Implement `Database.snapshot`; no one has to wait."""
        with self._translate_errors(), self._blocking_engine.connect() as connection:
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            _lift_timeouts(connection)
            revision = find_revision(connection)
            if revision != HEAD:
                raise build_revision_error(self._place, revision)
            hold()
            yield dict.fromkeys(parts, connection)

    @contextmanager
    def rewriting(self, parts: Sequence[Part]) -> Iterator[Mapping[Part, Connection]]:
        """Implement `Database.rewriting`: others can read meanwhile."""
        self._require_schema()
        with self._translate_errors(), self._blocking_engine.begin() as connection:
            _lift_timeouts(connection)
            names = ", ".join(table.name for part in parts for table in part.metadata.sorted_tables)
            connection.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))
            yield dict.fromkeys(parts, connection)

    def migrate(self) -> list[str]:
        """Implement `Database.migrate`: processes that upgrade at the same time wait for the first."""
        with self._translate_errors(), self._blocking_engine.begin() as connection:
            # Others may be upgrading a large table.
            _lift_timeouts(connection)
            connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            if is_current(find_revision(connection)):
                return []
            # A statement that waits for a table makes all later ones wait behind it.
            connection.execute(text("SET LOCAL lock_timeout = '10s'"))
            upgrade_schema(connection, PARTS)
        return [self._place]

    def find_revision(self) -> str | None:
        """Return the revision of the schema, None if there is none, without a change; raise `DatabaseError`."""
        with self._translate_errors(), self._blocking_engine.connect() as connection:
            return find_revision(connection)

    def describe(self, part: Part) -> str:
        """Implement `Database.describe`."""
        return f"{part.name} in {self._place}"

    def has_file(self, part: Part) -> bool:
        """Implement `Database.has_file`."""
        return False

    async def shrink(self, part: Part) -> None:
        """Implement `Database.shrink`: the server does that by itself (autovacuum)."""

    async def aclose(self) -> None:
        """Implement `Database.aclose`, after the writes in progress."""
        if self._unfinished:
            await asyncio.wait(self._unfinished)
        await self._engine.dispose()

    @cached_property
    def _engine(self) -> AsyncEngine:
        return create_async_engine(
            self._url,
            connect_args=self._connect_arguments,
            pool_size=_POOL_SIZE,
            max_overflow=_POOL_OVERFLOW,
            pool_timeout=_POOL_TIMEOUT_S,
            # A server that was restarted costs no request.
            pool_pre_ping=True,
        )

    @cached_property
    def _reading_engine(self) -> AsyncEngine:
        return self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @cached_property
    def _blocking_engine(self) -> Engine:
        return create_engine(self._url, connect_args=self._connect_arguments, poolclass=NullPool)

    @property
    def _connect_arguments(self) -> dict[str, Any]:
        options = self._url.query.get("options")
        return {
            "connect_timeout": _CONNECT_TIMEOUT_S,
            "application_name": "quittance",
            "options": f"{_OPTIONS} {options}" if isinstance(options, str) else _OPTIONS,
            # Behind a pooler that lends connections per transaction, prepared statements get lost.
            "prepare_threshold": None,
        }

    @property
    def _place(self) -> str:
        return f"PostgreSQL at {self._url.host or 'localhost'}:{self._url.port or 5432}/{self._url.database or ''}"

    def _require_schema(self) -> None:
        """Upgrade the schema, once in the life of this process."""
        if self._is_current:
            return
        if self._migrates:
            self.migrate()
        elif not is_current(revision := self.find_revision()):
            raise StartupError(
                f"The schema of {self._place} has revision {revision or 'none'}; this release needs {HEAD}. Run "
                "`quittance migrate`, or set QUITTANCE_DATABASE_MIGRATE=on."
            )
        self._is_current = True

    async def _finish(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Complete work even if its caller is canceled, as a thread would."""
        task = asyncio.create_task(work)
        self._unfinished.add(task)
        task.add_done_callback(self._unfinished.discard)
        task.add_done_callback(_retrieve_exception)
        return await asyncio.shield(task)

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except (SQLAlchemyError, OSError) as error:
            raise self._describe_error(error) from error

    def _describe_error(self, error: Exception) -> DatabaseError:
        cause = error.orig if isinstance(error, DBAPIError) else error
        state = getattr(cause, "sqlstate", None)
        reason = " ".join(str(cause).split())
        is_outage = state is None or state.startswith(_OUTAGE_CLASSES)
        # Disk full.
        is_full = state == "53100"
        if is_full:
            advice = "The disk of the server is full: free some space."
        elif state in ("42P01", "42703"):
            advice = "A table or column is missing: run `quittance migrate`, or restore a backup."
        elif state in ("28000", "28P01", "42501", "3D000"):
            advice = "Check the user, the password and the database in QUITTANCE_DATABASE_URL."
        elif is_outage:
            advice = "Check that the server runs, and can be reached under QUITTANCE_DATABASE_URL."
        else:
            advice = "The server's log says more."
        return DatabaseError(f"{self._place} cannot be used ({reason}). {advice}", is_full=is_full, is_outage=is_outage)


def _lift_timeouts(connection: Connection) -> None:
    """Let the statements of a transaction take as long as copying a large table does."""
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        connection.execute(text(f"SET LOCAL {name} = 0"))


def _retrieve_exception(task: asyncio.Task[Any]) -> None:
    """Mark the exception of a task as retrieved, in case its caller was canceled."""
    if not task.cancelled():
        task.exception()
