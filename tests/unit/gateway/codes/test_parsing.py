"""What fiscal and payment codes say."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import pytest

from gateway.codes.parsing import parse_code
from shared.contracts import CodeContent
from synthesis.codes.fiscal import FISCAL_WRITERS
from synthesis.codes.payment import PAYMENT_WRITERS, make_iban
from synthesis.codes.purchase import CodedPurchase, RatedAmount, make_purchase

WRITERS = FISCAL_WRITERS | PAYMENT_WRITERS
# Codes that do not contain the date or the total.
WITHOUT_DATE = {"it-lottery", "epc069-12", "cz-spayd", "in-upi", "sk-pay-by-square"}
WITHOUT_TOTAL = {"it-lottery"}
CURRENCIES = {
    **{"at-rksv": "EUR", "br-nfce": "BRL", "cz-eet": "CZK", "de-tse": "EUR", "gulf-zatca": "SAR", "hr-fiscal": "EUR"},
    **{"in-gst": "INR", "it-lottery": "EUR", "pt-atcud": "EUR", "rs-suf": "RSD", "sk-ekasa": "EUR"},
    **{"ch-qr-bill": "CHF", "cz-spayd": "CZK", "epc069-12": "EUR", "in-upi": "INR", "sk-pay-by-square": "EUR"},
}


@pytest.mark.parametrize("name", WRITERS)
def test_reads_what_was_written(name: str) -> None:
    rng = random.Random(name)
    for _ in range(20):
        purchase = make_purchase(rng)
        content = parse(WRITERS[name](purchase, rng))
        assert (content.standard, content.currency) == (name, CURRENCIES[name])
        assert content.kind == ("fiscal" if name in FISCAL_WRITERS else "payment")
        stated = None if content.total is None else Decimal(content.total)
        assert stated == (None if name in WITHOUT_TOTAL else purchase.total)
        assert content.date == (None if name in WITHOUT_DATE else f"{purchase.when:%Y-%m-%d}")
        assert content.time in (None, f"{purchase.when:%H:%M:%S}")


def test_reads_several_rates() -> None:
    parts = (
        RatedAmount(Decimal(20), Decimal("10.00"), Decimal("2.00")),
        RatedAmount(Decimal(10), Decimal("5.00"), Decimal("0.50")),
    )
    purchase = CodedPurchase("Shop", 17, datetime(2025, 4, 3, 12), Decimal("18.50"), parts=parts)
    content = parse(WRITERS["at-rksv"](purchase, random.Random(1)))
    assert content.total == "18.50"
    assert {tax.rate: tax.gross for tax in content.taxes} == {"20": "12.00", "10": "5.50", "0": "1.00"}
    content = parse(WRITERS["pt-atcud"](purchase, random.Random(1)))
    assert [(tax.rate, tax.base, tax.amount) for tax in content.taxes] == [
        ("0", "1.00", "0"),
        ("13", "5.00", "0.50"),
        ("23", "10.00", "2.00"),
    ]
    assert content.tax == "2.50"


@pytest.mark.parametrize("name", WRITERS)
def test_damaged_codes_are_never_an_error(name: str) -> None:
    rng = random.Random(name)
    text = WRITERS[name](make_purchase(rng), rng)
    for _ in range(100):
        content = parse_code(_damage(text, rng))
        assert content is None or isinstance(content, CodeContent)
    for end in range(0, len(text), max(1, len(text) // 60)):
        parse_code(text[:end])


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "\0",
            "V0;",
            "_R1-AT",
            "A:",
            "SPC",
            "BCD",
            "SPD*1.0*",
            "SID*1.0*",
            "EET*1.0*",
            "upi://pay?",
            "ey...",
        ),
        *("https://suf.purs.gov.rs/v/?vl=", "https://porezna.gov.hr/rn?jir=&datv=&izn=", "https://[::1", "O-"),
        "e30." + "W1tb" * 1_900 + ".x",  # deeply nested JSON
        "0" * 7_999,
        "9" * 8_001,
        "https://example.com/?" + "a=1&" * 1_000,
        "https://example.com/receipt/1",
        "4006381333931",
        "١٢٣٤٥٦٧٨",
    ],
)
def test_other_codes_say_nothing(text: str) -> None:
    assert parse_code(text) is None


def test_reads_the_example_of_the_austrian_ordinance() -> None:
    content = parse(
        "_R1-AT1_DEMO-CASH-BOX524_366587_2015-12-17T11:23:44_34,85_10,00_0,00_5,00_0,00_0oSVXqtXw+4=_6f3ac11d"
        "_HSB4k8KLF4Y=_Zn5kBtZpx1HFRZ6Rl9CIYH8Kqj7t4t3hTgJHwyTmHbBJd1pyhOKiYdu8xOxVn7M5V8rXIO5NNfDJTHB5rQbQCw=="
    )
    assert (content.total, content.receipt_number, content.date) == ("49.85", "366587", "2015-12-17")
    assert [(tax.rate, tax.gross) for tax in content.taxes] == [("20", "34.85"), ("10", "10.00"), ("0", "5.00")]


def test_reads_the_example_of_the_german_specification() -> None:
    content = parse(
        "V0;955002-00;Kassenbeleg-V1;Beleg^0.00_2.55_0.00_0.00_0.00^2.55:Bar;18;112;2019-07-10T18:41:04.000Z;"
        "2019-07-10T18:41:04.000Z;ecdsa-plain-SHA256;unixTime;MEQCIAy4P9k+7x9saDO0uRZ4El8QwN+qTgYiv1DIaJIM;"
        "BHhWOeisRpPBTGQ1W4VUH95TXx2GARf8e2NYZXJoInjtGqnxJ8sZ3CQpYgjI+LYEmW5A37sLWHsyU7nSJUBemyU="
    )
    assert (content.total, content.date, content.time) == ("2.55", "2019-07-10", "20:41:04")
    assert [(tax.rate, tax.gross) for tax in content.taxes] == [("7", "2.55")]


def test_training_receipts_have_no_total() -> None:
    rng = random.Random(1)
    purchase = make_purchase(rng)
    austrian = FISCAL_WRITERS["at-rksv"](purchase, rng).split("_")
    austrian[10] = "VFJB"
    assert parse("_".join(austrian)).total is None
    german = FISCAL_WRITERS["de-tse"](purchase, rng).replace("Beleg^", "AVTraining^")
    assert parse(german).total is None


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("pt-atcud", lambda text: text.replace("A:5", "A:6", 1)),
        ("br-nfce", lambda text: text.replace("|2|1|", "1|2|1|", 1)),
        ("rs-suf", lambda text: text.replace("vl=A", "vl=B", 1)),
        ("in-gst", lambda text: text.replace(".", ".A", 1)),
        ("epc069-12", lambda text: text.replace("DE", "AT", 1)),
    ],
)
def test_checksums_are_checked(name: str, change: Callable[[str], str]) -> None:
    rng = random.Random(name)
    text = WRITERS[name](make_purchase(rng), rng)
    assert change(text) != text
    assert parse_code(change(text)) is None


def test_reads_a_payment_code_with_an_invoice() -> None:
    content = parse(
        f"SPD*1.0*ACC:{make_iban('CZ', '01000000000000000123')}*AM:61189.00*CC:CZK*X-VS:2001401154*"
        "X-INV:SID%2A1.0%2AID:2001401154%2ADD:20140404%2AVII:CZ25568736%2ATB0:50570.24%2AT0:10618.76"
    )
    assert (content.standard, content.total, content.date) == ("cz-qr-invoice", "61189.00", "2014-04-04")
    assert (content.receipt_number, content.tax_id, content.tax) == ("2001401154", "CZ25568736", "10618.76")


def test_reads_other_forms() -> None:
    assert parse("O-7DBCDA8A56EE426DBCDA8A56EE426D1A").identifiers == {
        "receipt_id": "O-7DBCDA8A56EE426DBCDA8A56EE426D1A"
    }
    croatian = "https://porezna.gov.hr/rn?zki=3a9f&datv=20221231_1200&izn="
    assert (parse(croatian + "1000,50").total, parse(croatian + "7").total) == ("1000.50", "0.07")
    assert parse(croatian + "700").currency == "HRK"
    eet = parse("EET*1.0*FIK:B3A09B52-7C87-4014-9FC3-0000*DIC:CZ7900110063*KC:34113.00*DT:201705061401*R:B")
    assert (eet.total, eet.date, eet.tax_id) == ("34113.00", "2017-05-06", "CZ7900110063")


def test_swiss_bill_gives_the_invoice() -> None:
    rng = random.Random(3)
    purchase = CodedPurchase("Muster AG", 12345, make_purchase(rng).when, make_purchase(rng).total)
    content = parse(PAYMENT_WRITERS["ch-qr-bill"](purchase, rng))
    assert (content.seller, content.address) == ("Muster AG", "Main Street 1 1, 8000 Zürich")
    assert (content.tax_id, content.receipt_number) == ("CHE107787577", "12345")
    assert [(tax.rate, tax.base) for tax in content.taxes] == [("8.1", str(purchase.base))]


def parse(text: str) -> CodeContent:
    content = parse_code(text)
    assert content is not None
    return content


def _damage(text: str, rng: random.Random) -> str:
    """Return a text with one to four characters replaced, removed, doubled or inserted."""
    characters = list(text)
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(characters))
        kind = rng.randrange(4)
        if kind == 0:
            characters[at] = rng.choice("0;_*:/\\\n\0%|.-é٣\ud800" + text)
        elif kind == 1 and len(characters) > 1:
            del characters[at]
        elif kind == 2:
            characters[at:at] = characters[at : at + rng.randrange(40)]
        else:
            characters.insert(at, rng.choice("0;_*:/\\\n\0%|.-é٣" + text))
    return "".join(characters)
