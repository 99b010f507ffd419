"""The store of corrections, from which the extractor also learns merchants.

Corrections are stored in SQLite, each with its receipt as the models read it, because `quittance corrections export`
turns both into training data after the receipt has left the cache. Gateways that share the state directory share the
corrections. The extractor stores none (`services/extractor/teaching.py` explains why): the gateway sends it the
merchant corrections of the owner's other receipts with every receipt that it returns. The cache holds receipts without
corrections, so its entries never become outdated by one.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from gateway.caller import NO_OWNER
from gateway.corrections.corrected import check_corrections
from gateway.corrections.parsing import Changes, parse_corrections
from gateway.storage.database import (
    describe_database_error,
    find_columns,
    get_database_path,
    open_database,
    read_database,
)
from gateway.storage.threads import run_in_state_thread
from shared.contracts import Corrections, FieldCorrection, MerchantCorrection, Receipt
from shared.problems import ProblemError

_NAME = "corrections"
# `owner` is the group whose receipt was corrected; several may have a receipt with the same ID. `receipts` holds the
# receipt as the models read it, and `company` the company they found. `change` numbers the changes to the corrections;
# the database's `user_version` is the number of the last one.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS receipts (
    id TEXT NOT NULL,
    owner TEXT NOT NULL,
    company TEXT,
    receipt TEXT NOT NULL,
    PRIMARY KEY (id, owner)
);
CREATE TABLE IF NOT EXISTS corrections (
    receipt_id TEXT NOT NULL,
    owner TEXT NOT NULL,
    field TEXT NOT NULL,
    correction TEXT NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY (receipt_id, owner, field)
);
CREATE INDEX IF NOT EXISTS changes ON corrections (owner, change);
"""
# How many merchant corrections of an owner are sent to the extractor, the latest. About 200 are as long as a receipt's
# text.
MAX_MERCHANT_CORRECTIONS = 1_000

_log = logging.getLogger(__name__)
Result = TypeVar("Result")


class CorrectionStoreError(Exception):
    """Corrections cannot be read or written; the message says why and what to do."""


@dataclass(frozen=True)
class StoredCorrections:
    """The stored corrections that concern one receipt.

    Attributes:
        corrections: The corrections of the receipt itself.
        taught: The merchant corrections of the owner's other receipts, the latest last.
    """

    corrections: Corrections | None = None
    taught: tuple[MerchantCorrection, ...] = ()


@dataclass(frozen=True)
class _Lessons:
    """The merchant corrections of one owner as of one change: pairs of receipt ID and correction, the latest last."""

    change: int
    pairs: tuple[tuple[str, MerchantCorrection], ...]


