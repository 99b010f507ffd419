"""Codes on the receipts of `synthesis.world`, which say what is printed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from stdnum.br import cnpj
from stdnum.in_ import gstin
from stdnum.it import iva
from stdnum.pt import nif
from stdnum.sk import dph

from synthesis.codes.fiscal import FISCAL_WRITERS
from synthesis.codes.payment import PAYMENT_WRITERS
from synthesis.codes.purchase import CENT, CodedPurchase, RatedAmount
from synthesis.world.receipt import WorldReceipt

STANDARDS: dict[str, tuple[str, ...]] = {
    **{"AT": ("at-rksv",), "BR": ("br-nfce",), "CH": ("ch-qr-bill",), "CZ": ("cz-eet", "cz-spayd"), "DE": ("de-tse",)},
    **{"HR": ("hr-fiscal",), "IN": ("in-gst", "in-upi"), "IT": ("it-lottery",), "PT": ("pt-atcud",)},
    **{"SA": ("gulf-zatca",), "SK": ("sk-ekasa", "sk-pay-by-square")},
    **dict.fromkeys(("BE", "FI", "NL"), ("epc069-12",)),
}
"""What receipts of a country (ISO 3166) print, by the names of the standards."""

_WRITERS = FISCAL_WRITERS | PAYMENT_WRITERS
_GULF_TAX_ID = re.compile(r"(?a)3\d{13}3")
# Whether a tax number is of the kind that a standard needs.
_TAX_IDS: dict[str, Callable[[str], bool]] = {
    "br-nfce": cnpj.is_valid,
    "gulf-zatca": lambda number: _GULF_TAX_ID.fullmatch(number) is not None,
    "in-gst": gstin.is_valid,
    "it-lottery": iva.is_valid,
    "pt-atcud": nif.is_valid,
    "sk-ekasa": dph.is_valid,
}
# The narrowest field, of the Italian standard, has eight digits.
_NUMBER_DIGITS = 8


@dataclass(frozen=True)
class WorldCode:
    """A code of a receipt.

    Attributes:
        standard: Its standard.
        text: What it says.
        purchase: The facts in it.
    """

    standard: str
    text: str
    purchase: CodedPurchase


def write_code(receipt: WorldReceipt, rng: random.Random) -> WorldCode | None:
    """Write a code of a receipt; None in countries without codes, and for a return."""
    standards = STANDARDS.get(receipt.country, ())
    if not standards or receipt.purchase.total <= 0:
        return None
    standard = rng.choice(standards)
    purchase = _describe(receipt, standard, rng)
    return WorldCode(standard, _WRITERS[standard](purchase, rng), purchase)


def _describe(receipt: WorldReceipt, standard: str, rng: random.Random) -> CodedPurchase:
    bought = receipt.purchase
    parts = tuple(RatedAmount(tax.rate, tax.base.quantize(CENT), tax.amount.quantize(CENT)) for tax in bought.taxes)
    # Several taxes on the same amount are one rate to a till.
    if len(parts) > 1 and sum((part.gross for part in parts), Decimal(0)) > bought.total:
        tax = sum((part.tax for part in parts), Decimal(0))
        parts = (RatedAmount(sum((part.rate for part in parts), Decimal(0)), bought.total - tax, tax),)
    rate = parts[0].rate if parts else Decimal(0)
    return CodedPurchase(
        seller=receipt.merchant.legal_name or receipt.merchant.name,
        number=_find_number(receipt) or rng.randrange(10_000, 99_999),
        when=receipt.moment,
        total=bought.total.quantize(CENT),
        rate=rate,
        parts=parts,
        tax_id=_find_tax_id(receipt, standard),
    )


def _find_number(receipt: WorldReceipt) -> int | None:
    """Return the last digits of the printed number, if it has any."""
    kinds = (piece for row in receipt.page.rows for cell in row.cells for piece in cell.pieces)
    text = next((piece.text for piece in kinds if piece.kind == "receipt_number"), "")
    digits = "".join(one for one in text if one.isascii() and one.isdigit())[-_NUMBER_DIGITS:]
    return int(digits) if digits and int(digits) else None


def _find_tax_id(receipt: WorldReceipt, standard: str) -> str:
    """Return the printed tax number that a standard needs; "" if none is printed."""
    is_valid = _TAX_IDS.get(standard)
    if is_valid is None:
        return ""
    numbers = (re.sub(r"[^0-9A-Z]", "", number) for _, number in receipt.merchant.tax_ids)
    plain = (number.removeprefix("SK") for number in numbers)
    return next((number for number in plain if is_valid(number)), "")
