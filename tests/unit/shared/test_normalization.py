from __future__ import annotations

import datetime
from decimal import Decimal

import pytest

from shared.normalization import (
    currency,
    find_amounts,
    find_dates,
    month_comes_first,
    parse_amount,
    parse_date,
)

DAY = datetime.date(2018, 12, 25)


@pytest.mark.parametrize(
    ("text", "printed", "date"),
    [
        ("25/12/2018", "25/12/2018", DAY),
        ("25-12-18", "25-12-18", DAY),
        ("25.12.2018", "25.12.2018", DAY),
        ("25 / 12 / 2018", "25 / 12 / 2018", DAY),
        ("25 DEC 2018", "25 DEC 2018", DAY),
        ("25DEC2018", "25DEC2018", DAY),
        ("25-Dec-18", "25-Dec-18", DAY),
        ("25/DEC/2018", "25/DEC/2018", DAY),
        ("25th December 2018", "25th December 2018", DAY),
        ("DEC 25, 2018", "DEC 25, 2018", DAY),
        ("December 25 2018", "December 25 2018", DAY),
        ("25 DIS 2018", "25 DIS 2018", DAY),
        ("2018-12-25", "2018-12-25", DAY),
        ("2018/12/25", "2018/12/25", DAY),
        ("2018 DEC 25", "2018 DEC 25", DAY),
        ("20181225", "20181225", DAY),
        ("2018年12月25日", "2018年12月25日", DAY),
        ("DATE:25/12/2018", "25/12/2018", DAY),
        ("(25/12/2018)", "25/12/2018", DAY),
        ("25/12/2018 8:13:39 PM", "25/12/2018", DAY),
        ("25/12/201808:13", "25/12/2018", DAY),
        ("25/12/1808:13", "25/12/18", DAY),
        ("08:13 25/12/2018", "25/12/2018", DAY),
        ("3/4/2018", "3/4/2018", datetime.date(2018, 4, 3)),
        ("12/25/2018", "12/25/2018", DAY),
        ("01 JAN'18", "01 JAN'18", datetime.date(2018, 1, 1)),
        ("29/02/2020", "29/02/2020", datetime.date(2020, 2, 29)),
        ("31.12.99", "31.12.99", datetime.date(1999, 12, 31)),
    ],
)
def test_dates_are_found_and_read(text: str, printed: str, date: datetime.date) -> None:
    (match,) = find_dates(text)
    assert match.text == printed
    assert text[match.start : match.end] == printed
    assert match.date() == date


@pytest.mark.parametrize("text", ["32/12/2018", "25/13/2018", "29/02/2019", "00/12/2018", "31 APR 2018", "2018-13-01"])
def test_a_date_that_cannot_be_has_no_meaning(text: str) -> None:
    (match,) = find_dates(text)
    assert match.date() is None
    assert parse_date(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "TOTAL 9.00",
        "012-3456789",
        "GST ID: 000181747712",
        "12/2018",
        "JALAN 25/62",
        "25/12-2018",
        "20181399",
        "1.2.3",
    ],
)
def test_what_is_no_date_is_not_found(text: str) -> None:
    assert find_dates(text) == []


def test_day_comes_before_month_unless_told_otherwise() -> None:
    (match,) = find_dates("03/04/2018")
    assert match.date() == datetime.date(2018, 4, 3)
    assert match.date(prefer_month_first=True) == datetime.date(2018, 3, 4)


def test_several_dates_come_in_order() -> None:
    assert [match.text for match in find_dates("FROM 01/02/2018 TO 2018-02-03")] == ["01/02/2018", "2018-02-03"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DATE 03/04/2018", None),
        ("TOTAL RM 9.00\n03/04/2018", False),
        ("TOTAL £9.00\n03/04/2018", False),
        ("TOTAL $9.00\n03/04/2018", None),
        ("12 MAIN ST\nNEW YORK, NY 10001\n03/04/2018", True),
        ("Austin, TX 78765", True),
        ("JALAN SS2, 47400 PETALING JAYA\n03/04/2018", False),
        ("DATE (MM/DD/YYYY) 03/04/2018", True),
        ("03/25/2018 AND 03/04/2018", True),
        ("AUSTIN, TX 78765 25/03/2018", False),
    ],
)
def test_whether_the_month_comes_first_is_told_by_the_receipt(text: str, expected: bool | None) -> None:
    assert month_comes_first(text) is expected


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
    "text", ["", "6.00%", "GST 6.00 %", "25.12.2018", "10:25.30", "9.000", "100", "TEL 03.12345678"]
)
def test_what_is_no_amount_is_not_found(text: str) -> None:
    assert find_amounts(text) == []


def test_a_number_without_decimals_needs_a_currency_sign() -> None:
    assert parse_amount("15") is None
    assert parse_amount("RM 15") == Decimal(15)
    assert parse_amount("£1,200") == Decimal(1200)
    assert parse_amount("2 X 3.50 = 7.00") == Decimal("3.50")


@pytest.mark.parametrize(
    ("sign", "text", "expected"),
    [
        ("RM", "", "MYR"),
        ("MYR", "", "MYR"),
        ("€", "", "EUR"),
        ("£", "", "GBP"),
        ("US$", "", "USD"),
        ("", "JALAN SS2, SELANGOR", "MYR"),
        ("", "ABC SDN BHD", "MYR"),
        ("$", "ABC SDN BHD, JALAN SS2", "MYR"),
        ("$", "AUSTIN, TX 78765", "USD"),
        ("$", "12 ORCHARD RD SINGAPORE", "SGD"),
        ("$", "12 HIGH STREET", None),
        ("", "AUSTIN, TX 78765 $4.00", "USD"),
        ("", "BERLIN 3,50 €", "EUR"),
        ("", "3.50 EUR OR 3.20 GBP", None),
        ("", "12 HIGH STREET", None),
    ],
)
def test_currency_only_where_the_receipt_tells(sign: str, text: str, expected: str | None) -> None:
    assert currency(sign, text) == expected