class CorrectionStore:
    """Corrections on the local disk.

    Nothing is written, and no directory created, before the first correction; finding corrections never writes.

    Args:
        directory: The state directory.
        learn: Whether corrected companies and addresses apply to other receipts of the same owner.
    """

    def __init__(self, directory: Path, *, learn: bool = True) -> None:
        self._directory = directory
        self._learn = learn
        self._lessons: dict[str, _Lessons] = {}

    async def upgrade(self) -> None:
        """Upgrade the file of an earlier release, if there is one; raise `ProblemError` 503 as `find`."""
        await self._run(self._upgrade)

    async def find(self, receipt_id: str, *, owner: str) -> StoredCorrections:
        """Return the corrections that concern a receipt; raise `ProblemError` 503 if the store is unavailable."""
        return await self._run(self._find, receipt_id, owner)

    async def find_owners(self, receipt_id: str) -> list[str]:
        """Return the owners who have corrected a receipt with this ID; raise `ProblemError` 503 as `find`."""
        return await self._run(self._find_owners, receipt_id)

    async def put(self, receipt: Receipt, changes: Changes, *, owner: str) -> Corrections:
        """Store corrections of a receipt and return all of them; raise `ProblemError` 503 as `find`."""
        return await self._run(self._put, receipt, changes, owner)

    async def delete(self, receipt_id: str, *, owner: str) -> bool:
        """Delete the corrections of a receipt; return whether it had any. Raise `ProblemError` 503 as `find`."""
        return await self._run(self._delete, receipt_id, owner)

    def read_all(self, owner: str | None = None) -> Iterator[Receipt]:
        """Yield every corrected receipt as the models read it, with its corrections; raise `CorrectionStoreError`.

        Args:
            owner: Whose receipts; None for those of all owners, which may contain one receipt several times.
        """
        self._upgrade()
        with self._read() as connection:
            if connection is None:
                return
            rows = connection.execute(
                "SELECT id, owner, receipt FROM receipts WHERE owner = ifnull(?, owner) ORDER BY id, owner", (owner,)
            ).fetchall()
            for row in rows:
                corrections = _find_corrections(connection, row["id"], row["owner"])
                yield Receipt.model_validate_json(row["receipt"]).model_copy(update={"corrections": corrections})

    def assign(self, owner: str) -> int:
        """Give corrections without an owner to one; return of how many receipts. Raise `CorrectionStoreError`.

        Receipts that the owner has corrected itself are left out.
        """
        with self._open_existing() as connection:
            if connection is None:
                return 0
            connection.execute("BEGIN IMMEDIATE")
            own = "(SELECT id FROM receipts WHERE owner = ?)"
            values = (owner, NO_OWNER, owner)
            connection.execute(
                f"UPDATE corrections SET owner = ? WHERE owner = ? AND receipt_id NOT IN {own}",  # noqa: S608
                values,
            )
            count = connection.execute(
                f"UPDATE receipts SET owner = ? WHERE owner = ? AND id NOT IN {own}",  # noqa: S608
                values,
            ).rowcount
            _count_change(connection)
        return count

    async def _run(self, work: Callable[..., Result], *arguments: object) -> Result:
        try:
            return await run_in_state_thread(work, *arguments)
        except CorrectionStoreError as error:
            _log.error("Corrections unavailable", extra={"reason": str(error)})
            raise ProblemError(
                503,
                "corrections-unavailable",
                "Corrections are unavailable",
                "Corrections cannot be read or written at the moment. Try again later. Operators: check that the "
                "gateway may read and write the files in QUITTANCE_STATE_DIRECTORY, and that its disk is not full.",
                headers={"Retry-After": "5"},
            ) from error

    def _upgrade(self) -> None:
        with self._read() as connection:
            is_current = connection is None or _has_owners(connection)
        if not is_current:
            with self._open():
                pass

    def _find(self, receipt_id: str, owner: str) -> StoredCorrections:
        with self._read() as connection:
            if connection is None:
                return StoredCorrections()
            corrections = _find_corrections(connection, receipt_id, owner)
            lessons = self._refresh_lessons(connection, owner).pairs if self._learn else ()
        # A receipt does not learn from itself, so its fields remain what the models read.
        return StoredCorrections(corrections, tuple(lesson for source_id, lesson in lessons if source_id != receipt_id))

    def _refresh_lessons(self, connection: sqlite3.Connection, owner: str) -> _Lessons:
        lessons, change = self._lessons.get(owner), _read_change(connection)
        if lessons is None or lessons.change != change:
            lessons = self._lessons[owner] = _Lessons(change, _find_lessons(connection, owner))
        return lessons

    def _find_owners(self, receipt_id: str) -> list[str]:
        with self._read() as connection:
            if connection is None:
                return []
            rows = connection.execute("SELECT owner FROM receipts WHERE id = ? ORDER BY owner", (receipt_id,))
            return [row["owner"] for row in rows]

    def _put(self, receipt: Receipt, changes: Changes, owner: str) -> Corrections:
        company = receipt.fields.company.value if receipt.fields.company else None
        original = receipt.model_copy(update={"cached": False, "corrections": None}).model_dump_json()
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            change = _count_change(connection)
            connection.execute(
                "INSERT OR REPLACE INTO receipts VALUES (?, ?, ?, ?)", (receipt.id, owner, company, original)
            )
            connection.executemany(
                "INSERT OR REPLACE INTO corrections VALUES (?, ?, ?, ?, ?)",
                [
                    (receipt.id, owner, name, correction.model_dump_json(), change)
                    for name, correction in changes.items()
                ],
            )
            corrections = _find_corrections(connection, receipt.id, owner)
        assert corrections is not None  # noqa: S101 - just written
        return corrections

    def _delete(self, receipt_id: str, owner: str) -> bool:
        with self._open_existing() as connection:
            if connection is None:
                return False
            connection.execute("BEGIN IMMEDIATE")
            key = (receipt_id, owner)
            existed = connection.execute("DELETE FROM receipts WHERE id = ? AND owner = ?", key).rowcount > 0
            if existed:
                connection.execute("DELETE FROM corrections WHERE receipt_id = ? AND owner = ?", key)
                _count_change(connection)
        return existed

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection | None]:
        with self._translate_errors(), read_database(self._directory, _NAME) as connection:
            yield connection

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        database = open_database(self._directory, _NAME, _SCHEMA, migrate=_add_owners)
        with self._translate_errors(), database as connection:
            yield connection

    @contextmanager
    def _open_existing(self) -> Iterator[sqlite3.Connection | None]:
        with self._read() as existing:
            is_missing = existing is None
        if is_missing:
            yield None
            return
        with self._open() as connection:
            yield connection

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        path = get_database_path(self._directory, _NAME)
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise CorrectionStoreError(f"The corrections: {describe_database_error(path, error)}") from error
        except ValidationError as error:
            # Not pydantic's messages, which quote the receipt.
            raise CorrectionStoreError(f"The corrections in {path} are damaged. Restore it from a backup.") from error


