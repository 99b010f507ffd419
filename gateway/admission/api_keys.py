"""API keys: created and revoked with `quittance keys`, stored as hashes in the state directory.

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
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.settings import parse_rate_limit
from gateway.storage.database import (
    add_missing_columns,
    describe_database_error,
    get_database_path,
    open_database,
    read_database,
)
from gateway.storage.threads import run_in_state_thread
from shared.startup import StartupError

# Lets scanners for leaked secrets recognize a key.
_KEY_PREFIX = "qtc"
_KEY_FORM = re.compile(rf"{_KEY_PREFIX}_([0-9a-f]{{8}})_([A-Za-z0-9_-]{{43}})")
# Of names of keys and of groups.
_MAX_NAME_LENGTH = 100
_MAX_AGE_S = 1.0
_DATABASE = "keys"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    hash BLOB NOT NULL,
    rate_limit TEXT,
    created TEXT NOT NULL,
    revoked TEXT,
    group_name TEXT,
    is_operator INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS names_in_use ON keys (name) WHERE revoked IS NULL;
"""

# Added after 0.1.0. A key without a group has one of its own, named after its ID.
_ADDED_COLUMNS = {"group_name": "TEXT", "is_operator": "INTEGER NOT NULL DEFAULT 0"}

_log = logging.getLogger(__name__)


class KeyStoreError(Exception):
    """Keys cannot be read, or a key cannot be created or revoked; the message says why and what to do."""


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
    """The keys in the state directory. Every method accesses the file; call it outside the event loop.

    Args:
        directory: The state directory, which is created with the first key.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

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
            KeyStoreError: If the name is empty, too long or in use, group or rate limit are not valid, or the file
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
        values = (key.id, key.name, key.hash, key.rate_limit, key.created, key.group, key.is_operator)
        try:
            with self._open() as connection:
                connection.execute(
                    "INSERT INTO keys (id, name, hash, rate_limit, created, group_name, is_operator) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    values,
                )
        except sqlite3.IntegrityError as error:
            raise KeyStoreError(f"A key named {name!r} exists. Revoke it first, or choose another name.") from error
        return key, f"{_KEY_PREFIX}_{key.id}_{secret}"

    def load(self) -> list[ApiKey]:
        """Return all keys like `list`, at the start of a gateway.

        Raises:
            KeyStoreError: Also if there is a file without any key. Keys are never deleted, so it has lost them; taking
                that for a gateway that never had keys would open it.
        """
        keys = self.list()
        if not keys and self._path.exists():
            raise KeyStoreError(
                f"{self._path} contains no keys. Keys are never deleted, so the file was truncated or replaced. "
                "Restore it from a backup; or, to begin without keys, delete it."
            )
        return keys

    def list(self) -> list[ApiKey]:
        """Return all keys ever created, oldest first; raise `KeyStoreError` if the file cannot be read."""
        with self._translate_errors(), read_database(self._directory, _DATABASE) as connection:
            if connection is None:
                return []
            rows = connection.execute("SELECT * FROM keys ORDER BY created, id").fetchall()
        return [_build_key(row) for row in rows]

    def revoke(self, name_or_id: str) -> ApiKey:
        """Revoke a key for good; return what was stored about it.

        Raises:
            KeyStoreError: If no key in use has this name or ID, or the file cannot be read or written.
        """
        matches = [key for key in self.list() if key.revoked is None and name_or_id in (key.id, key.name)]
        if not matches:
            raise KeyStoreError(f"No key in use has the name or ID {name_or_id!r}; see `quittance keys list`.")
        with self._open() as connection:
            connection.execute("UPDATE keys SET revoked = ? WHERE id = ?", (_format_now(), matches[0].id))
        return matches[0]

    @property
    def _path(self) -> Path:
        return get_database_path(self._directory, _DATABASE)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        database = open_database(self._directory, _DATABASE, _SCHEMA, migrate=_migrate)
        with self._translate_errors(), database as connection:
            yield connection

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except (sqlite3.Error, OSError) as error:
            raise KeyStoreError(f"The API keys: {describe_database_error(self._path, error)}") from error


class KeyRing:
    """The keys in memory, as the gateway checks them; read again when they are more than a second old.

    Keys are never deleted, only revoked. If the file cannot be read, or keys that were seen are missing from it, the
    last known keys stay in force and `problem` says so: losing the file must not open the gateway.

    Args:
        store: Where they are stored.
    """

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._keys: dict[str, ApiKey] = {}
        self._read_at: float | None = None
        self._reading = asyncio.Lock()
        self._problem: str | None = None

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
            keys = await run_in_state_thread(self._store.load)
        except KeyStoreError as error:
            raise StartupError(f"No caller can be authenticated. {error}") from error
        self._keys, self._read_at = {key.id: key for key in keys}, time.monotonic()

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
                keys = {key.id: key for key in await run_in_state_thread(self._store.list)}
            except KeyStoreError as error:
                if self._read_at is None:
                    raise
                self._report(f"{error} The last known keys stay in force.")
            else:
                if self._keys.keys() <= keys.keys():
                    self._keys, self._problem = keys, None
                else:
                    self._report("The file with the API keys was lost or replaced. The last known keys stay in force.")
            self._read_at = time.monotonic()

    def _is_fresh(self) -> bool:
        return self._read_at is not None and time.monotonic() - self._read_at < _MAX_AGE_S

    def _report(self, problem: str) -> None:
        if problem != self._problem:
            _log.error("API keys unavailable", extra={"problem": problem})
        self._problem = problem


def _check_name(kind: str, name: str) -> str:
    """Return the name of a key or group without space around it; raise `KeyStoreError` if it is not valid."""
    name = name.strip()
    if not 0 < len(name) <= _MAX_NAME_LENGTH or not name.isprintable():
        raise KeyStoreError(f"The name of a {kind} must have 1 to {_MAX_NAME_LENGTH} printable characters.")
    return name


def _migrate(connection: sqlite3.Connection) -> None:
    add_missing_columns(connection, "keys", _ADDED_COLUMNS)


def _build_key(row: sqlite3.Row) -> ApiKey:
    values = dict(row)
    # Both are missing from the file of an earlier release until a key is created or revoked.
    group, is_operator = values.pop("group_name", None), values.pop("is_operator", 0)
    return ApiKey(**values, group=group or values["id"], is_operator=bool(is_operator))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _format_now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
