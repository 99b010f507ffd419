"""Swiss QR-bill.

SIX, "Swiss Implementation Guidelines for the QR-bill" 2.3, section 4 (one element per line), and Swico, "Syntax
definition S1" 1.2, for the invoice's number, date and VAT number in the billing information.
"""

from __future__ import annotations

from stdnum import iban
from stdnum.ch import vat

from gateway.codes.values import parse_amount, parse_date, require
from shared.contracts import CodeContent, CodeTax

_ACCOUNT, _CREDITOR, _AMOUNT, _CURRENCY, _REFERENCE, _MESSAGE, _TRAILER, _BILLING = 3, 4, 18, 19, 28, 29, 30, 31
_COMBINED = "K"
_NUMBER, _DATE, _TAX_ID, _TAXES = "10", "11", "30", "32"


def parse(text: str) -> CodeContent:
    """Return what a code says; raise `ValueError` if it is not of this standard."""
    lines = [line.strip() for line in text.splitlines()]
    require(len(lines) > _TRAILER and lines[0] == "SPC" and lines[1][:2] == "02" and lines[_TRAILER] == "EPD")
    require(iban.is_valid(lines[_ACCOUNT]) and lines[_CURRENCY] in ("CHF", "EUR"))
    billing = _parse_billing(lines[_BILLING]) if len(lines) > _BILLING else {}
    number = billing.get(_TAX_ID, "")
    identifiers = {"iban": lines[_ACCOUNT], "reference": lines[_REFERENCE], "message": lines[_MESSAGE][:200]}
    return CodeContent(
        standard="ch-qr-bill",
        kind="payment",
        country=lines[_CREDITOR + 6] if lines[_CREDITOR + 6] in ("CH", "LI") else None,
        seller=lines[_CREDITOR + 1] or None,
        address=_join_address(lines[_CREDITOR : _CREDITOR + 7]) or None,
        tax_id=f"CHE{number}" if vat.is_valid(f"CHE{number}MWST") else None,
        receipt_number=billing.get(_NUMBER),
        date=parse_date(billing[_DATE], "%y%m%d") if _DATE in billing else None,
        total=parse_amount(lines[_AMOUNT]) if lines[_AMOUNT] else None,
        currency=lines[_CURRENCY],
        taxes=_build_taxes(billing.get(_TAXES, "")),
        identifiers={name: value for name, value in identifiers.items() if value},
    )


def _join_address(creditor: list[str]) -> str:
    kind, _, *parts, _ = creditor
    if kind == _COMBINED:
        return ", ".join(part for part in parts[:2] if part)
    street, building, code, town = parts
    return ", ".join(part for part in (f"{street} {building}".strip(), f"{code} {town}".strip()) if part)


def _parse_billing(text: str) -> dict[str, str]:
    """Return the values of `//S1/10/10201409/11/190512` by tag. A slash in a value is escaped."""
    if not text.startswith("//S1/"):
        return {}
    parts = text.removeprefix("//S1/").replace("\\/", "\0").replace("\\\\", "\\").split("/")
    return {tag: value.replace("\0", "/") for tag, value in zip(parts[::2], parts[1::2], strict=False)}


def _build_taxes(text: str) -> list[CodeTax]:
    """Return the rates of `7.7`, or with the net amounts of `7.7:553.39;2.5:14`."""
    rows = []
    for part in filter(None, text.split(";")):
        rate, _, base = part.partition(":")
        rows.append(CodeTax(rate=parse_amount(rate), base=parse_amount(base) if base else None))
    return rows
