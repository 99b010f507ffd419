"""Write payment codes; the modules of `gateway.codes.payment` name the specifications."""

from __future__ import annotations

import lzma
import random
import string
import zlib
from collections.abc import Callable
from urllib.parse import quote

from synthesis.codes.purchase import CodedPurchase

_ALPHABET = string.digits + string.ascii_uppercase[:22]
_FILTERS = [{"id": lzma.FILTER_LZMA1, "lc": 3, "lp": 0, "pb": 2, "dict_size": 128 * 1024}]
_STREET, _TOWN = "Main Street 1", "Sampletown"


def write_epc(purchase: CodedPurchase, rng: random.Random) -> str:
    """Write a Girocode."""
    account = make_iban("DE", f"{rng.randrange(10**18):018}")
    lines = [
        "BCD",
        "002",
        "1",
        "SCT",
        "",
        purchase.seller,
        account,
        f"EUR{purchase.total}",
        "",
        "",
        _describe(purchase),
    ]
    return "\n".join(lines)


def write_swiss_bill(purchase: CodedPurchase, rng: random.Random) -> str:
    """Write a Swiss QR-bill with billing information."""
    account = make_iban("CH", f"{rng.randrange(10**17):017}")
    creditor = ["S", purchase.seller, _STREET, "1", "8000", "Zürich", "CH"]
    billing = f"//S1/10/{purchase.number}/11/{purchase.when:%y%m%d}/30/107787577/32/8.1:{purchase.base}"
    lines = ["SPC", "0200", "1", account, *creditor, *[""] * 7, str(purchase.total), "CHF", *[""] * 7]
    return "\n".join([*lines, "NON", "", _describe(purchase), "EPD", billing])


def write_spayd(purchase: CodedPurchase, rng: random.Random) -> str:
    """Write a short payment descriptor."""
    account = make_iban("CZ", f"{rng.randrange(10**20):020}")
    return f"SPD*1.0*ACC:{account}*AM:{purchase.total}*CC:CZK*RN:{purchase.seller.upper()}*X-VS:{purchase.number}"


def write_pay_by_square(purchase: CodedPurchase, rng: random.Random) -> str:
    """Write a PAY by square."""
    account = make_iban("SK", f"{rng.randrange(10**20):020}")
    fields = ["", "1", "1", str(purchase.total), "EUR", f"{purchase.when:%Y%m%d}", str(purchase.number), "", "", ""]
    fields += [_describe(purchase), "1", account, "", "0", "0", purchase.seller, _STREET, _TOWN]
    content = "\t".join(fields).encode()
    content = zlib.crc32(content).to_bytes(4, "little") + content
    packed = lzma.compress(content, lzma.FORMAT_RAW, filters=_FILTERS)
    data = b"\0\0" + len(content).to_bytes(2, "little") + packed
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    return "".join(_ALPHABET[int(bits[at : at + 5], 2)] for at in range(0, len(bits), 5))


def write_upi(purchase: CodedPurchase, rng: random.Random) -> str:
    """Write a payment link."""
    payee = f"shop{rng.randrange(1000)}@bank"
    return f"upi://pay?pa={payee}&pn={quote(purchase.seller)}&am={purchase.total}&cu=INR&tr={purchase.number}"


def make_iban(country: str, account: str) -> str:
    """Return an IBAN (ISO 13616) of an account."""
    digits = "".join(str(int(character, 36)) for character in f"{account}{country}00")
    return f"{country}{98 - int(digits) % 97:02}{account}"


def _describe(purchase: CodedPurchase) -> str:
    return f"Invoice {purchase.number}"


PAYMENT_WRITERS: dict[str, Callable[[CodedPurchase, random.Random], str]] = {
    "ch-qr-bill": write_swiss_bill,
    "cz-spayd": write_spayd,
    "epc069-12": write_epc,
    "in-upi": write_upi,
    "sk-pay-by-square": write_pay_by_square,
}
"""By the name of the standard."""
