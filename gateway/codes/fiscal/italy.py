"""Italy: the two-dimensional code of a "documento commerciale" for the instant lottery.

Agenzia delle Entrate, Provvedimento 15943/2023, section 2.2: VAT number of the seller, serial number of the device,
number, total and time of the document. Its technical annex gives the layout only to makers of tills, so only what is
certain in any layout is used: a VAT number with right check digits beside the serial number of a device.
"""

from __future__ import annotations

import re

from stdnum.it import iva

from gateway.codes.values import require
from shared.contracts import CodeContent

# Two characters of the model, two or three letters of the maker or the kind, and six to eight digits.
_DEVICE = re.compile(r"(?a)(?=\w*\d)[0-9A-Z]{2}[A-Z]{2,3}\d{6,8}")
_WORD = re.compile(r"(?a)[0-9A-Z]+")
_MAX_CHARACTERS = 200


def parse(text: str) -> CodeContent:
    """Return what a code says; raise `ValueError` if it is not of this standard."""
    require(len(text) <= _MAX_CHARACTERS)
    words = _WORD.findall(text)
    numbers = {word for word in words if len(word) == 11 and word.isdigit() and iva.is_valid(word)}
    devices = {word for word in words if _DEVICE.fullmatch(word)}
    require(len(numbers) == 1 and len(devices) == 1)
    return CodeContent(
        standard="it-lottery",
        kind="fiscal",
        country="IT",
        tax_id=numbers.pop(),
        currency="EUR",
        identifiers={"device": devices.pop()},
    )
