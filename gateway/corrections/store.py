"""The store of corrections, from which the extractor also learns merchants.

Corrections are stored each with its receipt as the models read it, because `quittance corrections export` turns both
into training data after the receipt has left the cache. Gateways that share the database share the corrections. The
extractor stores none (`services/extractor/teaching.py` explains why): the gateway sends it the merchant corrections of
the owner's other receipts with every receipt that it returns. The cache holds receipts without corrections, so its
entries never become outdated by one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from pydantic import ValidationError
from sqlalchemy import Connection, delete, select, update

from gateway.caller import NO_OWNER
from gateway.corrections.corrected import check_corrections
from gateway.corrections.parsing import Changes, parse_corrections
from gateway.storage.database.database import Database, DatabaseError
from gateway.storage.database.schema import CORRECTIONS, corrections, counters, receipts
from gateway.storage.database.statements import increment, replace_rows
from shared.contracts import Corrections, FieldCorrection, MerchantCorrection, Receipt
from shared.problems import ProblemError

# The row of `counters` with the number of the last change to the corrections.
_CHANGES = "changes"
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
    """Corrections in the database.

    Nothing is written before the first correction; finding corrections never writes.

    Args:
        database: Where they are stored.
        learn: Whether corrected companies and addresses apply to other receipts of the same owner.
    """

    def __init__(self, database: Database, *, learn: bool = True) -> None:
        self._database = database
        self._learn = learn
        self._lessons: dict[str, _Lessons] = {}

    async def find(self, receipt_id: str, *, owner: str) -> StoredCorrections:
        """Return the corrections that concern a receipt; raise `ProblemError` 503 if the store is unavailable."""
        return await self._read(partial(self._find, receipt_id, owner), StoredCorrections())

    async def find_owners(self, receipt_id: str) -> list[str]:
        """Return the owners who have corrected a receipt with this ID; raise `ProblemError` 503 as `find`."""
        return await self._read(partial(_find_owners, receipt_id), [])

    async def put(self, receipt: Receipt, changes: Changes, *, owner: str) -> Corrections:
        """Store corrections of a receipt and return all of them; raise `ProblemError` 503 as `find`."""
        return await self._write(partial(_put, receipt, changes, owner))

    async def delete(self, receipt_id: str, *, owner: str, names: Collection[str] = ()) -> bool:
        """Delete the corrections of a receipt; return whether it had any. Raise `ProblemError` 503 as `find`.

        Args:
            receipt_id: The receipt.
            owner: Whose corrections.
            names: Names of fields and properties, `ITEMS` or `TAXES`; empty for all of them.
        """
        # Nothing is created, and no other writer held up, where there is nothing to delete.
        if owner not in await self.find_owners(receipt_id):
            return False
        return await self._write(partial(_delete, receipt_id, owner, names))

    def read_all(self, owner: str | None = None) -> Iterator[Receipt]:
        """Yield every corrected receipt as the models read it, with its corrections; raise `CorrectionStoreError`.

        Args:
            owner: Whose receipts; None for those of all owners, which may contain one receipt several times.
        """
        statement = select(receipts).order_by(receipts.c.id, receipts.c.owner)
        if owner is not None:
            statement = statement.where(receipts.c.owner == owner)
        with self._translate_errors(), self._database.reading(CORRECTIONS) as connection:
            if connection is None:
                return
            for row in connection.execute(statement).all():
                found = _find_corrections(connection, row.id, row.owner)
                yield Receipt.model_validate_json(row.receipt).model_copy(update={"corrections": found})

    def assign(self, owner: str) -> int:
        """Give corrections without an owner to one; return of how many receipts. Raise `CorrectionStoreError`.

        Receipts that the owner has corrected itself are left out.
        """
        with self._translate_errors(), self._database.reading(CORRECTIONS) as existing:
            if existing is None:
                return 0
        with self._translate_errors(), self._database.writing(CORRECTIONS) as connection:
            _count_change(connection)
            own = select(receipts.c.id).where(receipts.c.owner == owner)
            of_nobody = (corrections.c.owner == NO_OWNER, corrections.c.receipt_id.not_in(own))
            connection.execute(update(corrections).where(*of_nobody).values(owner=owner))
            of_nobody = (receipts.c.owner == NO_OWNER, receipts.c.id.not_in(own))
            return connection.execute(update(receipts).where(*of_nobody).values(owner=owner)).rowcount

    async def _read(self, work: Callable[[Connection], Result], missing: Result) -> Result:
        with self._report_errors(), self._translate_errors():
            return await self._database.read(CORRECTIONS, work, missing=missing)

    async def _write(self, work: Callable[[Connection], Result]) -> Result:
        with self._report_errors(), self._translate_errors():
            return await self._database.write(CORRECTIONS, work)

    def _find(self, receipt_id: str, owner: str, connection: Connection) -> StoredCorrections:
        found = _find_corrections(connection, receipt_id, owner)
        lessons = self._refresh_lessons(connection, owner).pairs if self._learn else ()
        # A receipt does not learn from itself, so its fields remain what the models read.
        return StoredCorrections(found, tuple(lesson for source_id, lesson in lessons if source_id != receipt_id))

    def _refresh_lessons(self, connection: Connection, owner: str) -> _Lessons:
        lessons, change = self._lessons.get(owner), _read_change(connection)
        if lessons is None or lessons.change != change:
            lessons = self._lessons[owner] = _Lessons(change, _find_lessons(connection, owner))
        return lessons

    @contextmanager
    def _report_errors(self) -> Iterator[None]:
        try:
            yield
        except CorrectionStoreError as error:
            _log.error("Corrections unavailable", extra={"reason": str(error)})
            raise ProblemError(
                503,
                "corrections-unavailable",
                "Corrections are unavailable",
                "Corrections cannot be read or written at the moment. Try again later. Operators: check that the "
                "gateway may read and write the files in QUITTANCE_STATE_DIRECTORY, and that its disk is not full; or, "
                "with QUITTANCE_DATABASE_URL, that the database can be reached.",
                headers={"Retry-After": "5"},
            ) from error

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            raise CorrectionStoreError(f"The corrections: {error}") from error
        except ValidationError as error:
            # Not pydantic's messages, which quote the receipt.
            place = self._database.describe(CORRECTIONS)
            raise CorrectionStoreError(f"The corrections in {place} are damaged. Restore it from a backup.") from error


def _find_owners(receipt_id: str, connection: Connection) -> list[str]:
    statement = select(receipts.c.owner).where(receipts.c.id == receipt_id).order_by(receipts.c.owner)
    return list(connection.execute(statement).scalars())


def _put(receipt: Receipt, changes: Changes, owner: str, connection: Connection) -> Corrections:
    # First, because it makes others wait who write corrections.
    change = _count_change(connection)
    company = receipt.fields.company.value if receipt.fields.company else None
    original = receipt.model_copy(update={"cached": False, "corrections": None}).model_dump_json()
    row = {"id": receipt.id, "owner": owner, "company": company, "receipt": original}
    replace_rows(connection, receipts, [row])
    key = {"receipt_id": receipt.id, "owner": owner, "change": change}
    rows = [{**key, "field": name, "correction": correction.model_dump_json()} for name, correction in changes.items()]
    replace_rows(connection, corrections, rows)
    found = _find_corrections(connection, receipt.id, owner)
    assert found is not None  # noqa: S101 - just written
    return found


def _delete(receipt_id: str, owner: str, names: Collection[str], connection: Connection) -> bool:
    _count_change(connection)
    own = (corrections.c.receipt_id == receipt_id, corrections.c.owner == owner)
    named = (corrections.c.field.in_(names),) if names else ()
    deleted = connection.execute(delete(corrections).where(*own, *named)).rowcount
    if not names or connection.execute(select(corrections.c.field).where(*own)).first() is None:
        deleted += connection.execute(
            delete(receipts).where(receipts.c.id == receipt_id, receipts.c.owner == owner)
        ).rowcount
    return deleted > 0


def _find_corrections(connection: Connection, receipt_id: str, owner: str) -> Corrections | None:
    rows = connection.execute(
        select(corrections.c.field, corrections.c.correction).where(
            corrections.c.receipt_id == receipt_id, corrections.c.owner == owner
        )
    )
    values = {row.field: row.correction for row in rows}
    found = parse_corrections(receipt_id, values)
    if found is None:
        return None
    original = connection.execute(
        select(receipts.c.receipt).where(receipts.c.id == receipt_id, receipts.c.owner == owner)
    ).scalar_one()
    return check_corrections(Receipt.model_validate_json(original), found)


def _find_lessons(connection: Connection, owner: str) -> tuple[tuple[str, MerchantCorrection], ...]:
    """Return an owner's latest corrections of merchants with the IDs of their receipts, the latest last."""
    same_receipt = (receipts.c.id == corrections.c.receipt_id) & (receipts.c.owner == corrections.c.owner)
    statement = (
        select(corrections.c.receipt_id, corrections.c.field, corrections.c.correction, receipts.c.company)
        .select_from(corrections.join(receipts, same_receipt))
        .where(corrections.c.owner == owner, corrections.c.field.in_(["company", "address"]))
        .order_by(corrections.c.change.desc())
        .limit(MAX_MERCHANT_CORRECTIONS)
    )
    rows = connection.execute(statement).all()
    lessons = [(row, FieldCorrection.model_validate_json(row.correction)) for row in reversed(rows)]
    companies = {row.receipt_id: lesson.value for row, lesson in lessons if row.field == "company"}
    return tuple(
        (
            row.receipt_id,
            MerchantCorrection(
                field=row.field,
                value=lesson.value,
                read=lesson.model_value,
                company=companies.get(row.receipt_id, row.company) if row.field == "address" else None,
            ),
        )
        for row, lesson in lessons
        if lesson.value is not None
    )


def _read_change(connection: Connection) -> int:
    return connection.execute(select(counters.c.value).where(counters.c.name == _CHANGES)).scalar() or 0


def _count_change(connection: Connection) -> int:
    return int(increment(connection, counters, {"value": 1}, {"name": _CHANGES}).value)
