"""Germany: the QR code of a technical security system (TSE) on a till receipt.

KassenSichV section 6; DSFinV-K 2.3, annex I, "QR-Code": fields divided by semicolons, amounts per rate including tax.
Neither the seller nor the tax is in it.
"""

from __future__ import annotations

from decimal import Decimal

from gateway.codes.values import add_amounts, from_unix_time, parse_amount, parse_utc, require
from shared.contracts import CodeContent, CodeTax

_ZONE = "Europe/Berlin"
_FIELDS_AFTER_DATA = 8
# General, reduced, two average rates of agriculture, which have changed often, and none.
_RATES = ("19", "7", None, None, "0")
_RATES_IN_2020 = ("16", "5", None, None, "0")
_LOWERED = ("2020-07-01", "2020-12-31")
# Kinds of process in which something was sold; orders, transfers and training are none.
_SALES = ("Beleg", "AVRechnung", "AVBelegstorno", "AVSachbezug")


def parse(text: str) -> CodeContent:
    """Return what a code says; raise `ValueError` if it is not of this standard."""
    require(text.startswith("V0;"))
    version, register, process, *rest = text.split(";")
    require(len(rest) > _FIELDS_AFTER_DATA and version == "V0")
    data = ";".join(rest[:-_FIELDS_AFTER_DATA])
    transaction, counter, start, end, *_ = rest[-_FIELDS_AFTER_DATA:]
    day, time = _parse_time(end or start)
    content = CodeContent(
        standard="de-tse",
        kind="fiscal",
        country="DE",
        date=day,
        time=time,
        identifiers={"register": register[:200], "transaction": transaction[:50], "signature_counter": counter[:50]},
    )
    if process != "Kassenbeleg-V1":
        return content
    kind, amounts, _ = data.split("^")
    if kind not in _SALES:
        return content
    gross = [parse_amount(amount) for amount in amounts.split("_")]
    require(len(gross) == len(_RATES))
    rates = _RATES_IN_2020 if _LOWERED[0] <= day <= _LOWERED[1] else _RATES
    taxes = [CodeTax(rate=rate, gross=amount) for rate, amount in zip(rates, gross, strict=True) if Decimal(amount)]
    return content.model_copy(update={"total": add_amounts(gross), "currency": "EUR", "taxes": taxes})


def _parse_time(text: str) -> tuple[str, str]:
    if text.isascii() and text.isdigit() and len(text) <= 10:
        return from_unix_time(int(text), _ZONE)
    return parse_utc(text, _ZONE)
