"""Compare what a person corrected with what codes and an embedded invoice say."""

from __future__ import annotations

from collections.abc import Container

from gateway.evidence.amounts import settle_total
from gateway.evidence.applying import choose_statements
from gateway.evidence.dates import settle_date
from gateway.evidence.einvoice import check_einvoice
from gateway.evidence.statement import build_statements
from shared.contracts import Check, Fields, Receipt

_PREFIXES = ("code_to_", "einvoice_to_")
# By the ends of the names of checks, the fields that they depend on.
_COMPARED = {"total": ("total", "tip", "rounding"), "date": ("date",)}


def check_corrected(receipt: Receipt, fields: Fields, corrected: Container[str]) -> list[Check]:
    """Return the checks of a receipt by its codes and its embedded invoice.

    Args:
        receipt: As it was read.
        fields: With the corrected values, which have a confidence of 1.
        corrected: Names of the corrected fields. Checks of others stay as they were.
    """
    checks = [check for check in receipt.checks if check.name.startswith(_PREFIXES) and not _changes(check, corrected)]
    for check in _compare(receipt, fields):
        if _changes(check, corrected) and check.name not in {known.name for known in checks}:
            checks.append(check)
    return checks


def _compare(receipt: Receipt, fields: Fields) -> list[Check]:
    # A person has seen the print, so its text does not count.
    found = [] if receipt.einvoice is None else check_einvoice(fields, [], receipt.einvoice)
    for statement in choose_statements(fields, build_statements(receipt.codes)):
        checks = (settle_total(fields, statement, [])[1], settle_date(fields.date, statement, [])[1])
        found += [check for check in checks if check is not None]
    return found


def _changes(check: Check, corrected: Container[str]) -> bool:
    return any(name in corrected for name in _COMPARED[check.name.rpartition("_")[2]])
