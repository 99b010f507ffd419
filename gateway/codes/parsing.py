"""Understand the text of a code. Its content is not trusted: anyone can print a code."""

from __future__ import annotations

from collections.abc import Callable

from gateway.codes.fiscal import (
    austria,
    brazil,
    croatia,
    czechia,
    germany,
    gulf,
    india,
    italy,
    portugal,
    serbia,
    slovakia,
)
from gateway.codes.payment import epc, pay_by_square, spayd, swiss_bill, upi
from shared.contracts import CodeContent

_MAX_CHARACTERS = 8_000
# The most distinct ones first.
_PARSERS: tuple[Callable[[str], CodeContent], ...] = (
    *(germany.parse, austria.parse, portugal.parse, serbia.parse, croatia.parse, india.parse, czechia.parse),
    *(epc.parse, swiss_bill.parse, spayd.parse, upi.parse),
    *(slovakia.parse, brazil.parse, pay_by_square.parse, gulf.parse, italy.parse),
)


def parse_code(text: str) -> CodeContent | None:
    """Return what a fiscal or payment code says; None for other codes and damaged ones."""
    if len(text) > _MAX_CHARACTERS:
        return None
    stripped = text.strip()
    for parse in _PARSERS:
        try:
            return parse(stripped)
        # Malformed, or too long for the contract: not a code of this standard.
        except ValueError:
            continue
    return None
