"""API keys: created and revoked with `quittance keys`, stored as hashes in the database.

A key consists of an ID, which may be shown, and 256 random bits, which are shown once. Their SHA-256 is stored: slow
hashes are for passwords that people choose; 256 random bits cannot be guessed.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.settings import parse_rate_limit
from gateway.storage.database.database import Database, DatabaseError
from gateway.storage.database.schema import KEYS, keys
from shared.startup import StartupError

# Lets scanners for leaked secrets recognize a key.
_KEY_PREFIX = "qtc"
_KEY_FORM = re.compile(rf"{_KEY_PREFIX}_([0-9a-f]{{8}})_([A-Za-z0-9_-]{{43}})")
# Of names of keys and of groups.
_MAX_NAME_LENGTH = 100
_MAX_AGE_S = 1.0
_log = logging.getLogger(__name__)


class KeyStoreError(Exception):
    """Keys cannot be read, or a key cannot be created or revoked; the message says why and what to do.

    Attributes:
        is_outage: Whether a database server cannot be reached, so that nothing is known to be lost.
    """

    def __init__(self, message: str, *, is_outage: bool = False) -> None:
        super().__init__(message)
        self.is_outage = is_outage


@dataclass(frozen=True)
class ApiKey:
    """What is stored about a key, which is not the key itself.

    Attributes:
        id: Eight hexadecimal digits, part of the key.
        name: Chosen by the person who created it; unique among the keys in use.
        hash: SHA-256 of the secret part.
        rate_limit: As `parse_rate_limit` takes it, or None for the default of the gateway.
        created: Time of creation, ISO 8601 in UTC.
        revoked: Time of revocation, or None while the key is in use.
        group: Owner of what is sent with the key; keys of one group share receipts, jobs and corrections.
        is_operator: Whether the key gives access to the data of all groups.
    """

    id: str
    name: str
    hash: bytes
    rate_limit: str | None
    created: str
    revoked: str | None
    group: str
    is_operator: bool


class KeyStore:
    """The keys in the database. Every method but `find_all` blocks; call it outside the event loop.

    Args:
        database: Where they are stored.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, name: str, rate_limit: str | None = None, *, group: str | None = None, is_operator: bool = False
    ) -> tuple[ApiKey, str]:
        """Create a key; return what is stored about it, and the key itself, which cannot be shown again.

        Args:
            name: Who or what the key is for.
            rate_limit: As `parse_rate_limit` takes it, or None for the default of the gateway.
            group: Group that the key joins; by default a new one of its own.
            is_operator: Whether the key gives access to the data of all groups.

        Raises:
            KeyStoreError: If the name is empty, too long or in use, group or rate limit are not valid, or the database
                cannot be written.
        """
        name = _check_name("key", name)
        group = None if group is None else _check_name("group", group)
        if rate_limit is not None:
            try:
                parse_rate_limit(rate_limit)
            except ValueError as error:
                raise KeyStoreError(str(error)) from error
        secret = secrets.token_urlsafe(32)
        key_id = secrets.token_hex(4)
        key = ApiKey(key_id, name, _hash(secret), rate_limit, _format_now(), None, group or key_id, is_operator)
        row = {
            "id": key.id,
            "name": key.name,
            "hash": key.hash,
            "rate_limit": key.rate_limit,
            "created": key.created,
            "group_name": key.group,
            "is_operator": key.is_operator,
        }
        try:
            with _translate_errors(), self._database.writing(KEYS) as connection:
                connection.execute(insert(keys).values(row))
        except IntegrityError as error:
            raise KeyStoreError(f"A key named {name!r} exists. Revoke it first, or choose another name.") from error
        return key, f"{_KEY_PREFIX}_{key.id}_{secret}"

    def load(self) -> list[ApiKey]:
        """Return all keys like `list`, at the start of a gateway.

        Raises:
            KeyStoreError: Also if there is a file without any key. Keys are never deleted, so it has lost them; taking
                that for a gateway that never had keys would open it.
        """
        found = self.list()
        self.check(found)
        return found

    async def find_all(self) -> list[ApiKey]:
        """Return what `list` does, without blocking."""
        with _translate_errors():
            return await self._database.read(KEYS, _find_all, missing=[])

    def check(self, found: list[ApiKey]) -> None:
        """Raise `KeyStoreError` if no key was found although there is a file, as `load` describes."""
        if not found and self._database.has_file(KEYS):
            raise KeyStoreError(
                f"{self._database.describe(KEYS)} contains no keys. Keys are never deleted, so the file was truncated "
                "or replaced. Restore it from a backup; or, to begin without keys, delete it."
            )

    def list(self) -> list[ApiKey]:
        """Return all keys ever created, oldest first; raise `KeyStoreError` if they cannot be read."""
        with _translate_errors(), self._database.reading(KEYS) as connection:
            return [] if connection is None else _find_all(connection)

    def revoke(self, name_or_id: str) -> ApiKey:
        """Revoke a key for good; return what was stored about it.

        Raises:
            KeyStoreError: If no key in use has this name or ID, or the database cannot be read or written.
        """
        matches = [key for key in self.list() if key.revoked is None and name_or_id in (key.id, key.name)]
        if not matches:
            raise KeyStoreError(f"No key in use has the name or ID {name_or_id!r}; see `quittance keys list`.")
        with _translate_errors(), self._database.writing(KEYS) as connection:
            connection.execute(update(keys).where(keys.c.id == matches[0].id).values(revoked=_format_now()))
        return matches[0]


