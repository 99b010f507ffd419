"""The queue of files to read on this machine's disk, in SQLite."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from taskiq import BrokerMessage

from gateway.jobs.brokers.broker import LendingBroker
from gateway.storage.database import database

_LOOK_S = 1.0  # for what another process put in, or a dead one left behind
_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB NOT NULL, lent_until REAL NOT NULL DEFAULT 0
);
"""


class DiskBroker(LendingBroker):
    """A broker in the state directory; made with the first message. Several processes may share it.

    Args:
        directory: See `GatewaySettings.state_directory`.
        lease_s: Seconds after which what a dead process had in hand is lent again.
    """

    def __init__(self, directory: Path, lease_s: float) -> None:
        super().__init__(lease_s)
        self._directory = directory
        self._kicked = asyncio.Event()

    async def kick(self, message: BrokerMessage) -> None:
        """Puts a message at the end of the queue."""
        await asyncio.to_thread(self._execute, [("INSERT INTO messages (data) VALUES (?)", (message.message,))])
        self._kicked.set()

    async def lend(self) -> tuple[str, bytes] | None:
        """See `LendingBroker.lend`."""
        self._kicked.clear()
        lent = await asyncio.to_thread(self._lend)
        if lent is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._kicked.wait()
        return lent

    async def renew(self, held: list[str]) -> None:
        """See `LendingBroker.renew`."""
        await self._lend_until(time.time() + self.lease_s, held)

    async def settle(self, message_id: str) -> None:
        """See `LendingBroker.settle`."""
        await asyncio.to_thread(self._execute, [("DELETE FROM messages WHERE id = ?", (int(message_id),))])

    async def give_back(self, held: list[str]) -> None:
        """See `LendingBroker.give_back`."""
        await self._lend_until(0.0, held)

    async def _lend_until(self, moment: float, held: list[str]) -> None:
        statement = "UPDATE messages SET lent_until = ? WHERE id = ?"
        await asyncio.to_thread(self._execute, [(statement, (moment, int(message_id))) for message_id in held])

    def _database(self) -> AbstractContextManager[sqlite3.Connection]:
        return database(self._directory, "queue", _SCHEMA)

    def _execute(self, statements: list[tuple[str, tuple[object, ...]]]) -> None:
        with self._database() as connection:
            for statement, values in statements:
                connection.execute(statement, values)

    def _lend(self) -> tuple[str, bytes] | None:
        if not (self._directory / "queue.sqlite3").exists():
            return None
        now = time.time()
        with self._database() as connection:
            rows = connection.execute(
                "UPDATE messages SET lent_until = ? WHERE id = "
                "(SELECT id FROM messages WHERE lent_until <= ? ORDER BY id LIMIT 1) RETURNING id, data",
                (now + self.lease_s, now),
            ).fetchall()
        return (str(rows[0]["id"]), rows[0]["data"]) if rows else None
