"""Czech payment code, the short payment descriptor.

Czech Banking Association, "Format pro sdileni platebnich udaju v ramci tuzemskeho platebniho styku v CZK
prostrednictvim QR kodu" 1.2 (SPAYD): `SPD*1.0*ACC:...*AM:...`. With `X-INV`, it contains an invoice.
"""

from __future__ import annotations

from urllib.parse import unquote

from stdnum import iban

from gateway.codes.fiscal.czechia import parse_invoice
from gateway.codes.values import parse_amount, parse_pairs, require
from shared.contracts import CodeContent

_IDENTIFIERS = {"X-VS": "variable_symbol", "RF": "reference", "MSG": "message"}


def parse(text: str) -> CodeContent:
    """Return what a code says; raise `ValueError` if it is not of this standard."""
    require(text.startswith("SPD*1.0*"))
    fields = parse_pairs(unquote(part) for part in text.removeprefix("SPD*1.0*").split("*") if part)
    account = fields.get("ACC", "").partition("+")[0]
    require(iban.is_valid(account))
    identifiers = {"iban": account} | {name: fields[key][:200] for key, name in _IDENTIFIERS.items() if key in fields}
    if "X-INV" in fields:
        invoice = f"{fields['X-INV']}*AM:{fields['AM']}" if "AM" in fields else fields["X-INV"]
        return parse_invoice(invoice).model_copy(update={"identifiers": identifiers})
    return CodeContent(
        standard="cz-spayd",
        kind="payment",
        seller=fields.get("RN"),
        total=parse_amount(fields["AM"]) if "AM" in fields else None,
        currency=fields.get("CC", "CZK"),
        identifiers=identifiers,
    )
