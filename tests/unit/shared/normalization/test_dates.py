"""Dates in the forms and languages of receipts."""

from __future__ import annotations

import datetime

import pytest
from babel.dates import format_date

from shared.normalization import find_dates, parse_date
from shared.normalization.dates import find_yearless_dates
from shared.normalization.vocabulary import load_vocabulary

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
        ("December 25 , 2018", "December 25 , 2018", DAY),
        ("25/12-2018", "25/12-2018", DAY),
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
        ("0CT25'14", "0CT25'14", datetime.date(2014, 10, 25)),
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
        "25-12/2018",
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
    ("text", "date"),
    [
        ("7. Mai 2014", "2014-05-07"),
        ("3. Dezember 2015", "2015-12-03"),
        ("le 5 août 2021", "2021-08-05"),
        ("05 AOUT 2021", "2021-08-05"),
        ("12 maart 2020", "2020-03-12"),
        ("12 de marzo de 2023", "2023-03-12"),
        ("14th of March, 2023", "2023-03-14"),
        ("18- 9-2022", "2022-09-18"),
        ("2023. március 14.", "2023-03-14"),
        ("2023. 03. 14.", "2023-03-14"),
        ("14 marca 2023", "2023-03-14"),
        ("14. března 2023", "2023-03-14"),
        ("14 Ocak 2023", "2023-01-14"),
        ("ngày 14 tháng 3 năm 2023", "2023-03-14"),
        ("9 listopada 2023", "2023-11-09"),
        ("5 aoqt 2021", "2021-08-05"),
        ("80101911/26.06.2025", "2025-06-26"),
        ("2018 m. gruodžio 25 d.", "2018-12-25"),
        ("2018 m. gruodžio mėn. 25 d.", "2018-12-25"),
        ("2018. gada 25. decembris", "2018-12-25"),
        ("Jun 15 12:47:59 2011", "2011-06-15"),
        ("Wed Jun 15 12:47:59 PST 2011", "2011-06-15"),
    ],
)
def test_reads_month_names_of_many_languages(text: str, date: str) -> None:
    assert str(parse_date(text)) == date


@pytest.mark.parametrize(
    ("text", "date"),
    [("Fri 04/07/2017", "2017-04-07"), ("04/07/2017 (Friday)", "2017-04-07"), ("Dom 05/03/2023", "2023-03-05")],
)
def test_weekday_decides_between_day_and_month(text: str, date: str) -> None:
    (match,) = find_dates(text)
    assert not match.is_ambiguous
    assert str(match.date()) == str(match.date(prefer_month_first=True)) == date


@pytest.mark.parametrize("language", sorted(load_vocabulary()))
@pytest.mark.parametrize("width", ["long", "full"])
def test_reads_dates_in_full_of_every_language(language: str, width: str) -> None:
    assert parse_date(format_date(DAY, width, language)) == DAY


@pytest.mark.parametrize(
    ("text", "year_first"),
    [
        ("24/02/13", datetime.date(2024, 2, 13)),
        ("12-02-16", datetime.date(2012, 2, 16)),
        ("24/02/31", None),
        ("24/2/13", None),
        ("24/02/2013", None),
        ("97/12/31", None),
    ],
)
def test_three_numbers_of_two_digits_may_begin_with_the_year(text: str, year_first: datetime.date | None) -> None:
    (match,) = find_dates(text)
    assert match.year_first == year_first


def test_a_preposition_is_not_a_weekday() -> None:
    (match,) = find_dates("on 04/07/2017")
    assert match.is_ambiguous


@pytest.mark.parametrize("text", ["10 MAY 20:15", "DISC 10.00%", "HC03-7 - 15", "LG32-42 - 10/400"])
def test_discounts_and_codes_are_not_dates(text: str) -> None:
    assert find_dates(text) == []


@pytest.mark.parametrize(
    ("text", "printed"),
    [("Jun 15", ["Jun 15"]), ("on 15. Mai", ["15. Mai"]), ("Jun 15:30", []), ("MAY I HELP 2", [])],
)
def test_a_day_without_a_year_is_no_calendar_date(text: str, printed: list[str]) -> None:
    found = find_yearless_dates(text)
    assert [match.text for match in found] == printed
    assert all(match.date() is None for match in found)
