"""Austria: the machine-readable code of the cash register ordinance.

RKSV (BGBl. II 410/2015), annex, sections 10 to 14: fields divided by underscores, amounts per rate including tax, with
a comma. Registers without a certificate name the company instead.
"""

from __future__ import annotations

from decimal import Decimal

from stdnum.at import uid

from gateway.codes.values import add_amounts, parse_amount, parse_moment, require
from shared.contracts import CodeContent, CodeTax

_FIELDS_AFTER_REGISTER = 11
# Normal, reduced 1, reduced 2, zero; the special one has had several rates.
_RATES = ("20", "10", "13", "0", None)
# "TRA" in base64, in place of the encrypted turnover: a receipt for training.
_TRAINING = "VFJB"


def parse(text: str) -> CodeContent:
    """Return what a code says; raise `ValueError` if it is not of this standard."""
    require(text.startswith("_R1-AT"))
    _, suite, *rest = text.split("_")
    require(len(rest) > _FIELDS_AFTER_REGISTER)
    register = "_".join(rest[:-_FIELDS_AFTER_REGISTER])
    number, moment, *amounts, turnover, certificate, _, _ = rest[-_FIELDS_AFTER_REGISTER:]
    gross = [parse_amount(amount, ",") for amount in amounts]
    require(len(gross) == len(_RATES))
    day, time = parse_moment(moment, "%Y-%m-%dT%H:%M:%S")
    is_training = turnover == _TRAINING
    return CodeContent(
        standard="at-rksv",
        kind="fiscal",
        country="AT",
        tax_id=_find_tax_id(certificate),
        receipt_number=number,
        date=day,
        time=time,
        total=None if is_training else add_amounts(gross),
        currency="EUR",
        taxes=[CodeTax(rate=rate, gross=amount) for rate, amount in zip(_RATES, gross, strict=True) if Decimal(amount)],
        identifiers={"register": register[:200], "suite": suite[:20]},
    )


def _find_tax_id(certificate: str) -> str | None:
    """Return the VAT number in `U:ATU12345675-01`; None if the register has a certificate."""
    kind, _, company = certificate.partition(":")
    number = company.partition("-")[0]
    return number if kind == "U" and uid.is_valid(number) else None
