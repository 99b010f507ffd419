"""Arithmetic checks of the amounts on a receipt."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal

from shared.contracts import AmountField, Check, Fields, Item, TaxRow

_TOLERANCE = Decimal("0.02")
# Enough digits for the product of an amount and a rate, both as long as contracts allow.
_EXACT = Context(prec=64)


def check_arithmetic(fields: Fields, items: Sequence[Item], taxes: Sequence[TaxRow]) -> list[Check]:
    """Return the checks of a receipt, each with what was expected and what is printed."""
    return [
        _items_to_subtotal(fields, items),
        _subtotal_and_tax_to_total(fields),
        _paid_minus_change(fields),
        _tax_rates(taxes),
    ]


def _items_to_subtotal(fields: Fields, items: Sequence[Item]) -> Check:
    printed = _value(fields.subtotal)
    if printed is None:
        printed = _value(fields.total)
    amounts = [_value(item.amount) for item in items]
    if printed is None or not amounts or None in amounts:
        return Check(name="items_to_subtotal", holds=None)
    total = sum((amount for amount in amounts if amount is not None), Decimal(0))
    extras = [_value(one.amount) for item in items for one in item.sub_items]
    discounts = [_value(item.discount) for item in items]
    more = sum((amount for amount in extras if amount is not None), Decimal(0))
    less = sum((abs(amount) for amount in discounts if amount is not None), Decimal(0))
    # Receipts differ in whether discounts and extras are in the item's amount already.
    sums = [total, total - less, total + more, total + more - less]
    return _compare("items_to_subtotal", sums, printed)


def _subtotal_and_tax_to_total(fields: Fields) -> Check:
    subtotal, total = _value(fields.subtotal), _value(fields.total)
    if subtotal is None or total is None:
        return Check(name="subtotal_and_tax_to_total", holds=None)
    plus = [_value(fields.service_charge), _value(fields.tip), _value(fields.rounding)]
    amount = subtotal + sum((one for one in plus if one is not None), Decimal(0))
    tax, discount = _value(fields.tax) or Decimal(0), abs(_value(fields.discount) or Decimal(0))
    # The tax may be in the subtotal, and the discount may be subtracted from it, already.
    sums = [amount + tax, amount + tax - discount, amount, amount - discount]
    return _compare("subtotal_and_tax_to_total", sums, total)


def _paid_minus_change(fields: Fields) -> Check:
    paid, change, total = _value(fields.paid), _value(fields.change), _value(fields.total)
    if paid is None or total is None or (change is None and paid != total):
        # More was handed over than was due, and the change was not found.
        return Check(name="paid_minus_change", holds=None)
    return _compare("paid_minus_change", [paid - abs(change or Decimal(0))], total)


def _tax_rates(taxes: Sequence[TaxRow]) -> Check:
    """Return the check of the first row that does not hold; that of the last complete row if all do."""
    check = Check(name="tax_rates", holds=None)
    for row in taxes:
        base, amount = _value(row.base), _value(row.amount)
        if base is None or amount is None or row.rate is None or row.rate.number is None:
            continue
        percent = _EXACT.multiply(base, Decimal(row.rate.number)).scaleb(-2)
        expected = _EXACT.quantize(percent, Decimal("0.01"))
        check = _compare("tax_rates", [expected], amount)
        if not check.holds:
            break
    return check


def _compare(name: str, sums: Sequence[Decimal], printed: Decimal) -> Check:
    nearest = min(sums, key=lambda one: abs(one - printed))
    holds = abs(nearest - printed) <= _TOLERANCE
    return Check.model_validate(
        {"name": name, "holds": holds, "expected": str(nearest if holds else sums[0]), "printed": str(printed)}
    )


def _value(field: AmountField | None) -> Decimal | None:
    return None if field is None or field.amount is None else Decimal(field.amount)
