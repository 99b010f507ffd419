"""Whether the amounts of a receipt support its total."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.extractor.details.items import items_of
from services.extractor.details.reading import Reading
from services.extractor.details.sums import find_sums
from services.extractor.details.taxes import find_tax, find_taxes
from shared.arithmetic import check_arithmetic
from shared.contracts import AmountField, Fields, Item, TaxRow


@dataclass(frozen=True)
class Amounts:
    """Everything on a receipt that adds up: the sums around the total by name, the items and the taxes."""

    sums: Mapping[str, AmountField]
    items: Sequence[Item]
    taxes: Sequence[TaxRow]


def find_amounts_of(reading: Reading) -> Amounts:
    """Find sums, items and taxes."""
    if not len(reading.document.text):
        return Amounts({}, [], [])
    sums = find_sums(reading)
    tax = find_tax(reading, sums)
    sums = {name: field for name, field in sums.items() if name != "tax"} | ({} if tax is None else {"tax": tax})
    return Amounts(sums, items_of(reading), find_taxes(reading))


def describe_agreement(total: AmountField, amounts: Amounts) -> dict[str, float]:
    """Return whether other amounts confirm a total (`adds_up`) or only contradict it (`contradicted`), 0 or 1 each.

    A total is confirmed by the sum of subtotal and tax, by what was paid less the change, or by the sum of the items
    if there is no subtotal.
    """
    subtotal = amounts.sums.get("subtotal")
    fields = Fields(total=total, **amounts.sums)
    checks = {check.name: check.holds for check in check_arithmetic(fields, amounts.items, amounts.taxes)}
    del checks["tax_rates"]
    if subtotal is not None and subtotal.amount is not None:
        del checks["items_to_subtotal"]
    adds_up = True in checks.values()
    return {"adds_up": float(adds_up), "contradicted": float(False in checks.values() and not adds_up)}
