"""Portugal: the QR code with ATCUD on every invoice.

Portaria 195/2020; Autoridade Tributaria, "Especificacoes tecnicas: codigo QR" 1.0: fields `A:` to `S:` divided by
asterisks. I, J and K are the mainland, the Azores and Madeira.
"""

from __future__ import annotations

from decimal import Decimal

from stdnum.pt import nif

from gateway.codes.values import parse_amount, parse_date, parse_pairs, require
from shared.contracts import CodeContent, CodeTax

# Reduced, intermediate, normal; those of the islands have changed often.
_MAINLAND_RATES = ("6", "13", "23")
_CANCELED = "A"


def parse(text: str) -> CodeContent:
    """Return what a code says; raise `ValueError` if it is not of this standard."""
    require(text.startswith("A:"))
    fields = parse_pairs(text.split("*"))
    require({"B", "C", "D", "F", "G", "H", "N", "O", "Q", "R"} <= fields.keys() and nif.is_valid(fields["A"]))
    return CodeContent(
        standard="pt-atcud",
        kind="fiscal",
        country="PT",
        tax_id=fields["A"],
        receipt_number=fields["G"],
        date=parse_date(fields["F"], "%Y%m%d"),
        total=None if fields.get("E") == _CANCELED else parse_amount(fields["O"]),
        currency="EUR",
        tax=parse_amount(fields["N"]),
        taxes=[row for area in "IJK" for row in _build_taxes(fields, area)],
        identifiers={"atcud": fields["H"][:100], "type": fields["D"][:10], "certificate": fields["R"][:20]},
    )


def _build_taxes(fields: dict[str, str], area: str) -> list[CodeTax]:
    rows = []
    if f"{area}2" in fields and Decimal(exempt := parse_amount(fields[f"{area}2"])):
        rows.append(CodeTax(rate="0", base=exempt, amount="0"))
    for number, rate in zip((3, 5, 7), _MAINLAND_RATES, strict=True):
        base, tax = fields.get(f"{area}{number}"), fields.get(f"{area}{number + 1}")
        if base is not None and tax is not None and Decimal(parse_amount(base)):
            is_mainland = fields.get(f"{area}1") == "PT"
            rows.append(CodeTax(rate=rate if is_mainland else None, base=parse_amount(base), amount=parse_amount(tax)))
    return rows
