"""A queue of files to read in Redis, shared by any number of gateways: a stream with one consumer group."""

from __future__ import annotations

import logging
import uuid
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from taskiq import BrokerMessage

from gateway.jobs.brokers.broker import LendingBroker

_STREAM = "quittance:job-files"
_GROUP = "workers"
_MAX_WAIT_MS = 1000
_STALE_CONSUMER_MS = 24 * 3600 * 1000

_log = logging.getLogger(__name__)


class RedisBroker(LendingBroker):
    """A broker on a Redis stream.

    Args:
        redis: The client, with protocol 2 and a timeout of more than one second. The caller closes it.
        lease_s: Seconds after which the messages of a dead process are lent again.
    """

    def __init__(self, redis: Redis, lease_s: float) -> None:
        super().__init__(lease_s)
        # Any, because the types of its stream commands are unions over all protocols.
        self._redis: Any = redis
        self._consumer = uuid.uuid4().hex

    async def startup(self) -> None:
        """Create the consumer group if it does not exist, and remove stale consumers; raise `RedisError`."""
        await super().startup()
        try:
            await self._redis.xgroup_create(_STREAM, _GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
        for consumer in await self._redis.xinfo_consumers(_STREAM, _GROUP):
            if consumer["pending"] == 0 and consumer["idle"] > _STALE_CONSUMER_MS:
                await self._redis.xgroup_delconsumer(_STREAM, _GROUP, consumer["name"])
        policy = (await self._redis.info("memory")).get("maxmemory_policy", "")
        if policy.startswith("allkeys"):
            _log.warning("Redis may evict jobs; set its maxmemory-policy to volatile-lru or noeviction")

    async def kick(self, message: BrokerMessage) -> None:
        """Add a message to the end of the queue."""
        try:
            await self._redis.xadd(_STREAM, {b"data": message.message})
        except RedisError as error:
            raise OSError(f"{type(error).__name__}: {error}") from error

    async def lend(self) -> tuple[str, bytes] | None:
        """Implement `LendingBroker.lend`."""
        _, expired, *_ = await self._redis.xautoclaim(_STREAM, _GROUP, self._consumer, self._lease_ms, count=1)
        if expired:
            return _parse_entry(expired[0])
        new = await self._redis.xreadgroup(_GROUP, self._consumer, {_STREAM: ">"}, count=1, block=_MAX_WAIT_MS)
        return _parse_entry(new[0][1][0]) if new else None

    async def count(self) -> int:
        """Implement `LendingBroker.count`."""
        return int(await self._redis.xlen(_STREAM))

    async def renew(self, message_ids: list[str]) -> None:
        """Implement `LendingBroker.renew`."""
        await self._redis.xclaim(_STREAM, _GROUP, self._consumer, 0, message_ids, justid=True)

    async def settle(self, message_id: str) -> None:
        """Implement `LendingBroker.settle`."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xack(_STREAM, _GROUP, message_id)
            pipe.xdel(_STREAM, message_id)
            await pipe.execute()

    async def give_back(self, message_ids: list[str]) -> None:
        """Implement `LendingBroker.give_back`."""
        await self._redis.xclaim(_STREAM, _GROUP, self._consumer, 0, message_ids, idle=self._lease_ms, justid=True)

    @property
    def _lease_ms(self) -> int:
        return int(self.lease_s * 1000)


def _parse_entry(entry: Any) -> tuple[str, bytes]:
    message_id, fields = entry
    return message_id.decode(), fields[b"data"]
