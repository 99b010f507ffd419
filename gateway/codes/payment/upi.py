"""Indian payment link.

NPCI, "UPI Linking Specifications" 1.6: `upi://pay?pa=...&pn=...&am=...&cu=INR`. Signed codes for consumers may name the
seller's GSTIN, the invoice and its date.
"""

from __future__ import annotations

from stdnum.in_ import gstin

from gateway.codes.values import parse_amount, parse_iso_date, parse_url, require
from shared.contracts import CodeContent

_DATE_LENGTH = 10


def parse(text: str) -> CodeContent:
    """Return what a code says; raise `ValueError` if it is not of this standard."""
    require(text[:10].lower() == "upi://pay?")
    # Spaces in names are often not escaped.
    _, fields = parse_url(text.replace(" ", "%20"))
    require("@" in fields.get("pa", ""))
    number = fields.get("gstIn", "")
    day = fields.get("invoiceDate") or fields.get("InvoiceDate")
    return CodeContent(
        standard="in-upi",
        kind="payment",
        country="IN",
        seller=fields.get("pn") or None,
        tax_id=number if gstin.is_valid(number) else None,
        receipt_number=fields.get("invoiceNo") or fields.get("InvoiceNo"),
        date=parse_iso_date(day[:_DATE_LENGTH]) if day else None,
        total=parse_amount(fields["am"]) if fields.get("am") else None,
        currency=fields.get("cu") or "INR",
        identifiers={"payee": fields["pa"][:200]},
    )