def _add_owners(connection: sqlite3.Connection) -> None:
    """Upgrade the tables of release 0.1.0, which had no owners: what they contain gets `NO_OWNER`."""
    if _has_owners(connection):
        return
    connection.execute("BEGIN IMMEDIATE")
    if _has_owners(connection):  # another process was faster
        return
    # Tables are rebuilt, because SQLite cannot change a primary key.
    for table in ("receipts", "corrections"):
        connection.execute(f"ALTER TABLE {table} RENAME TO {table}_0_1_0")
    for statement in _SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute("INSERT INTO receipts SELECT id, ?, company, receipt FROM receipts_0_1_0", (NO_OWNER,))
    connection.execute(
        "INSERT INTO corrections SELECT receipt_id, ?, field, correction, change FROM corrections_0_1_0", (NO_OWNER,)
    )
    for table in ("receipts", "corrections"):
        connection.execute(f"DROP TABLE {table}_0_1_0")


def _has_owners(connection: sqlite3.Connection) -> bool:
    """Whether the tables have owners, or do not exist yet."""
    columns = find_columns(connection, "receipts")
    return not columns or "owner" in columns


def _find_corrections(connection: sqlite3.Connection, receipt_id: str, owner: str) -> Corrections | None:
    rows = connection.execute(
        "SELECT field, correction FROM corrections WHERE receipt_id = ? AND owner = ?", (receipt_id, owner)
    )
    values = {row["field"]: row["correction"] for row in rows}
    found = parse_corrections(receipt_id, values)
    if found is None:
        return None
    row = connection.execute("SELECT receipt FROM receipts WHERE id = ? AND owner = ?", (receipt_id, owner)).fetchone()
    return check_corrections(Receipt.model_validate_json(row["receipt"]), found)


def _find_lessons(connection: sqlite3.Connection, owner: str) -> tuple[tuple[str, MerchantCorrection], ...]:
    """Return an owner's latest corrections of merchants with the IDs of their receipts, the latest last."""
    rows = connection.execute(
        "SELECT receipt_id, field, correction, company FROM corrections JOIN receipts "
        "ON id = receipt_id AND receipts.owner = corrections.owner "
        "WHERE corrections.owner = ? AND field IN ('company', 'address') ORDER BY change DESC LIMIT ?",
        (owner, MAX_MERCHANT_CORRECTIONS),
    ).fetchall()
    lessons = [(row, FieldCorrection.model_validate_json(row["correction"])) for row in reversed(rows)]
    companies = {row["receipt_id"]: lesson.value for row, lesson in lessons if row["field"] == "company"}
    return tuple(
        (
            row["receipt_id"],
            MerchantCorrection(
                field=row["field"],
                value=lesson.value,
                read=lesson.model_value,
                company=companies.get(row["receipt_id"], row["company"]) if row["field"] == "address" else None,
            ),
        )
        for row, lesson in lessons
        if lesson.value is not None
    )


def _read_change(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _count_change(connection: sqlite3.Connection) -> int:
    change = _read_change(connection) + 1
    connection.execute(f"PRAGMA user_version = {change:d}")
    return change
