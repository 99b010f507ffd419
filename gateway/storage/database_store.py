"""A store in the database, shared by all gateways that have no Redis.

It keeps answers to requests with an idempotency key. The clock is the database's, so gateways need not agree on the
time.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from gateway.background import run_in_background
from gateway.storage.database.database import Database, DatabaseError
from gateway.storage.database.schema import RESPONSES, response_locks, response_owners, responses
from gateway.storage.database.statements import choose_insert, increment, lock_for_transaction, read_clock
from gateway.storage.stores import CacheUnavailableError, Lock, OwnerLimits, Unchanged

Result = TypeVar("Result")

_SWEEP_INTERVAL_S = 60.0

_log = logging.getLogger(__name__)


class DatabaseStore:
    """A store in the database.

    Expired values are not returned, and deleted within a minute.

    Args:
        database: The database, which is not closed with the store.
        per_owner: Limits of what each owner stores. Beyond them, its oldest values are dropped.
    """

    def __init__(self, database: Database, per_owner: OwnerLimits) -> None:
        self._database = database
        self._per_owner = per_owner

    async def get(self, *keys: str) -> list[bytes | None]:
        """Return the value of each key, or None; raise `CacheUnavailableError`."""
        found = await self._read(partial(_find_values, keys), dict[str, bytes]())
        return [found.get(key) for key in keys]

    async def put(
        self, key: str, value: bytes, *, ttl_s: float, condition: Unchanged | None = None, owner: str = ""
    ) -> bool:
        """Store a value if the condition holds, unless it exceeds the limits of an owner on its own.

        Returns:
            Whether the value is stored.

        Raises:
            CacheUnavailableError: If the database cannot be written.
        """
        if ttl_s <= 0:
            return False
        return await self._write(partial(self._put, key, value, ttl_s, condition, owner))

    async def delete(self, prefix: str) -> int:
        """Delete all values whose keys have this prefix; return their count. Raise `CacheUnavailableError`."""
        return await self._write(partial(_delete_prefix, prefix))

    async def try_lock(self, key: str, *, ttl_s: float) -> Lock | None:
        """Take a lock that lives for `ttl_s` without renewal; return None if it is held.

        Raises:
            CacheUnavailableError: If the database cannot be written.
        """
        token = secrets.token_bytes(16)
        is_taken = await self._write(partial(_take_lock, key, token, ttl_s))
        return _DatabaseLock(self, key, token, ttl_s) if is_taken else None

    async def renew_lock(self, key: str, token: bytes, ttl_s: float) -> bool:
        """Restart the lifetime of a lock with this token; return whether there was one."""
        return await self._write(partial(_renew_lock, key, token, ttl_s))

    async def release_lock(self, key: str, token: bytes) -> None:
        """Release a lock, if it still has this token."""
        statement = delete(response_locks).where(response_locks.c.key == key, response_locks.c.token == token)
        await self._write(lambda connection: connection.execute(statement))

    @asynccontextmanager
    async def expire_in_background(self) -> AsyncIterator[None]:
        """Delete expired values while the block runs."""
        async with run_in_background(self._delete_expired_regularly(), name="expiry of responses"):
            yield

    async def delete_expired(self) -> int:
        """Delete expired values and locks, and return the number of values; raise `CacheUnavailableError`."""
        owners = await self._read(_find_expired_owners, list[str]())
        # One after the other, so that no owner waits for all.
        count = 0
        for owner in owners:
            count += await self._write(partial(_delete_expired, owner))
        await self._write(_delete_empty)
        return count

    async def aclose(self) -> None:
        """Implement `Store.aclose`: the database is closed by who opened it."""

    def _put(
        self,
        key: str,
        value: bytes,
        ttl_s: float,
        condition: Unchanged | None,
        owner: str,
        connection: Connection,
    ) -> bool:
        # Until this value is committed, the one of the condition does not change.
        _lock_keys(connection, {key} if condition is None else {key, condition.key})
        if condition is not None and _find_values([condition.key], connection).get(condition.key) != condition.value:
            return False
        previous = connection.scalars(select(responses.c.owner).where(responses.c.key == key))
        _lock_owners(connection, {owner, *previous})
        _forget(connection, responses.c.key == key)
        if len(value) > self._per_owner.max_bytes or self._per_owner.max_entries < 1:
            return False
        expires = read_clock(connection) + ttl_s
        connection.execute(insert(responses).values(key=key, owner=owner, value=value, expires=expires))
        _count(connection, owner, 1, len(value))
        self._drop_excess(connection, owner)
        return True

    def _drop_excess(self, connection: Connection, owner: str) -> None:
        """Drop the oldest values of an owner that is beyond its limits."""
        while True:
            entries, size = _count(connection, owner, 0, 0)
            excess = max(entries - self._per_owner.max_entries, int(size > self._per_owner.max_bytes))
            # All live equally long, so the oldest expire first.
            oldest = select(responses.c.key).where(responses.c.owner == owner).order_by(responses.c.expires)
            if excess <= 0 or not _forget(connection, responses.c.key.in_(oldest.limit(excess))):
                return

    async def _read(self, work: Callable[[Connection], Result], missing: Result) -> Result:
        try:
            return await self._database.read(RESPONSES, work, missing=missing)
        except DatabaseError as error:
            raise _report_failure(error) from error

    async def _write(self, work: Callable[[Connection], Result]) -> Result:
        try:
            return await self._database.write(RESPONSES, work)
        except DatabaseError as error:
            raise _report_failure(error) from error

    async def _delete_expired_regularly(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_INTERVAL_S)
            try:
                await self.delete_expired()
            except CacheUnavailableError:
                continue  # logged


class _DatabaseLock(Lock):
    def __init__(self, store: DatabaseStore, key: str, token: bytes, ttl_s: float) -> None:
        super().__init__()
        self._store = store
        self._key = key
        self._token = token
        self._ttl_s = ttl_s

    async def _renew(self) -> bool:
        return await self._store.renew_lock(self._key, self._token, self._ttl_s)

    async def _release(self) -> None:
        await self._store.release_lock(self._key, self._token)


def _report_failure(error: DatabaseError) -> CacheUnavailableError:
    _log.warning("Stored responses unavailable", extra={"reason": str(error)})
    return CacheUnavailableError(str(error))


def _find_values(keys: Iterable[str], connection: Connection) -> dict[str, bytes]:
    statement = select(responses.c.key, responses.c.value)
    statement = statement.where(responses.c.key.in_(list(keys)), responses.c.expires > read_clock(connection))
    return {row.key: row.value for row in connection.execute(statement)}


def _lock_keys(connection: Connection, keys: Iterable[str]) -> None:
    """Keep others from putting these keys until the transaction ends, also those that do not exist."""
    digests = (hashlib.sha256(key.encode()).digest() for key in keys)
    for number in sorted(int.from_bytes(digest[:8], signed=True) for digest in digests):
        lock_for_transaction(connection, number)


def _lock_owners(connection: Connection, owners: Iterable[str]) -> None:
    """Keep others from changing what these owners have until the transaction ends."""
    for owner in sorted(owners):
        _count(connection, owner, 0, 0)


def _count(connection: Connection, owner: str, entries: int, size: int) -> tuple[int, int]:
    """Add to the number of values of an owner and to their size; return both."""
    row = increment(connection, response_owners, {"entries": entries, "bytes": size}, {"owner": owner})
    return row.entries, row.bytes


def _forget(connection: Connection, *conditions: ColumnElement[bool]) -> int:
    """Delete values of owners that are locked; return their count."""
    size = func.length(responses.c.value)
    deleted = connection.execute(delete(responses).where(*conditions).returning(responses.c.owner, size)).all()
    sizes: defaultdict[str, list[int]] = defaultdict(list)
    for owner, number in deleted:
        sizes[owner].append(number)
    for owner, numbers in sorted(sizes.items()):
        _count(connection, owner, -len(numbers), -sum(numbers))
    return len(deleted)


def _delete_prefix(prefix: str, connection: Connection) -> int:
    matches = responses.c.key.startswith(prefix, autoescape=True)
    owners = set(connection.scalars(select(responses.c.owner).where(matches).distinct()))
    _lock_owners(connection, owners)
    return _forget(connection, matches, responses.c.owner.in_(owners))


def _find_expired_owners(connection: Connection) -> list[str]:
    statement = select(responses.c.owner).where(responses.c.expires <= read_clock(connection)).distinct()
    return list(connection.scalars(statement))


def _delete_expired(owner: str, connection: Connection) -> int:
    _lock_owners(connection, [owner])
    return _forget(connection, responses.c.owner == owner, responses.c.expires <= read_clock(connection))


def _delete_empty(connection: Connection) -> None:
    connection.execute(delete(response_owners).where(response_owners.c.entries == 0))
    connection.execute(delete(response_locks).where(response_locks.c.expires <= read_clock(connection)))


def _take_lock(key: str, token: bytes, ttl_s: float, connection: Connection) -> bool:
    now = read_clock(connection)
    taken = choose_insert(connection)(response_locks).values(key=key, token=token, expires=now + ttl_s)
    statement = taken.on_conflict_do_update(
        index_elements=["key"],
        set_={"token": taken.excluded.token, "expires": taken.excluded.expires},
        where=response_locks.c.expires <= now,
    )
    return connection.execute(statement.returning(response_locks.c.key)).first() is not None


def _renew_lock(key: str, token: bytes, ttl_s: float, connection: Connection) -> bool:
    is_held = (response_locks.c.key == key, response_locks.c.token == token)
    expires = read_clock(connection) + ttl_s
    return connection.execute(update(response_locks).where(*is_held).values(expires=expires)).rowcount > 0
