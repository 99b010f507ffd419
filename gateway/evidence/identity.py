"""Compare seller, tax number and receipt number with what a code or an embedded invoice says."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import TypeVar

from gateway.evidence.amounts import CONFIRMED, FOUND, SUPPLIED, SUPPLIED_WEAKLY
from gateway.evidence.printed import find_number, fold_number
from gateway.evidence.statement import Statement
from shared.contracts import Line, ReceiptField, TaxIdField

# Share of equal characters from which two names are the same.
_SAME_NAME = 0.85

AnyField = TypeVar("AnyField", bound=ReceiptField)


def settle_name(field: ReceiptField | None, stated: str | None, statement: Statement) -> ReceiptField | None:
    """Return a name or an address: the printed one, otherwise the stated one, which may differ from the sign."""
    if stated is None:
        return field
    if field is None:
        confidence = SUPPLIED if statement.is_strong else SUPPLIED_WEAKLY
        return ReceiptField(value=stated, confidence=confidence, source=statement.source, **statement.place)
    ratio = SequenceMatcher(None, field.value.casefold(), stated.casefold(), autojunk=False).ratio()
    return _confirm(field) if ratio >= _SAME_NAME else field


def settle_tax_id(field: TaxIdField | None, statement: Statement, lines: Sequence[Line]) -> TaxIdField | None:
    """Return the tax number: the stated one of the seller, because a receipt may also print that of the buyer."""
    if statement.tax_id is None:
        return field
    if field is not None:
        read, stated = fold_number(field.value), fold_number(statement.tax_id)
        if read and (read.endswith(stated) or stated.endswith(read)):
            country = field.country or statement.country
            return _confirm(field).model_copy(update={"country": country})
        if not statement.is_strong:
            return field
    printed = find_number(lines, statement.tax_id)
    return TaxIdField(
        value=statement.tax_id,
        country=statement.country,
        confidence=(FOUND if printed is not None else SUPPLIED) if statement.is_strong else SUPPLIED_WEAKLY,
        source=statement.source,
        **(statement.place if printed is None else printed.place),
    )


def settle_number(field: ReceiptField | None, statement: Statement, lines: Sequence[Line]) -> ReceiptField | None:
    """Return the receipt number: the printed one, the stated one if that is printed too, otherwise the stated one."""
    if statement.receipt_number is None:
        return field
    printed = find_number(lines, statement.receipt_number)
    if field is not None:
        read, stated = fold_number(field.value), fold_number(statement.receipt_number)
        if read and (read in stated or stated in read):
            return _confirm(field)
        if printed is None or not statement.is_strong:
            return field
    return ReceiptField(
        value=statement.receipt_number,
        confidence=FOUND if printed is not None else SUPPLIED if statement.is_strong else SUPPLIED_WEAKLY,
        source=statement.source,
        **(statement.place if printed is None else printed.place),
    )


def _confirm(field: AnyField) -> AnyField:
    return field.model_copy(update={"confidence": max(field.confidence, CONFIRMED)})
