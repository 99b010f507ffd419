"""API keys: made and revoked with `quittance keys`, kept as hashes in the state directory.

A key has an id, which may be shown, and 256 random bits, which are shown once. Of those the SHA-256 is kept: a slow
hash is for passwords that people choose; nobody guesses 256 random bits.
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
from gateway.storage.database import database

_PREFIX = "qtc"  # tells those who scan for leaked secrets what they have found
_FORM = re.compile(rf"{_PREFIX}_([0-9a-f]{{8}})_([A-Za-z0-9_-]{{43}})")
_MOST_NAME = 100
_FRESH_S = 1.0
_NAME = "keys"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    hash BLOB NOT NULL,
    rate_limit TEXT,
    created TEXT NOT NULL,
    revoked TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS names_in_use ON keys (name) WHERE revoked IS NULL;
"""

_log = logging.getLogger(__name__)


class KeyBookError(Exception):
    """A key cannot be made or revoked; the message says why and what to do."""


@dataclass(frozen=True)
class ApiKey:
    """What is known of a key; the key itself is not.

    Attributes:
        id: Eight hexadecimal digits, part of the key.
        name: Given by whoever made it; no two keys in use have the same.
        hash: SHA-256 of the secret part.
        rate_limit: As `parse_rate_limit` takes it, or None for the gateway's own.
        created: When, in ISO 8601, UTC.
        revoked: When, or None while it is in use.
    """

    id: str
    name: str
    hash: bytes
    rate_limit: str | None
    created: str
    revoked: str | None


class KeyBook:
    """The keys in the state directory; every method reads or writes the file, so call them outside the event loop.

    Args:
        directory: The state directory; it is made with the first key.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def create(self, name: str, rate_limit: str | None = None) -> tuple[ApiKey, str]:
        """Makes a key and gives what is known of it, and the key itself, which nobody can tell again.

        Raises:
            KeyBookError: If the name is empty, too long or in use, or the rate limit cannot be read.
        """
        name = name.strip()
        if not 0 < len(name) <= _MOST_NAME or not name.isprintable():
            raise KeyBookError(f"The name of a key has 1 to {_MOST_NAME} printable characters.")
        if rate_limit is not None:
            try:
                parse_rate_limit(rate_limit)
            except ValueError as error:
                raise KeyBookError(str(error)) from error
        secret = secrets.token_urlsafe(32)
        key = ApiKey(secrets.token_hex(4), name, _hash(secret), rate_limit, _now(), None)
        values = (key.id, key.name, key.hash, key.rate_limit, key.created)
        try:
            with self._open() as connection:
                connection.execute(
                    "INSERT INTO keys (id, name, hash, rate_limit, created) VALUES (?, ?, ?, ?, ?)", values
                )
        except sqlite3.IntegrityError as error:
            raise KeyBookError(f"There is a key named {name!r}. Revoke it first, or choose another name.") from error
        return key, f"{_PREFIX}_{key.id}_{secret}"

    def list(self) -> list[ApiKey]:
        """Gives all keys ever made, the oldest first."""
        if not (self._directory / f"{_NAME}.sqlite3").exists():
            return []  # looking must not make the directory
        with self._open() as connection:
            rows = connection.execute("SELECT * FROM keys ORDER BY created, id").fetchall()
        return [ApiKey(**row) for row in rows]

    def revoke(self, name_or_id: str) -> ApiKey:
        """Makes a key useless, for good; gives what was known of it.

        Raises:
            KeyBookError: If no key in use has this name or id.
        """
        found = [key for key in self.list() if key.revoked is None and name_or_id in (key.id, key.name)]
        if not found:
            raise KeyBookError(f"No key in use has the name or id {name_or_id!r}; see `quittance keys list`.")
        with self._open() as connection:
            connection.execute("UPDATE keys SET revoked = ? WHERE id = ?", (_now(), found[0].id))
        return found[0]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with database(self._directory, _NAME, _SCHEMA) as connection:
            yield connection


class KeyRing:
    """The keys as the gateway checks them: in memory, read again when they are older than a second.

    Args:
        book: Where they are.
    """

    def __init__(self, book: KeyBook) -> None:
        self._book = book
        self._keys: dict[str, ApiKey] = {}
        self._read_at: float | None = None

    async def any_made(self) -> bool:
        """Whether a key was ever made, revoked ones counted: revoking the last one must not let everybody in."""
        await self._refresh()
        return bool(self._keys)

    async def find(self, presented: str) -> ApiKey | None:
        """Gives the key that was presented, if it is one and in use."""
        await self._refresh()
        form = _FORM.fullmatch(presented)
        if form is None:
            return None
        key_id, secret = form.groups()
        key = self._keys.get(key_id)
        # Compared even where there is no such id, in the same time for every secret.
        same = hmac.compare_digest(_hash(secret), key.hash if key is not None else bytes(32))
        return key if key is not None and same and key.revoked is None else None

    async def _refresh(self) -> None:
        now = time.monotonic()
        if self._read_at is not None and now - self._read_at < _FRESH_S:
            return
        first = self._read_at is None
        self._read_at = now  # whoever comes meanwhile uses what is there
        try:
            keys = await asyncio.to_thread(self._book.list)
        except (sqlite3.Error, OSError):
            if first:
                self._read_at = None
                raise
            _log.exception("the API keys cannot be read; those known go on")
            return
        self._keys = {key.id: key for key in keys}


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
