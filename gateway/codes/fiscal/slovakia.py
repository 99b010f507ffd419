"""Slovakia: the QR code of an eKasa receipt.

Financna sprava, "eKasa: integracne rozhranie", section on the QR code: online, only the ID under which the tax office
keeps the receipt; offline, `OKP:register:YYMMDDHHMMSS:number:total`. The register's code contains the tax number.
"""

from __future__ import annotations

import re

from stdnum.sk import dph

from gateway.codes.values import parse_amount, parse_moment, require
from shared.contracts import CodeContent

_ID = re.compile(r"(?a)[OV]-[0-9A-F]{32}", re.IGNORECASE)
_OKP = re.compile(r"(?a)[0-9a-f]{8}(-[0-9a-f]{8}){4}", re.IGNORECASE)
# A prefix, the tax number of ten digits, and a serial number.
_REGISTER = re.compile(r"(?a)\d{3}(?P<id>\d{10})\d{3,4}")


def parse(text: str) -> CodeContent:
    """Return what a code says; raise `ValueError` if it is not of this standard."""
    if _ID.fullmatch(text):
        return CodeContent(standard="sk-ekasa", kind="fiscal", country="SK", identifiers={"receipt_id": text.upper()})
    okp, register, moment, number, total = text.split(":")
    code = _REGISTER.fullmatch(register)
    require(_OKP.fullmatch(okp) is not None and code is not None and number.isascii() and number.isdigit())
    assert code is not None  # noqa: S101 - for the type checker
    day, time = parse_moment(moment, "%y%m%d%H%M%S")
    return CodeContent(
        standard="sk-ekasa",
        kind="fiscal",
        country="SK",
        tax_id=code["id"] if dph.is_valid(code["id"]) else None,
        receipt_number=number,
        date=day,
        time=time,
        total=parse_amount(total),
        currency="EUR",
        identifiers={"okp": okp.upper(), "register": register},
    )
