"""Let codes and embedded invoices confirm, supply or contradict what was read from the print of a receipt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.evidence.amounts import CONFIRMED, CONTRADICTED, SUPPLIED, SUPPLIED_WEAKLY, settle_tax, settle_total
from gateway.evidence.dates import settle_date, settle_time
from gateway.evidence.identity import settle_name, settle_number, settle_tax_id
from gateway.evidence.statement import Statement
from shared.arithmetic import check_arithmetic
from shared.contracts import (
    AmountField,
    Check,
    CodeTax,
    Extracted,
    Fields,
    Inference,
    Line,
    NumberField,
    TaxRow,
)

_OTHER_EVIDENCE = "einvoice_to_"


def apply_statements(extracted: Extracted, lines: Sequence[Line], statements: Sequence[Statement]) -> Extracted:
    """Return what is known of a receipt.

    Args:
        extracted: What was found in its text.
        lines: Its text.
        statements: What codes and embedded invoices say, the strongest first. Several that contradict each other are
            of other purchases, except for those that agree with the print.

    Returns:
        A copy, with further checks.
    """
    if not statements:
        return extracted
    checks: list[Check] = []
    for statement in choose_statements(extracted.fields, statements):
        extracted, further = _apply(extracted, lines, statement)
        checks += [check for check in further if check.name not in {known.name for known in checks}]
    arithmetic = check_arithmetic(extracted.fields, extracted.items, extracted.taxes)
    others = [check for check in extracted.checks if check.name.startswith(_OTHER_EVIDENCE)]
    return extracted.model_copy(update={"checks": [*arithmetic, *others, *checks]})


def choose_statements(fields: Fields, statements: Sequence[Statement]) -> list[Statement]:
    """Return the statements about this purchase: those with the total that was read, if their totals differ."""
    totals = {statement.total for statement in statements if statement.is_strong and statement.total is not None}
    if len(totals) < 2:
        return list(statements)
    read = fields.total.amount if fields.total is not None else None
    return [statement for statement in statements if statement.total is not None and statement.total == read]


def _apply(extracted: Extracted, lines: Sequence[Line], statement: Statement) -> tuple[Extracted, list[Check]]:
    fields = extracted.fields
    total, total_check = settle_total(fields, statement, lines)
    date, date_check = settle_date(fields.date, statement, lines)
    checks = [check for check in (total_check, date_check) if check is not None]
    agrees = not checks or any(check.holds for check in checks)
    compared = total if total_check is not None else date
    is_corrected = len(checks) == 1 and compared is not None and compared.source == statement.source
    # A request to pay may be for a part.
    if statement.is_strong and not agrees and not is_corrected:
        return extracted.model_copy(update={"fields": _doubt(fields, total_check, date_check)}), checks
    settled: dict[str, Any] = {
        "company": settle_name(fields.company, statement.seller, statement),
        "address": settle_name(fields.address, statement.address, statement),
        "date": date,
        "time": settle_time(fields.time, statement, lines),
        "total": total,
        "tax": settle_tax(fields.tax, statement, lines),
        "tax_id": settle_tax_id(fields.tax_id, statement, lines),
        "receipt_number": settle_number(fields.receipt_number, statement, lines),
    }
    country = _infer(extracted.country, statement.country, statement)
    currency = _infer(extracted.currency, statement.currency, statement)
    update = {
        "fields": _set_currency(fields.model_copy(update=settled), extracted.currency, currency),
        "taxes": extracted.taxes or [_build_tax_row(tax, statement) for tax in statement.taxes],
        "country": country,
        "currency": currency,
    }
    return extracted.model_copy(update=update), checks


def _doubt(fields: Fields, total_check: Check | None, date_check: Check | None) -> Fields:
    """Return the fields with doubts about what a statement contradicts.

    Nothing in it agrees with the print, so it may be about another purchase, such as a coupon's, and tells no more.
    """
    changes = {
        name: field.model_copy(update={"confidence": min(field.confidence, CONTRADICTED)})
        for name, field, check in (("total", fields.total, total_check), ("date", fields.date, date_check))
        if field is not None and check is not None
    }
    return fields.model_copy(update=changes)


def _infer(known: Inference | None, stated: str | None, statement: Statement) -> Inference | None:
    if stated is None or (known is not None and known.value != stated and not statement.is_strong):
        return known
    is_same = known is not None and known.value == stated
    evidence = known.evidence if known is not None and is_same else []
    confidence = CONFIRMED if statement.is_strong else SUPPLIED
    if known is not None and is_same:
        confidence = max(confidence, known.confidence)
    return Inference(value=stated, confidence=confidence, evidence=[*evidence, f"{statement.source}: {statement.name}"])


def _set_currency(fields: Fields, before: Inference | None, after: Inference | None) -> Fields:
    """Return the fields with the stated currency instead of one that was only inferred, or none."""
    if after is None:
        return fields
    guesses = (None, before.value if before is not None else None)
    changes = {
        name: field.model_copy(update={"currency": after.value})
        for name, field in fields
        if isinstance(field, AmountField) and field.currency in guesses
    }
    return fields.model_copy(update=changes)


def _build_tax_row(tax: CodeTax, statement: Statement) -> TaxRow:
    known = {"confidence": SUPPLIED if statement.is_strong else SUPPLIED_WEAKLY, "source": statement.source}
    known |= statement.place

    def build_amount(amount: str | None) -> AmountField | None:
        if amount is None:
            return None
        return AmountField(value=amount, amount=amount, currency=statement.currency, **known)

    rate = None if tax.rate is None else NumberField(value=f"{tax.rate} %", number=tax.rate, **known)
    return TaxRow(rate=rate, base=build_amount(tax.base), amount=build_amount(tax.amount))
