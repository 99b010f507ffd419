"""Brazil: the QR codes of NFC-e (consumer invoice) and CF-e SAT (fiscal coupon of Sao Paulo).

SEFAZ, "Manual de especificacoes tecnicas do DANFE NFC-e e QR Code" 5.0 and NT 2025.001: a URL whose parameter `p` (or
`chNFe`, version 1) begins with the access key. It has the day and the total only for receipts issued offline. SEFAZ-SP,
"Especificacao de requisitos do SAT" 2.24: key, time and total divided by bars.

The access key has the state, year and month, the CNPJ of the seller, which may have letters, and a check digit.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from stdnum.br import cnpj, cpf

from gateway.codes.values import parse_amount, parse_date, parse_moment, parse_url, require
from shared.contracts import CodeContent

_KEY = re.compile(r"(?a)\d{6}[A-Z\d]{12}\d{26}")
_NFCE, _CFE = "65", "59"
_TEST_ENVIRONMENT = "2"


def parse(text: str) -> CodeContent:
    """Return what a code says; raise `ValueError` if it is of neither standard."""
    if "://" not in text:
        return _parse_cfe(text)
    _, parameters = parse_url(text)
    if "p" in parameters:
        key, *rest = unquote(parameters["p"]).split("|")
        # Version, environment; if issued offline, the day of the month and the total.
        is_test = rest[1:2] == [_TEST_ENVIRONMENT]
        day, total = (rest[2], rest[3]) if len(rest) > 4 else (None, None)
    else:
        key, total = parameters.get("chNFe", ""), parameters.get("vNF")
        is_test, day = parameters.get("tpAmb") == _TEST_ENVIRONMENT, None
    _check_key(key, _NFCE)
    return CodeContent(
        standard="br-nfce",
        kind="fiscal",
        country="BR",
        tax_id=_find_tax_id(key),
        receipt_number=str(int(key[25:34])),
        date=None if day is None else parse_date(f"20{key[2:6]}{day.zfill(2)}", "%Y%m%d"),
        total=None if total is None or is_test else parse_amount(total),
        currency="BRL",
        identifiers={"access_key": key, "series": str(int(key[22:25]))},
    )


def _parse_cfe(text: str) -> CodeContent:
    key, moment, total, *rest = text.removeprefix("CFe").split("|")
    require(len(rest) == 2)
    _check_key(key, _CFE)
    day, time = parse_moment(moment, "%Y%m%d%H%M%S")
    return CodeContent(
        standard="br-cfe",
        kind="fiscal",
        country="BR",
        tax_id=_find_tax_id(key),
        receipt_number=str(int(key[31:37])),
        date=day,
        time=time,
        total=parse_amount(total),
        currency="BRL",
        identifiers={"access_key": key, "device": key[22:31]},
    )


def _check_key(key: str, model: str) -> None:
    require(_KEY.fullmatch(key) is not None and key[20:22] == model)
    # Modulo 11 with weights 2 to 9 from the right; a letter counts as its code less that of zero.
    weighted = sum((ord(character) - 48) * (2 + index % 8) for index, character in enumerate(reversed(key[:-1])))
    digit = 11 - weighted % 11
    require(key[-1] == str(0 if digit > 9 else digit))


def _find_tax_id(key: str) -> str | None:
    """Return the CNPJ of a company, or the CPF of a person, in an access key."""
    company = key[6:20]
    if cnpj.is_valid(company):
        return company
    return company[3:] if cpf.is_valid(company[3:]) else None
