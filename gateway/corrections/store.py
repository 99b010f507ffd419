"""What people corrected on receipts: kept, and handed on to the extractor, which learns merchants from it.

Kept in SQLite beside the receipt as it was read, since the cache forgets it and `quittance corrections export` makes
training data of both. Gateways that share the state directory share the corrections; the extractor keeps none (see
`services/extractor/teaching.py` for why): it is sent what other receipts taught for every receipt that is answered. The
cache has only what the models read, so that nothing in it is older than a correction.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gateway.storage.database import database
from shared.contracts import Corrections, FieldCorrection, FieldName, MerchantCorrection, Receipt
from shared.problems import ProblemError

_NAME = "corrections"
# A statement each: the receipt as it was read with the company that the model found, and what was corrected on it, the
# changes counted. The count of all changes is the database's `user_version`.
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
# The latest corrections are sent, up to so many; a receipt's text is about as long as two hundred of them.
MOST_MERCHANTS = 1_000

_log = logging.getLogger(__name__)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Known:
    """What is kept for one receipt.

    Attributes:
        corrections: Its own.
        taught: What other receipts taught about merchants, the latest last.
    """

    corrections: Corrections | None = None
    taught: tuple[MerchantCorrection, ...] = ()


@dataclass(frozen=True)
class _Lessons:
    """What all receipts taught, as of one change: pairs of receipt and correction, the latest last."""

    change: int
    pairs: tuple[tuple[str, MerchantCorrection], ...]


class CorrectionStore:
    """Corrections on disk.

    Nothing is written, and no directory made, before the first correction.

    Args:
        directory: The state directory.
        learn: Whether corrected companies and addresses are handed on.
    """

    def __init__(self, directory: Path, *, learn: bool = True) -> None:
        self._directory = directory
        self._learn = learn
        self._lessons = _Lessons(-1, ())

    async def known(self, receipt_id: str) -> Known:
        """What is kept for a receipt, and what others taught; raises `ProblemError` 503 if that cannot be looked up."""
        return await self._do(self._known, receipt_id)

    async def put(self, receipt: Receipt, changes: Mapping[FieldName, FieldCorrection]) -> Corrections:
        """Keeps corrections of a receipt; those of other fields stay. Raises `ProblemError` 503."""
        return await self._do(self._put, receipt, changes)

    async def delete(self, receipt_id: str) -> bool:
        """Forgets the corrections of a receipt, and what they taught; gives whether there were any.

        Raises:
            ProblemError: 503 if they cannot be reached.
        """
        return await self._do(self._delete, receipt_id)

    def all(self) -> Iterator[Receipt]:
        """Every corrected receipt as it was read, its corrections with it; by id. Raises `sqlite3.Error`."""
        if not self._there():
            return
        with self._open() as connection:
            rows = connection.execute("SELECT id, receipt FROM receipts ORDER BY id").fetchall()
            for row in rows:
                corrections = _corrections_of(connection, row["id"])
                yield Receipt.model_validate_json(row["receipt"]).model_copy(update={"corrections": corrections})

    async def _do(self, work: Callable[..., Result], *arguments: object) -> Result:
        try:
            return await asyncio.to_thread(work, *arguments)
        except (sqlite3.Error, OSError) as error:
            _log.error("Corrections cannot be reached", extra={"reason": f"{type(error).__name__}: {error}"})
            raise ProblemError(
                503,
                "corrections-unavailable",
                "Corrections are unavailable",
                "What people corrected cannot be read or written now. Try again later; whoever runs the gateway: see "
                "that QUITTANCE_STATE_DIRECTORY can be written to.",
                headers={"Retry-After": "5"},
            ) from error

    def _known(self, receipt_id: str) -> Known:
        if not self._there():
            return Known()
        with self._open() as connection:
            connection.execute("BEGIN")  # both answers are of the same moment
            corrections = _corrections_of(connection, receipt_id)
            lessons = self._lessons_now(connection).pairs if self._learn else ()
        # A receipt is not read by what it taught itself: its fields stay what the model makes of it.
        return Known(corrections, tuple(one for teacher, one in lessons if teacher != receipt_id))

    def _lessons_now(self, connection: sqlite3.Connection) -> _Lessons:
        lessons = self._lessons
        if lessons.change != (change := _change(connection)):
            lessons = self._lessons = _Lessons(change, _lessons(connection))
        return lessons

    def _put(self, receipt: Receipt, changes: Mapping[FieldName, FieldCorrection]) -> Corrections:
        company = receipt.fields.company.value if receipt.fields.company else None
        kept = receipt.model_copy(update={"cached": False, "corrections": None}).model_dump_json()
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            change = _count_change(connection)
            connection.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)", (receipt.id, company, kept))
            connection.executemany(
                "INSERT OR REPLACE INTO corrections VALUES (?, ?, ?, ?)",
                [(receipt.id, name, one.model_dump_json(), change) for name, one in changes.items()],
            )
            corrections = _corrections_of(connection, receipt.id)
        assert corrections is not None  # noqa: S101 - just written
        return corrections

    def _delete(self, receipt_id: str) -> bool:
        if not self._there():
            return False
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            found = connection.execute("DELETE FROM receipts WHERE id = ?", (receipt_id,)).rowcount > 0
            if found:
                connection.execute("DELETE FROM corrections WHERE receipt_id = ?", (receipt_id,))
                _count_change(connection)
        return found

    def _there(self) -> bool:
        return (self._directory / f"{_NAME}.sqlite3").exists()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with database(self._directory, _NAME, _SCHEMA) as connection:
            yield connection


def _corrections_of(connection: sqlite3.Connection, receipt_id: str) -> Corrections | None:
    rows = connection.execute("SELECT field, correction FROM corrections WHERE receipt_id = ?", (receipt_id,))
    fields = {row["field"]: FieldCorrection.model_validate_json(row["correction"]) for row in rows}
    return Corrections(receipt_id=receipt_id, fields=fields) if fields else None


def _lessons(connection: sqlite3.Connection) -> tuple[tuple[str, MerchantCorrection], ...]:
    """The latest corrections of companies and addresses, each with the receipt that it was made on; the latest last."""
    rows = connection.execute(
        "SELECT receipt_id, field, correction, company FROM corrections JOIN receipts ON id = receipt_id "
        "WHERE field IN ('company', 'address') ORDER BY change DESC LIMIT ?",
        (MOST_MERCHANTS,),
    ).fetchall()
    found = [(row, FieldCorrection.model_validate_json(row["correction"])) for row in reversed(rows)]
    companies = {row["receipt_id"]: one.value for row, one in found if row["field"] == "company"}
    return tuple(
        (
            row["receipt_id"],
            MerchantCorrection(
                field=row["field"],
                value=one.value,
                read=one.model_value,
                company=companies.get(row["receipt_id"], row["company"]) if row["field"] == "address" else None,
            ),
        )
        for row, one in found
        if one.value is not None
    )


def _change(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _count_change(connection: sqlite3.Connection) -> int:
    change = _change(connection) + 1
    connection.execute(f"PRAGMA user_version = {change:d}")
    return change
