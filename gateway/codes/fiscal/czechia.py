"""Czechia: the QR code of a registered sale (EET, until 2022), and the short invoice descriptor ("QR Faktura").

Ministry of Finance, "Specifikace QR kodu" for the receipt lottery: version 1 has digits only; an earlier form has pairs
(`EET*1.0*FIK:...`). Czech Banking Association, "QR Faktura: Short Invoice Descriptor" 1.0 (`SID*1.0*`); it may also be
inside a payment code, see `gateway.codes.payment.spayd`.
"""

from __future__ import annotations

import re

from gateway.codes.values import add_amounts, parse_amount, parse_date, parse_moment, parse_pairs, require
from shared.contracts import CodeContent, CodeTax

# Which code follows (1: FIK, 2: BKP), kind of sale, time, tax number without CZ, the code shortened, hellers.
_DIGITS = re.compile(r"(?a)(?P<kind>[12]4)[01](?P<time>\d{10})(?P<id>\d{10})(?P<code>\d{20})(?P<total>\d{1,12})")
# Base and tax at the basic, first and second reduced rate.
_RATES = (("TB0", "T0"), ("TB1", "T1"), ("TB2", "T2"))


def parse(text: str) -> CodeContent:
    """Return what a code says; raise `ValueError` if it is of none of these standards."""
    if text.startswith("SID*1.0*"):
        return parse_invoice(text)
    if text.startswith("EET*1.0*"):
        return _parse_eet_pairs(text)
    match = _DIGITS.fullmatch(text)
    require(match is not None)
    assert match is not None  # noqa: S101 - for the type checker
    day, time = parse_moment(match["time"], "%y%m%d%H%M")
    hellers = match["total"].zfill(3)
    return CodeContent(
        standard="cz-eet",
        kind="fiscal",
        country="CZ",
        date=day,
        time=time,
        total=parse_amount(f"{hellers[:-2]}.{hellers[-2:]}"),
        currency="CZK",
        identifiers={"fik" if match["kind"] == "14" else "bkp": match["code"]},
    )


def parse_invoice(text: str) -> CodeContent:
    """Return what a short invoice descriptor says; raise `ValueError` if it is none."""
    fields = parse_pairs(part for part in text.removeprefix("SID*1.0*").split("*") if part)
    require({"ID", "DD", "AM"} <= fields.keys())
    rows = [(fields[base], fields[tax]) for base, tax in _RATES if base in fields and tax in fields]
    taxes = [CodeTax(base=parse_amount(base), amount=parse_amount(tax)) for base, tax in rows]
    return CodeContent(
        standard="cz-qr-invoice",
        kind="fiscal",
        country="CZ",
        tax_id=fields.get("VII") or fields.get("INI"),
        receipt_number=fields["ID"],
        date=parse_date(fields["DD"], "%Y%m%d"),
        total=parse_amount(fields["AM"]),
        currency=fields.get("CC", "CZK"),
        tax=add_amounts(row.amount for row in taxes if row.amount) if taxes else None,
        taxes=taxes,
    )


def _parse_eet_pairs(text: str) -> CodeContent:
    fields = parse_pairs(part for part in text.removeprefix("EET*1.0*").split("*") if part)
    require("KC" in fields and "DT" in fields and ("FIK" in fields or "BKP" in fields))
    day, time = parse_moment(fields["DT"], "%Y%m%d%H%M")
    return CodeContent(
        standard="cz-eet",
        kind="fiscal",
        country="CZ",
        tax_id=fields.get("DIC"),
        date=day,
        time=time,
        total=parse_amount(fields["KC"]),
        currency="CZK",
        identifiers={key.lower(): fields[key][:60] for key in ("FIK", "BKP") if key in fields},
    )
