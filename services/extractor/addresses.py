"""Addresses as fields, with their parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from shared.contracts import AddressField, ReceiptField
from shared.normalization import infer_country
from shared.normalization.addresses import split_address


def build_address(
    field: ReceiptField, lines: Sequence[str], receipt_text: str, default_country: str | None
) -> AddressField:
    """Build an address with its street, postal code, city and country.

    Args:
        field: The address.
        lines: Its lines, as far as they are known; otherwise the value.
        receipt_text: Text of the receipt, a line per row, which tells the country.
        default_country: ISO 3166 code of the country to assume if the receipt does not tell.
    """
    country = infer_country(receipt_text, default_country).code
    return AddressField(**field.model_dump(), **asdict(split_address(lines, country)))
