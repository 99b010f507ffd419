"""Whether a receipt puts the month or the day first."""

from __future__ import annotations

import datetime

import pytest

from shared.normalization import find_dates, month_comes_first, read_date
from shared.normalization.date_order import year_comes_first


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
    ("text", "expected"),
    [
        ("SALES TAX 1.00\nTOTAL $10.00\n07/10/2014 2:15 PM", True),
        ("Fri 04/07/2017\nTotal 3.00", True),
        ("Crew ID 30636\n03/12/2015", None),
        ("USt-ID DE123456789\nSUMME EUR 8,62\n03.04.2018", False),
        ("03/06/2016 05:25 PM\nMO TAX 8.4750% 12.83\nTOTAL $251.83", True),
        ("03/06/2016 17:25\nVAT 20% 2.00\nTOTAL $12.00", None),
        ("(617) 421-9593\n03/06/2016", True),
        ("(617) 421-9593\nTAX 0.97\n03/06/2016", True),
        ("(416) 421-9593\nTAX 0.97\n03/06/2016", None),
        ("ROOM 3831\nKW 12\n03/06/2016", None),
    ],
)
def test_country_and_weekday_decide_the_order(text: str, expected: bool | None) -> None:
    assert month_comes_first(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("03/06/2016\nEXPIRES 06/04/16", True),
        ("03/06/2016\nEXPIRES 04/09/16", None),
        ("03/06/2016\nSold on 6 March 2016", True),
        ("03/06/2016\nSold on 3 June 2016", False),
    ],
)
def test_other_dates_of_the_receipt_decide_the_order(text: str, expected: bool | None) -> None:
    assert month_comes_first(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24/02/13", None),
        ("12-02-16", None),
        ("TOTAL RM 9.00\n24/02/13", False),
        ("Austin, TX 78765\n12/02/16", False),
        ("Austin, TX 78765\n24/02/13", None),
        ("VÉGÖSSZEG 900 Ft\n24.02.13", True),
        ("24.02.13", False),
        ("Tue 24/02/13", True),
        ("Sun 24/02/13", False),
        ("24/02/13\n24/02/27", True),
        ("24/02/13\n27/02/13", False),
        ("24/02/13\n2024-02-13", True),
        ("24/02/13\n13 Feb 2024", True),
        ("24/02/13\n24 Feb 2013", False),
        ("24/02/13\n31/01/13", False),
        ("24/02/13\n01/03/2013", False),
        ("24/02/13\n2024/03/01", True),
    ],
)
def test_the_receipt_tells_whether_the_year_comes_first(text: str, expected: bool | None) -> None:
    match = next(match for match in find_dates(text) if match.year_first)
    assert year_comes_first(match, text) is expected


@pytest.mark.parametrize(
    ("text", "day", "is_ambiguous", "is_alone"),
    [
        ("24/02/13", (2013, 2, 24), True, False),
        ("TOTAL RM 9.00\n24/02/13", (2013, 2, 24), False, False),
        ("Tue 24/02/13", (2024, 2, 13), False, False),
        ("Sun 24/02/13", (2013, 2, 24), False, True),
        ("31/12/18", (2018, 12, 31), False, True),
        ("25/02/2013", (2013, 2, 25), False, True),
        ("13/02/13", (2013, 2, 13), False, True),
    ],
)
def test_years_of_two_digits_are_doubted(
    text: str, day: tuple[int, int, int], is_ambiguous: bool, is_alone: bool
) -> None:
    *_, match = find_dates(text)
    assert read_date(match, text) == (datetime.date(*day), is_ambiguous, is_alone)
