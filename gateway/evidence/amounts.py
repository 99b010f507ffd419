"""Compare the total with what a code or an embedded invoice says."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from gateway.evidence.printed import find_amount
from gateway.evidence.statement import Statement
from shared.contracts import AmountField, Check, Fields, Line

CONFIRMED = 0.99
# What is printed, too, though not where the total was looked for; and what is not.
FOUND = 0.95
SUPPLIED = 0.9
# A request to pay may be for a part.
SUPPLIED_WEAKLY = 0.7
# Print and statement cannot both be right.
CONTRADICTED = 0.5
# A reading of print that may be off in a digit.
_UNCERTAIN = 0.9


def settle_total(
    fields: Fields, statement: Statement, lines: Sequence[Line]
) -> tuple[AmountField | None, Check | None]:
    """Return the total, and the check that compares the reading with a statement; None if it names no total.

    What a till or an invoice states replaces a reading if the stated amount is printed elsewhere, or if the reading
    differs in one uncertain digit. Tip and rounding explain a difference. Otherwise the reading stays, with a low
    confidence: nothing tells which is right. A request to pay never replaces a reading.
    """
    field = fields.total
    if statement.total is None:
        return field, None
    stated = Decimal(statement.total)
    read = None if field is None or field.amount is None else Decimal(field.amount)
    if field is None or read is None:
        confidence = SUPPLIED if statement.is_strong else SUPPLIED_WEAKLY
        return _supply(statement, stated, lines, confidence), None
    if read == stated:
        return confirm_amount(field, statement), _check(statement, stated, read, holds=True)
    if read - stated in _find_extras(fields):
        return field, _check(statement, read, read, holds=True)
    failed = _check(statement, stated, read, holds=False)
    if not statement.is_strong:
        return field, failed
    if find_amount(lines, stated) is not None:
        return _supply(statement, stated, lines, FOUND), _check(statement, stated, stated, holds=True)
    if field.confidence < _UNCERTAIN and _differs_in_one_digit(read, stated):
        corrected = {"value": str(stated), "amount": str(stated), "confidence": SUPPLIED, "source": statement.source}
        return field.model_copy(update=corrected), failed
    return field.model_copy(update={"confidence": min(field.confidence, CONTRADICTED)}), failed


def settle_tax(field: AmountField | None, statement: Statement, lines: Sequence[Line]) -> AmountField | None:
    """Return the tax: the one that was read, otherwise the stated one."""
    if statement.tax is None or not statement.is_strong:
        return field
    stated = Decimal(statement.tax)
    if field is None or field.amount is None:
        return _supply(statement, stated, lines, SUPPLIED) if stated else field
    return confirm_amount(field, statement) if Decimal(field.amount) == stated else field


def confirm_amount(field: AmountField, statement: Statement) -> AmountField:
    """Return an amount that a statement confirms, in its currency."""
    currency = statement.currency or field.currency
    return field.model_copy(update={"confidence": max(field.confidence, CONFIRMED), "currency": currency})


def _supply(statement: Statement, amount: Decimal, lines: Sequence[Line], confidence: float) -> AmountField:
    printed = find_amount(lines, amount)
    return AmountField(
        value=str(amount) if printed is None else printed.text,
        amount=str(amount),
        currency=statement.currency,
        confidence=confidence,
        source=statement.source,
        **(statement.place if printed is None else printed.place),
    )


def _find_extras(fields: Fields) -> set[Decimal]:
    """Return what may be added to a stated total: tip and rounding, alone and together."""
    tip, rounding = (
        Decimal(field.amount) if field is not None and field.amount is not None else Decimal(0)
        for field in (fields.tip, fields.rounding)
    )
    return {tip, rounding, -rounding, tip + rounding} - {Decimal(0)}


def _differs_in_one_digit(read: Decimal, stated: Decimal) -> bool:
    first, second = str(read), str(stated)
    return len(first) == len(second) and sum(a != b for a, b in zip(first, second, strict=True)) == 1


def _check(statement: Statement, expected: Decimal, printed: Decimal, *, holds: bool) -> Check:
    name = f"{statement.source}_to_total"
    return Check.model_validate({"name": name, "holds": holds, "expected": str(expected), "printed": str(printed)})
