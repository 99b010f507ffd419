"""The store of corrections, from which the extractor also learns merchants.

Corrections are stored in SQLite, each with its receipt as the models read it, because `quittance corrections export`
turns both into training data after the receipt has left the cache. Gateways that share the state directory share the
corrections. The extractor stores none (`services/extractor/teaching.py` explains why): the gateway sends it the
merchant corrections of other receipts with every receipt that it returns. The cache holds receipts without
corrections, so its entries never become outdated by one.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gateway.storage.database import open_database
from gateway.storage.threads import run_in_state_thread
from shared.contracts import Corrections, FieldCorrection, FieldName, MerchantCorrection, Receipt
from shared.problems import ProblemError

_NAME = "corrections"
# `receipts` holds the receipt as the models read it, and `company` the company they found. `change` numbers the changes
# to the corrections; the database's `user_version` is the number of the last one.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS receipts (id TEXT PRIMARY KEY, company TEXT, receipt TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS corrections (
    receipt_id TEXT NOT NULL,
    field TEXT NOT NULL,
    correction TEXT NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY (receipt_id, field)
);
"""
# How many merchant corrections are sent to the extractor: the latest ones. About 200 are as long as a receipt's text.
MAX_MERCHANT_CORRECTIONS = 1_000

_log = logging.getLogger(__name__)
Result = TypeVar("Result")


@dataclass(frozen=True)
class StoredCorrections:
    """The stored corrections that concern one receipt.

    Attributes:
        corrections: The corrections of the receipt itself.
        taught: The merchant corrections of other receipts, the latest last.
    """

    corrections: Corrections | None = None
    taught: tuple[MerchantCorrection, ...] = ()


@dataclass(frozen=True)
class _Lessons:
    """The merchant corrections as of one change: pairs of receipt ID and correction, the latest last."""

    change: int
    pairs: tuple[tuple[str, MerchantCorrection], ...]


class CorrectionStore:
    """Corrections on the local disk.

    Nothing is written, and no directory created, before the first correction.

    Args:
        directory: The state directory.
        learn: Whether corrected companies and addresses apply to other receipts.
    """

    def __init__(self, directory: Path, *, learn: bool = True) -> None:
        self._directory = directory
        self._learn = learn
        self._lessons = _Lessons(-1, ())

    async def find(self, receipt_id: str) -> StoredCorrections:
        """Return the corrections that concern a receipt; raise `ProblemError` 503 if the store is unavailable."""
        return await self._run(self._find, receipt_id)

    async def put(self, receipt: Receipt, changes: Mapping[FieldName, FieldCorrection]) -> Corrections:
        """Store corrections of a receipt and return all of them; raise `ProblemError` 503 as `find`."""
        return await self._run(self._put, receipt, changes)

    async def delete(self, receipt_id: str) -> bool:
        """Delete the corrections of a receipt; return whether it had any. Raise `ProblemError` 503 as `find`."""
        return await self._run(self._delete, receipt_id)

    def read_all(self) -> Iterator[Receipt]:
        """Yield every corrected receipt as the models read it, with its corrections, by ID; raise `sqlite3.Error`."""
        if not self._exists():
            return
        with self._open() as connection:
            rows = connection.execute("SELECT id, receipt FROM receipts ORDER BY id").fetchall()
            for row in rows:
                corrections = _find_corrections(connection, row["id"])
                yield Receipt.model_validate_json(row["receipt"]).model_copy(update={"corrections": corrections})

    async def _run(self, work: Callable[..., Result], *arguments: object) -> Result:
        try:
            return await run_in_state_thread(work, *arguments)
        except (sqlite3.Error, OSError) as error:
            _log.error("Corrections unavailable", extra={"reason": f"{type(error).__name__}: {error}"})
            raise ProblemError(
                503,
                "corrections-unavailable",
                "Corrections are unavailable",
                "Corrections cannot be read or written at the moment. Try again later. Operators: check that "
                "QUITTANCE_STATE_DIRECTORY is writable.",
                headers={"Retry-After": "5"},
            ) from error

    def _find(self, receipt_id: str) -> StoredCorrections:
        if not self._exists():
            return StoredCorrections()
        with self._open() as connection:
            connection.execute("BEGIN")  # reads both from the same state
            corrections = _find_corrections(connection, receipt_id)
            lessons = self._refresh_lessons(connection).pairs if self._learn else ()
        # A receipt does not learn from itself, so its fields remain what the models read.
        return StoredCorrections(corrections, tuple(lesson for source_id, lesson in lessons if source_id != receipt_id))

    def _refresh_lessons(self, connection: sqlite3.Connection) -> _Lessons:
        lessons, change = self._lessons, _read_change(connection)
        if lessons.change != change:
            lessons = self._lessons = _Lessons(change, _find_lessons(connection))
        return lessons

    def _put(self, receipt: Receipt, changes: Mapping[FieldName, FieldCorrection]) -> Corrections:
        company = receipt.fields.company.value if receipt.fields.company else None
        original = receipt.model_copy(update={"cached": False, "corrections": None}).model_dump_json()
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            change = _count_change(connection)
            connection.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)", (receipt.id, company, original))
            connection.executemany(
                "INSERT OR REPLACE INTO corrections VALUES (?, ?, ?, ?)",
                [(receipt.id, name, correction.model_dump_json(), change) for name, correction in changes.items()],
            )
            corrections = _find_corrections(connection, receipt.id)
        assert corrections is not None  # noqa: S101 - just written
        return corrections

    def _delete(self, receipt_id: str) -> bool:
        if not self._exists():
            return False
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            existed = connection.execute("DELETE FROM receipts WHERE id = ?", (receipt_id,)).rowcount > 0
            if existed:
                connection.execute("DELETE FROM corrections WHERE receipt_id = ?", (receipt_id,))
                _count_change(connection)
        return existed

    def _exists(self) -> bool:
        return (self._directory / f"{_NAME}.sqlite3").exists()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with open_database(self._directory, _NAME, _SCHEMA) as connection:
            yield connection


def _find_corrections(connection: sqlite3.Connection, receipt_id: str) -> Corrections | None:
    rows = connection.execute("SELECT field, correction FROM corrections WHERE receipt_id = ?", (receipt_id,))
    fields = {row["field"]: FieldCorrection.model_validate_json(row["correction"]) for row in rows}
    return Corrections(receipt_id=receipt_id, fields=fields) if fields else None


def _find_lessons(connection: sqlite3.Connection) -> tuple[tuple[str, MerchantCorrection], ...]:
    """Return the latest corrections of companies and addresses with the IDs of their receipts, the latest last."""
    rows = connection.execute(
        "SELECT receipt_id, field, correction, company FROM corrections JOIN receipts ON id = receipt_id "
        "WHERE field IN ('company', 'address') ORDER BY change DESC LIMIT ?",
        (MAX_MERCHANT_CORRECTIONS,),
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