class KeyRing:
    """The keys in memory, as the gateway checks them; read again when they are more than a second old.

    Keys are never deleted, only revoked. If they cannot be read, or some that were seen are missing, the last known
    keys stay in force and `problem` says so: losing them must not open the gateway.

    Args:
        store: Where they are stored.
    """

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._keys: dict[str, ApiKey] = {}
        self._read_at: float | None = None
        self._reading = asyncio.Lock()
        self._problem: str | None = None
        self._logged: str | None = None

    @property
    def problem(self) -> str | None:
        """What is wrong with the stored keys, for the operator; None if nothing is."""
        return self._problem

    @property
    def groups(self) -> set[str]:
        """The groups of all keys ever created, as last read."""
        return {key.group for key in self._keys.values()}

    async def load(self) -> None:
        """Read the keys before the first request; raise `StartupError` if they cannot be read."""
        try:
            found = await self._store.find_all()
            self._store.check(found)
        except KeyStoreError as error:
            raise StartupError(f"No caller can be authenticated. {error}") from error
        self._keys, self._read_at = {key.id: key for key in found}, time.monotonic()

    async def any_created(self) -> bool:
        """Whether a key was ever created. Revoked ones count: revoking the last one must not open the gateway."""
        await self._refresh()
        return bool(self._keys)

    async def find(self, presented: str) -> ApiKey | None:
        """Return the key that a caller presented, if it is valid."""
        await self._refresh()
        form = _KEY_FORM.fullmatch(presented)
        if form is None:
            return None
        key_id, secret = form.groups()
        key = self._keys.get(key_id)
        # Compared even if the ID is unknown, so that the time does not depend on it.
        matches = hmac.compare_digest(_hash(secret), key.hash if key is not None else bytes(32))
        return key if key is not None and matches and key.revoked is None else None

    async def _refresh(self) -> None:
        """Read the keys if they are old; callers that come meanwhile wait for the first reading, and share it."""
        if self._is_fresh() or (self._read_at is not None and self._reading.locked()):
            return
        async with self._reading:
            if self._is_fresh():
                return
            try:
                found = {key.id: key for key in await self._store.find_all()}
            except KeyStoreError as error:
                if self._read_at is None:
                    raise
                self._report(f"{error} The last known keys stay in force.", is_outage=error.is_outage)
            else:
                if self._keys.keys() <= found.keys():
                    self._keys, self._problem, self._logged = found, None, None
                else:
                    self._report("The stored API keys were lost or replaced. The last known keys stay in force.")
            self._read_at = time.monotonic()

    def _is_fresh(self) -> bool:
        return self._read_at is not None and time.monotonic() - self._read_at < _MAX_AGE_S

    def _report(self, problem: str, *, is_outage: bool = False) -> None:
        if problem != self._logged:
            _log.error("API keys unavailable", extra={"problem": problem})
        # All gateways lose a server at once; if that made them unready, none would answer.
        self._logged, self._problem = problem, None if is_outage else problem


def _check_name(kind: str, name: str) -> str:
    """Return the name of a key or group without space around it; raise `KeyStoreError` if it is not valid."""
    name = name.strip()
    if not 0 < len(name) <= _MAX_NAME_LENGTH or not name.isprintable():
        raise KeyStoreError(f"The name of a {kind} must have 1 to {_MAX_NAME_LENGTH} printable characters.")
    return name


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        raise KeyStoreError(f"The API keys: {error}", is_outage=error.is_outage) from error


def _find_all(connection: Connection) -> list[ApiKey]:
    return [_build_key(row) for row in connection.execute(select(keys).order_by(keys.c.created, keys.c.id))]


def _build_key(row: Row[Any]) -> ApiKey:
    values = dict(row._mapping)
    group = values.pop("group_name") or row.id
    return ApiKey(**values, group=group)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _format_now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
