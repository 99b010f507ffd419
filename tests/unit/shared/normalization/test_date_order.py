"""Whether a receipt puts the month or the day first."""

from __future__ import annotations

import pytest

from shared.normalization import month_comes_first


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
