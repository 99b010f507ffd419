"""Write fiscal codes; the modules of `gateway.codes.fiscal` name the specifications. Signatures are random."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, timedelta
from decimal import Decimal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from stdnum import luhn
from stdnum.br import cnpj
from stdnum.in_ import gstin
from stdnum.it import iva
from stdnum.pt import nif
from stdnum.sk import dph

from synthesis.codes.purchase import CodedPurchase

_GSTIN_STATE, _GSTIN_PAN = "27", "AAPFU0939F"
_BASE_36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def write_germany(purchase: CodedPurchase, rng: random.Random) -> str:
    """Write the code of a TSE."""
    amounts = _sort_by_rate(purchase, (19, 7, None, None, 0))
    utc = purchase.when.replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    data = f"Beleg^{'_'.join(map(str, amounts))}^{purchase.total}:Bar"
    start, end = (f"{moment:%Y-%m-%dT%H:%M:%S}.000Z" for moment in (utc - timedelta(seconds=9), utc))
    parts = ["V0", "955002-00", "Kassenbeleg-V1", data, "18", "112", start, end, "ecdsa-plain-SHA256", "unixTime"]
    return ";".join([*parts, _random_base64(rng, 64), _random_base64(rng, 65)])


def write_austria(purchase: CodedPurchase, rng: random.Random) -> str:
    """Write the code of the RKSV."""
    amounts = [str(amount).replace(".", ",") for amount in _sort_by_rate(purchase, (20, 10, 13, 0, 19))]
    parts = ["", "R1-AT1", "DEMO-CASH-BOX524", str(purchase.number), f"{purchase.when:%Y-%m-%dT%H:%M:%S}", *amounts]
    return "_".join([*parts, _random_base64(rng, 8), "6f3ac11d", _random_base64(rng, 8), _random_base64(rng, 64)])


def write_portugal(purchase: CodedPurchase, rng: random.Random) -> str:
    """Write the code with ATCUD, at rates of the mainland."""
    company = f"5{rng.randrange(10**7):07}"
    rows: dict[str, str] = {"I2": str(purchase.untaxed)} if purchase.untaxed else {}
    for first, rate in ((3, 6), (5, 13), (7, 23)):
        parts = [part for part in purchase.rated if _find_nearest(part.rate, (6, 13, 23)) == rate]
        if parts:
            rows[f"I{first}"] = str(sum((part.base for part in parts), Decimal(0)))
            rows[f"I{first + 1}"] = str(sum((part.tax for part in parts), Decimal(0)))
    fields = {
        "A": purchase.tax_id or company + nif.calc_check_digit(company),
        **{"B": "999999990", "C": "PT", "D": "FS", "E": "N", "F": f"{purchase.when:%Y%m%d}"},
        **{"G": f"FS 2024/{purchase.number}", "H": f"CSDF7T5H-{purchase.number}", "I1": "PT"},
        **rows,
        **{"N": str(purchase.tax), "O": str(purchase.total)},
        **{"Q": "hJ4k", "R": "9999"},
    }
    return "*".join(f"{key}:{value}" for key, value in fields.items())


def write_gulf(purchase: CodedPurchase, rng: random.Random) -> str:
    """Write the code of ZATCA of phase 1."""
    tax_id = purchase.tax_id or f"3{rng.randrange(10**13):013}3"
    values = [purchase.seller, tax_id, f"{purchase.when:%Y-%m-%dT%H:%M:%SZ}", str(purchase.total), str(purchase.tax)]
    data = b"".join(bytes([tag, len(value.encode())]) + value.encode() for tag, value in enumerate(values, start=1))
    return base64.b64encode(data).decode()


def write_india(purchase: CodedPurchase, rng: random.Random) -> str:
    """Write the signed code of an e-invoice."""
    invoice = {
        "SellerGstin": purchase.tax_id or _complete_gstin(f"{_GSTIN_STATE}{_GSTIN_PAN}1Z"),
        "BuyerGstin": _complete_gstin(f"29{_GSTIN_PAN}1Z"),
        "DocNo": f"INV-{purchase.number}",
        "DocTyp": "INV",
        "DocDt": f"{purchase.when:%d/%m/%Y}",
        "TotInvVal": float(purchase.total),
        "ItemCnt": 3,
        "MainHsnCode": "09024020",
        "Irn": rng.randbytes(32).hex(),
    }
    parts = [{"alg": "RS256", "typ": "JWT"}, {"data": json.dumps(invoice), "iss": "NIC"}]
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*texts, base64.urlsafe_b64encode(rng.randbytes(256)).decode().rstrip("=")])


def write_brazil(purchase: CodedPurchase, rng: random.Random) -> str:
    """Write the URL of an NFC-e that was issued offline."""
    root = f"{rng.randrange(10**8):08}0001"
    company = purchase.tax_id or root + cnpj.calc_check_digits(root)
    key = f"35{purchase.when:%y%m}{company}65001{purchase.number:09}9{rng.randrange(10**8):08}"
    weighted = sum(int(digit) * (2 + index % 8) for index, digit in enumerate(reversed(key)))
    digit = 11 - weighted % 11
    key += str(0 if digit > 9 else digit)
    fields = [key, "2", "1", f"{purchase.when:%d}", str(purchase.total), rng.randbytes(28).hex(), "1"]
    return f"https://www.fazenda.sp.gov.br/qrcode?p={'|'.join([*fields, rng.randbytes(20).hex().upper()])}"


def write_czechia(purchase: CodedPurchase, rng: random.Random) -> str:
    """Write the code of a registered sale."""
    hellers = int(purchase.total * 100)
    return f"140{purchase.when:%y%m%d%H%M}{rng.randrange(10**10):010}{rng.randrange(10**20):020}{hellers}"


def write_slovakia(purchase: CodedPurchase, rng: random.Random) -> str:
    """Write the code of an eKasa receipt that was issued offline."""
    first = rng.randrange(10**6)
    # One of eleven is valid.
    numbers = (f"202{number:07}" for number in range(first, first + 20))
    company = purchase.tax_id or next(number for number in numbers if dph.is_valid(number))
    okp = "-".join(rng.randbytes(4).hex() for _ in range(5))
    return f"{okp}:888{company}0001:{purchase.when:%y%m%d%H%M%S}:{purchase.number}:{purchase.total}"


def write_serbia(purchase: CodedPurchase, rng: random.Random) -> str:
    """Write the verification URL."""
    moment = purchase.when.replace(tzinfo=ZoneInfo("Europe/Belgrade"))
    head = struct.pack(
        "<B8s8sIIQ", 3, b"TEST1234", b"TEST1234", purchase.number, purchase.number, int(purchase.total * 10_000)
    )
    body = head + struct.pack(">QBB", int(moment.timestamp() * 1000), 0, 0) + b"\0" + rng.randbytes(256 + 256)
    data = body + hashlib.md5(body, usedforsecurity=False).digest()
    return f"https://suf.purs.gov.rs/v/?vl={quote(base64.b64encode(data).decode(), safe='')}"


def write_croatia(purchase: CodedPurchase, rng: random.Random) -> str:
    """Write the verification URL."""
    jir = rng.randbytes(16).hex()
    code = f"{jir[:8]}-{jir[8:12]}-{jir[12:16]}-{jir[16:20]}-{jir[20:]}"
    return f"https://porezna.gov.hr/rn?jir={code}&datv={purchase.when:%Y%m%d_%H%M}&izn={int(purchase.total * 100)}"


def write_italy(purchase: CodedPurchase, rng: random.Random) -> str:
    """Write what the code of the instant lottery must contain, in a layout of its own."""
    root = f"0{rng.randrange(10**6):06}058"
    company = purchase.tax_id or root + luhn.calc_check_digit(root)
    assert iva.is_valid(company)  # noqa: S101 - the number is built to be
    number = f"{purchase.number:08}"
    total = int(purchase.total * 100)
    return f"{company};99MEY{rng.randrange(10**6):06};{number[:4]}-{number[4:]};{total};{purchase.when:%d%m%Y%H%M}"


def _sort_by_rate(purchase: CodedPurchase, rates: Sequence[int | None]) -> list[Decimal]:
    """Return the gross amounts of the nearest of the rates, in their order; what is not taxed has the rate 0."""
    amounts = dict.fromkeys((rate for rate in rates if rate is not None), Decimal("0.00"))
    amounts[0] += purchase.untaxed
    for part in purchase.rated:
        amounts[_find_nearest(part.rate, tuple(amounts))] += part.gross
    return [Decimal("0.00") if rate is None else amounts[rate] for rate in rates]


def _find_nearest(rate: Decimal, rates: Sequence[int]) -> int:
    """Return the nearest rate: receipts may have those of other years."""
    return min(rates, key=lambda one: abs(one - rate))


def _complete_gstin(root: str) -> str:
    return next(root + digit for digit in _BASE_36 if gstin.is_valid(root + digit))


def _random_base64(rng: random.Random, count: int) -> str:
    return base64.b64encode(rng.randbytes(count)).decode()


FISCAL_WRITERS: dict[str, Callable[[CodedPurchase, random.Random], str]] = {
    "at-rksv": write_austria,
    "br-nfce": write_brazil,
    "cz-eet": write_czechia,
    "de-tse": write_germany,
    "gulf-zatca": write_gulf,
    "hr-fiscal": write_croatia,
    "in-gst": write_india,
    "it-lottery": write_italy,
    "pt-atcud": write_portugal,
    "rs-suf": write_serbia,
    "sk-ekasa": write_slovakia,
}
"""By the name of the standard."""
