"""Amounts in the forms of all countries."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shared.normalization import find_amounts, infer_number_format, parse_amount


@pytest.mark.parametrize(
    ("text", "printed", "amount", "sign"),
    [
        ("9.00", "9.00", "9.00", ""),
        ("RM9.00", "RM9.00", "9.00", "RM"),
        ("RM 9.00", "RM 9.00", "9.00", "RM"),
        ("$4.40", "$4.40", "4.40", "$"),
        ("TOTAL 1,234.50", "1,234.50", "1234.50", ""),
        ("1.234,50 €", "1.234,50 €", "1234.50", "€"),
        ("27,38€", "27,38€", "27.38", "€"),
        ("27.38 EUR", "27.38 EUR", "27.38", "EUR"),
        ("€12,50", "€12,50", "12.50", "€"),
        ("£3.20", "£3.20", "3.20", "£"),
        ("1 234,50", "1 234,50", "1234.50", ""),
        ("MYR 15.00", "MYR 15.00", "15.00", "MYR"),
        ("-3.20", "-3.20", "-3.20", ""),
        ("RM-0.02", "RM-0.02", "-0.02", "RM"),
        ("75.00SR", "75.00", "75.00", ""),
        ("12 . 50", "12 . 50", "12.50", ""),
        ("us$ 8.15", "us$ 8.15", "8.15", "US$"),
        ("1,234,567.89", "1,234,567.89", "1234567.89", ""),
    ],
)
def test_amounts_are_found_and_read(text: str, printed: str, amount: str, sign: str) -> None:
    (match,) = find_amounts(text)
    assert (match.text, match.amount, match.sign) == (printed, Decimal(amount), sign)
    assert text[match.start : match.end] == printed
    assert text[match.number_start : match.end].lstrip("-")[0].isdigit()


@pytest.mark.parametrize(
    "text", ["", "6.00%", "GST 6.00 %", "25.12.2018", "10:25.30", "9.000", "100", "TEL 03.12345678", f"{10**15}.00"]
)
def test_what_is_no_amount_is_not_found(text: str) -> None:
    assert find_amounts(text) == []


def test_a_number_without_decimals_needs_a_currency_sign() -> None:
    assert parse_amount("15") is None
    assert parse_amount("RM 15") == Decimal(15)
    assert parse_amount("£1,200") == Decimal(1200)
    assert parse_amount("2 X 3.50 = 7.00") == Decimal("3.50")


@pytest.mark.parametrize(
    ("text", "printed", "amount", "sign"),
    [
        ("1'234.50", "1'234.50", "1234.50", ""),
        ("CHF 1’234.50", "CHF 1’234.50", "1234.50", "CHF"),
        ("CHF 1‘234.50", "CHF 1‘234.50", "1234.50", "CHF"),
        ("1,23,456.00", "1,23,456.00", "123456.00", ""),
        ("10.50-", "10.50-", "-10.50", ""),
        ("(10.50)", "(10.50)", "-10.50", ""),
        ("-$10.50", "-$10.50", "-10.50", "$"),
        ("EUR 0,25-", "EUR 0,25-", "-0.25", "EUR"),
        ("R$ 44,99", "R$ 44,99", "44.99", "R$"),
        ("Rs.594.00", "Rs.594.00", "594.00", "RS"),
        ("Rs. 594", "Rs. 594", "594", "RS"),
        ("45,00 kr", "45,00 kr", "45.00", "KR"),
        ("12,50 zł", "12,50 zł", "12.50", "ZŁ"),
        ("1 290 Ft", "1 290 Ft", "1290", "FT"),
        ("150 Kč", "150 Kč", "150", "KČ"),
        ("45 TL", "45 TL", "45", "TL"),
        ("R10.50", "R10.50", "10.50", "R"),
        ("Rp 75.400", "Rp 75.400", "75400", "RP"),
        ("¥1280", "¥1280", "1280", "¥"),
        ("150.000 đ", "150.000 đ", "150000", "Đ"),
        ("40.00 USD", "40.00 USD", "40.00", "USD"),
        ("40,- kr", "40,- kr", "40", "KR"),
        ("1,99 A", "1,99", "1.99", ""),
        ("2 150.00", "150.00", "150.00", ""),
        ("2X3.50", "3.50", "3.50", ""),
        ("1' 234.50", "1' 234.50", "1234.50", ""),
        ("Dh313.00", "Dh313.00", "313.00", "DH"),
        ("WON60,800", "WON60,800", "60800", "WON"),
        ("RON86.20", "RON86.20", "86.20", "RON"),
        ("71,90:-", "71,90:-", "71.90", ""),
        ("71:-", "71:-", "71", ""),
    ],
)
def test_finds_amounts_of_every_country(text: str, printed: str, amount: str, sign: str) -> None:
    (match,) = find_amounts(text)
    assert (match.text, match.amount, match.sign) == (printed, Decimal(amount), sign)
    assert text[match.start : match.end] == printed


@pytest.mark.parametrize(
    "text",
    ["0,482 kg", "RON 95", "SDN BHD 1110644-W", "LOT R1", "P6150", "K3-113", "A12.34", "No.187", "RON95", "10:-5"],
)
def test_codes_weights_and_octane_numbers_are_not_amounts(text: str) -> None:
    assert find_amounts(text) == []


@pytest.mark.parametrize(
    ("text", "digits", "amounts"),
    [
        ("NASI GORENG 15.000\nTOTAL 75.400", 0, ["15000", "75400"]),
        ("TOTAL ¥1280", 0, ["1280"]),
        ("PHO 45,000\nTOTAL 1,045,000", 0, ["45000", "1045000"]),
        ("BREAD 1.20\nBREAD 1.000\nTOTAL 2.20", 2, ["1.20", "2.20"]),
        ("MILK 1,20\nTOTAL 1.234,50", 2, ["1.20", "1234.50"]),
        ("TAX $104.40\nTOTAL $120339", 2, ["104.40"]),
        ("TIP $5\nTOTAL $15.00", 2, ["5", "15.00"]),
        ("KD 1,234.500\n2.250", 3, ["1234.500", "2.250"]),
        ("TOTAL 117720Đ", 0, ["117720"]),
        ("BUDAPEST\nKENYÉR C00 450\nÖSSZESEN 1 250", 0, ["450", "1250"]),
        ("PPN 10%\nNASI GORENG 15000\nTUNAI 20000", 0, ["15000", "20000"]),
        ("BREAD 450\nTOTAL 1250", 2, []),
    ],
)
def test_reads_amounts_in_the_number_format_of_the_receipt(text: str, digits: int, amounts: list[str]) -> None:
    number_format = infer_number_format(text)
    assert number_format.digits == digits
    assert [str(match.amount) for match in find_amounts(text, number_format)] == amounts
