"""A queue of files to read on the local disk, in SQLite."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from taskiq import BrokerMessage

from gateway.jobs.brokers.broker import LendingBroker
from gateway.storage.job_databases import open_database, read_database
from gateway.storage.threads import run_in_state_thread

# How often to look for messages that another process added, or that a dead one left.
_POLL_INTERVAL_S = 1.0
_NAME = "queue"
# `lent_until` is a time of the monotonic clock, which all processes of a machine share and no one can set.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB NOT NULL, lent_until REAL NOT NULL DEFAULT 0
);
"""


class DiskBroker(LendingBroker):
    """A broker in the state directory, which several processes may share.

    Nothing is written, and no directory created, before the first message.

    Args:
        directory: See `GatewaySettings.state_directory`.
        lease_s: Seconds after which the messages of a dead process are lent again.
    """

    def __init__(self, directory: Path, lease_s: float) -> None:
        super().__init__(lease_s)
        self._directory = directory
        self._kicked = asyncio.Event()

    async def kick(self, message: BrokerMessage) -> None:
        """Add a message to the end of the queue."""
        await run_in_state_thread(self._execute, [("INSERT INTO messages (data) VALUES (?)", (message.message,))])
        self._kicked.set()

    async def lend(self) -> tuple[str, bytes] | None:
        """Implement `LendingBroker.lend`."""
        self._kicked.clear()
        lent = await run_in_state_thread(self._lend)
        if lent is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_INTERVAL_S):
                    await self._kicked.wait()
        return lent

    async def renew(self, message_ids: list[str]) -> None:
        """Implement `LendingBroker.renew`."""
        await self._lend_until(time.monotonic() + self.lease_s, message_ids)

    async def settle(self, message_id: str) -> None:
        """Implement `LendingBroker.settle`."""
        await run_in_state_thread(self._execute, [("DELETE FROM messages WHERE id = ?", (int(message_id),))])

    async def give_back(self, message_ids: list[str]) -> None:
        """Implement `LendingBroker.give_back`."""
        await self._lend_until(0.0, message_ids)

    async def _lend_until(self, lent_until: float, message_ids: list[str]) -> None:
        statement = "UPDATE messages SET lent_until = ? WHERE id = ?"
        await run_in_state_thread(
            self._execute, [(statement, (lent_until, int(message_id))) for message_id in message_ids]
        )

    def _database(self) -> AbstractContextManager[sqlite3.Connection]:
        return open_database(self._directory, _NAME, _SCHEMA)

    def _execute(self, statements: list[tuple[str, tuple[object, ...]]]) -> None:
        with self._database() as connection:
            for statement, values in statements:
                connection.execute(statement, values)

    def _lend(self) -> tuple[str, bytes] | None:
        with read_database(self._directory, _NAME) as connection:
            # Most of the time the queue is empty, and nothing has to be written to find that out.
            if connection is None or connection.execute("SELECT 1 FROM messages LIMIT 1").fetchone() is None:
                return None
        now = time.monotonic()
        with self._database() as connection:
            # A lease that ends later than one that begins now is from before the machine was restarted.
            rows = connection.execute(
                "UPDATE messages SET lent_until = ? WHERE id = (SELECT id FROM messages "
                "WHERE lent_until NOT BETWEEN ? AND ? ORDER BY id LIMIT 1) RETURNING id, data",
                (now + self.lease_s, now, now + self.lease_s),
            ).fetchall()
        return (str(rows[0]["id"]), rows[0]["data"]) if rows else None
