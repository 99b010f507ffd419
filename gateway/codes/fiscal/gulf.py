"""Saudi Arabia and states that took over its code: tags, lengths and values in base64.

ZATCA, "Security Features Implementation Standards" 1.2, section 4 (QR code): tag 1 is the seller, 2 its VAT number, 3
the time, 4 the total with VAT, 5 the VAT; 6 to 9 are hash, signatures and key. The time is local or in UTC, and tills
do not agree which, so it is given as it stands.
"""

from __future__ import annotations

from datetime import datetime

from gateway.codes.values import decode_base64, parse_amount, parse_moment, require
from shared.contracts import CodeContent

_SELLER, _TAX_ID, _TIME, _TOTAL, _TAX = 1, 2, 3, 4, 5
_LAST_TAG = 9
_TAX_ID_DIGITS = 15
_MIN_CHARACTERS = 40


def parse(text: str) -> CodeContent:
    """Return what a code says; raise `ValueError` if it is not of this standard."""
    require(len(text) >= _MIN_CHARACTERS)
    values = _split(decode_base64(text))
    seller, tax_id, moment, total, tax = (values[tag].decode() for tag in range(_SELLER, _TAX + 1))
    require(tax_id.isascii() and tax_id.isdigit() and len(tax_id) == _TAX_ID_DIGITS)
    written = datetime.fromisoformat(moment.strip()).replace(tzinfo=None)
    day, time = parse_moment(written.isoformat(timespec="seconds"), "%Y-%m-%dT%H:%M:%S")
    country = _find_country(tax_id)
    return CodeContent(
        standard="gulf-zatca",
        kind="fiscal",
        country=country,
        seller=seller.strip(),
        tax_id=tax_id,
        date=day,
        time=time,
        total=parse_amount(total),
        currency="SAR" if country == "SA" else None,
        tax=parse_amount(tax),
    )


def _split(data: bytes) -> dict[int, bytes]:
    """Return the values by tag; raise `ValueError` if the tags are not 1, 2, 3, ... to the end of the data."""
    values: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        require(at + 2 <= len(data))
        tag, length = data[at], data[at + 1]
        at += 2
        require(tag == len(values) + 1 and tag <= _LAST_TAG and at + length <= len(data))
        values[tag] = data[at : at + length]
        at += length
    require(_TAX in values)
    return values


def _find_country(tax_id: str) -> str | None:
    """Return the state whose VAT numbers have this form."""
    if tax_id.startswith("3") and tax_id.endswith("3"):
        return "SA"
    return "AE" if tax_id.startswith("100") else None
