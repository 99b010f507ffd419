"""Croatia: the verification URL of a fiscalized receipt.

Porezna uprava, "Fiskalizacija: tehnicka specifikacija za korisnike" 1.10, QR code: `jir` or `zki`, `datv` (time) and
`izn` (total). The total is in cents, without a separator; some tills print a comma.
"""

from __future__ import annotations

from gateway.codes.values import parse_amount, parse_moment, parse_url, require
from shared.contracts import CodeContent

_HOSTS = ("porezna.gov.hr", "www.porezna.gov.hr")
_EURO_SINCE = "2023-01-01"


def parse(text: str) -> CodeContent:
    """Return what a code says; raise `ValueError` if it is not of this standard."""
    require("porezna.gov.hr/" in text)
    url, parameters = parse_url(text)
    codes = {name: parameters[name][:60] for name in ("jir", "zki") if name in parameters}
    require(url.hostname in _HOSTS and bool(codes) and {"datv", "izn"} <= parameters.keys())
    day, time = parse_moment(parameters["datv"], "%Y%m%d_%H%M")
    return CodeContent(
        standard="hr-fiscal",
        kind="fiscal",
        country="HR",
        date=day,
        time=time,
        total=_parse_total(parameters["izn"]),
        currency="EUR" if day >= _EURO_SINCE else "HRK",
        identifiers=codes,
    )


def _parse_total(text: str) -> str:
    if "," in text or "." in text:
        return parse_amount(text, ",")
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    digits = digits.zfill(3)
    return parse_amount(f"{sign}{digits[:-2]}.{digits[-2:]}")
