"""SEPA credit transfer, known as Girocode or EPC QR code.

European Payments Council, EPC069-12 version 3.1, "Quick Response Code: Guidelines to Enable the Data Capture for the
Initiation of a SEPA Credit Transfer": one element per line.
"""

from __future__ import annotations

from stdnum import iban

from gateway.codes.values import parse_amount, require
from shared.contracts import CodeContent

_MIN_LINES, _MAX_LINES = 7, 12


def parse(text: str) -> CodeContent:
    """Return what a code says; raise `ValueError` if it is not of this standard."""
    lines = [line.strip() for line in text.rstrip().splitlines()]
    require(_MIN_LINES <= len(lines) <= _MAX_LINES and lines[0] == "BCD" and lines[1] in ("001", "002"))
    lines += [""] * (_MAX_LINES - len(lines))
    _, _, _, identification, bic, name, account, amount, _, reference, message, _ = lines
    require(identification in ("SCT", "INST") and iban.is_valid(account) and amount[:3] in ("", "EUR"))
    return CodeContent(
        standard="epc069-12",
        kind="payment",
        seller=name or None,
        total=parse_amount(amount[3:]) if amount else None,
        currency="EUR",
        identifiers=_drop_empty({"iban": account, "bic": bic, "reference": reference, "message": message}),
    )


def _drop_empty(values: dict[str, str]) -> dict[str, str]:
    return {name: value[:200] for name, value in values.items() if value}
