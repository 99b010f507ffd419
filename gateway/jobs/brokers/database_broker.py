"""A queue of files to read in the database."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

from sqlalchemy import Connection, delete, func, insert, literal, or_, select, update
from taskiq import BrokerMessage

from gateway.jobs.brokers.broker import LendingBroker
from gateway.storage.database.database import Database, DatabaseError
from gateway.storage.database.schema import QUEUE, messages
from gateway.storage.database.statements import read_clock

# How often to look for messages that another process added, or that a dead one left.
_POLL_INTERVAL_S = 1.0


class DatabaseBroker(LendingBroker):
    """A broker in the database, which several gateways may share.

    Nothing is written, and no directory created, before the first message.

    Args:
        database: The database.
        lease_s: Seconds after which the messages of a dead process are lent again.
    """

    def __init__(self, database: Database, lease_s: float) -> None:
        super().__init__(lease_s)
        self._database = database
        self._kicked = asyncio.Event()

    async def kick(self, message: BrokerMessage) -> None:
        """Add a message to the end of the queue; raise `OSError`."""
        statement = insert(messages).values(data=message.message)
        try:
            await self._database.write(QUEUE, lambda connection: connection.execute(statement))
        except DatabaseError as error:
            raise OSError(str(error)) from error
        self._kicked.set()

    async def lend(self) -> tuple[str, bytes] | None:
        """Implement `LendingBroker.lend`."""
        self._kicked.clear()
        lent = None
        # Most of the time the queue is empty, and nothing has to be written to find that out.
        if await self._database.read(QUEUE, _has_messages, missing=False):
            lent = await self._database.write(QUEUE, partial(_lend, self.lease_s))
        if lent is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_INTERVAL_S):
                    await self._kicked.wait()
        return lent

    async def count(self) -> int:
        """Implement `LendingBroker.count`."""
        return await self._database.read(QUEUE, _count_messages, missing=0)

    async def renew(self, message_ids: list[str]) -> None:
        """Implement `LendingBroker.renew`."""
        await self._database.write(QUEUE, partial(_set_leases, message_ids, self.lease_s))

    async def settle(self, message_id: str) -> None:
        """Implement `LendingBroker.settle`."""
        statement = delete(messages).where(messages.c.id == int(message_id))
        await self._database.write(QUEUE, lambda connection: connection.execute(statement))

    async def give_back(self, message_ids: list[str]) -> None:
        """Implement `LendingBroker.give_back`."""
        await self._database.write(QUEUE, partial(_set_leases, message_ids, None))


def _has_messages(connection: Connection) -> bool:
    return connection.execute(select(messages.c.id).limit(1)).first() is not None


def _count_messages(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(messages)).scalar_one())


def _lend(lease_s: float, connection: Connection) -> tuple[str, bytes] | None:
    now = read_clock(connection)
    # A lease that ends later than one that begins now is from before the clock was set back, or the machine restarted.
    is_free = or_(messages.c.lent_until < now, messages.c.lent_until > now + lease_s)
    oldest = select(messages.c.id).where(is_free).order_by(messages.c.id).limit(1)
    row = connection.execute(
        update(messages)
        .where(messages.c.id == oldest.with_for_update(skip_locked=True).scalar_subquery())
        .values(lent_until=now + lease_s)
        .returning(messages.c.id, messages.c.data)
    ).first()
    return None if row is None else (str(row.id), row.data)


def _set_leases(message_ids: list[str], lease_s: float | None, connection: Connection) -> None:
    """Let leases end after so many seconds, or now."""
    until = literal(0.0) if lease_s is None else read_clock(connection) + lease_s
    numbers = sorted(int(message_id) for message_id in message_ids)
    connection.execute(update(messages).where(messages.c.id.in_(numbers)).values(lent_until=until))
