"""Slovak payment code.

Slovak Banking Association, "PAY by square: specifications" 1.1.0: header, length, and LZMA data in the base 32 of RFC
4648 with the extended hex alphabet; in them a CRC-32 and fields divided by tabs.
"""

from __future__ import annotations

import lzma
import string
import zlib

from stdnum import iban

from gateway.codes.values import parse_amount, require
from shared.contracts import CodeContent

_ALPHABET = string.digits + string.ascii_uppercase[:22]
_BITS = 5
_MIN_CHARACTERS = 50
# Type, version, document type, reserved.
_HEADERS = (b"\x00\x00", b"\x01\x00")
_MAX_BYTES = 4_000
_FILTERS = [{"id": lzma.FILTER_LZMA1, "lc": 3, "lp": 0, "pb": 2, "dict_size": 128 * 1024}]
_AMOUNT, _CURRENCY, _SYMBOL, _MESSAGE, _ACCOUNTS, _IBAN = 3, 4, 6, 10, 11, 12


def parse(text: str) -> CodeContent:
    """Return what a code says; raise `ValueError` if it is not of this standard."""
    require(len(text) >= _MIN_CHARACTERS and set(text) <= set(_ALPHABET))
    fields = _decompress(_decode(text)).decode().split("\t")
    require(len(fields) > _IBAN and fields[_ACCOUNTS].isdigit() and iban.is_valid(fields[_IBAN]))
    identifiers = {"iban": fields[_IBAN], "variable_symbol": fields[_SYMBOL], "message": fields[_MESSAGE][:200]}
    return CodeContent(
        standard="sk-pay-by-square",
        kind="payment",
        seller=_find_beneficiary(fields),
        total=parse_amount(fields[_AMOUNT]) if fields[_AMOUNT] else None,
        currency=fields[_CURRENCY] or "EUR",
        identifiers={name: value for name, value in identifiers.items() if value},
    )


def _decode(text: str) -> bytes:
    bits = "".join(f"{_ALPHABET.index(character):0{_BITS}b}" for character in text)
    # What is left of the last character is padding.
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) - 7, 8))


def _decompress(data: bytes) -> bytes:
    header, length, packed = data[:2], int.from_bytes(data[2:4], "little"), data[4:]
    require(header in _HEADERS and 4 < length <= _MAX_BYTES)
    try:
        content = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_FILTERS).decompress(packed, max_length=length)
    except (lzma.LZMAError, EOFError) as error:
        raise ValueError("damaged") from error
    require(len(content) == length and zlib.crc32(content[4:]) == int.from_bytes(content[:4], "little"))
    return content[4:]


def _find_beneficiary(fields: list[str]) -> str | None:
    """Return the name after the accounts and the absent standing order and direct debit."""
    at = _IBAN + 2 * int(fields[_ACCOUNTS])
    is_plain = fields[at : at + 2] == ["0", "0"]
    return fields[at + 2] or None if is_plain and len(fields) > at + 2 else None
