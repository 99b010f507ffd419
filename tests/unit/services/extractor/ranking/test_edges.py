"""The ends of addresses."""

from __future__ import annotations

import numpy as np
import pytest

from services.extractor.encoding import TextSegment, encode
from services.extractor.ranking.edges import complete_address
from services.extractor.spans import Part


def _completed(
    rows: list[str], first: int, last: int, country: str | None, company: str = "", sure: tuple[str, ...] = ()
) -> str:
    """Return the address after completing the rows from `first` to `last`; the network is sure of those in `sure`."""
    quads = [np.array([[0, y], [300, y], [300, y + 20], [0, y + 20]], np.float32) for y in range(0, 40 * len(rows), 40)]
    document = encode([TextSegment(quad, text) for quad, text in zip(quads, rows, strict=True)])
    likely = np.zeros(len(document.text), np.float32)
    for text in sure:
        likely[document.text.index(text) :][: len(text)] = 0.95
    starts = [int(document.start[place]) for place in range(first, last + 1)]
    parts = [Part(first + i, start, start + len(rows[first + i]), 0.9) for i, start in enumerate(starts)]
    found = complete_address(document, parts, likely, country, company)
    return "; ".join(document.text[part.start : part.end] for part in found)


@pytest.mark.parametrize(
    ("rows", "country", "address"),
    [
        (["JLN RAYA DINOYO NO. 4,", "65144", "21.01.22"], "ID", "JLN RAYA DINOYO NO. 4,; 65144"),
        (["JLN RAYA DINOYO NO. 4", "65144", "21.01.22"], "ID", "JLN RAYA DINOYO NO. 4"),
        (["RUA DO SOL, 71 - CENTRO", "CEP:36880-000 - MURIAE - MG"], "BR",
         "RUA DO SOL, 71 - CENTRO; CEP:36880-000 - MURIAE - MG"),
        # A number with another meaning, or of no known country, is not a postal code.
        (["JLN RAYA DINOYO NO. 4", "Tel 65144"], "ID", "JLN RAYA DINOYO NO. 4"),
        (["JLN RAYA DINOYO NO. 4,", "65144"], None, "JLN RAYA DINOYO NO. 4,"),
        (["Hauptstr. 5", "12345 67,89"], "DE", "Hauptstr. 5"),
    ],
)  # fmt: skip
def test_takes_in_the_postal_code_of_the_next_row(rows: list[str], country: str | None, address: str) -> None:
    assert _completed(rows, 0, 0, country) == address


def test_takes_in_the_postal_code_of_the_row_above() -> None:
    assert _completed(["10115 Berlin", "Invalidenstr. 5"], 1, 1, "DE") == "10115 Berlin; Invalidenstr. 5"


@pytest.mark.parametrize(
    ("rows", "country", "address"),
    [
        (["12 Main St", "Store 0042", "Boston, MA 02110"], "US", "12 Main St; Boston, MA 02110"),
        (["Storgata 49 Butikk 2775", "6000 Ålesund"], "NO", "Storgata 49; 6000 Ålesund"),
        (["Address: 12 Main St", "Boston, MA 02110"], "US", "12 Main St; Boston, MA 02110"),
        (["12 Main St", "Boston, MA 02110 www.spar.com"], "US", "12 Main St; Boston, MA 02110"),
        (["Shop 121, Level 1", "Str. 22"], "US", "Shop 121, Level 1; Str. 22"),
    ],
)
def test_leaves_out_print_on_the_lines_of_an_address(rows: list[str], country: str, address: str) -> None:
    assert _completed(rows, 0, len(rows) - 1, country) == address


@pytest.mark.parametrize(("first", "rows"), [(1, ["Chaussée de Wavre 1110", "1160 Auderghem"]),
                                             (0, ["1160 Auderghem", "Chaussée de Wavre 1110"])])  # fmt: skip
def test_takes_in_the_street_beside_a_place(first: int, rows: list[str]) -> None:
    assert _completed(rows, first, first, "BE") == "; ".join(rows)


def test_goes_on_below_other_print_where_the_network_is_sure() -> None:
    rows = ["3440 WASHINGTON ST", "617-318-1141", "JAMAICA PLAIN, MA", "02130", "10/26/2018"]
    assert _completed(rows, 0, 0, "US", sure=(rows[2],)) == "3440 WASHINGTON ST; JAMAICA PLAIN, MA; 02130"
    assert _completed(rows, 0, 0, "US") == rows[0]


@pytest.mark.parametrize("line", ["2017 Toan", "1062 CRYSTAL", "8.51 EFT DEBIT 5016", "3761"])
def test_leaves_out_members_of_staff_and_payments_at_the_end(line: str) -> None:
    rows = ["8102 S. Lewis Ave.", "Tulsa, OK 74137", line]
    assert _completed(rows, 0, 2, "US") == "; ".join(rows[:2])


def test_keeps_a_postal_code_and_its_place_at_the_end() -> None:
    assert _completed(["Mariahilfer Str. 5", "1060 Wien"], 0, 1, "AT") == "Mariahilfer Str. 5; 1060 Wien"


def test_leaves_out_a_branch_in_brackets_in_front() -> None:
    rows = ["(JALAN KLANG LAMA)", "LOT 2942, JLN SERI SENTOSA 8", "58000 KUALA LUMPUR"]
    assert _completed(rows, 0, 2, "MY") == "; ".join(rows[1:])


def test_the_number_of_a_shop_is_no_postal_code() -> None:
    rows = ["Casselberry FSU (# 03270)", "Fern Park, FL"]
    assert _completed(rows, 1, 1, "US") == rows[1]


def test_leaves_out_the_name_and_number_of_a_shop_in_front() -> None:
    rows = ["Sklep Zabka Z1452", "80-894 Gdansk ul.Garncarska 10"]
    assert _completed(rows, 0, 1, "PL") == "80-894 Gdansk ul.Garncarska 10"


def test_ends_before_the_shop_that_has_an_address_of_its_own() -> None:
    rows = ["20-209 Lublin, Projektowa 1", "Supermarket Owocek 345", "26-610 Radom Kolejowa 10"]
    assert _completed(rows, 0, 2, "PL", company="Owocek Sp. z o.o.") == "20-209 Lublin, Projektowa 1"


@pytest.mark.parametrize("first", ["14-15 Village Market", "Highland Park Village", "Lot 5, Lidl Plaza 12"])
def test_keeps_places_that_are_named_like_brands(first: str) -> None:
    rows = [first, "Dallas, TX 75205"]
    assert _completed(rows, 0, 1, "US") == "; ".join(rows)


@pytest.mark.parametrize(
    ("rows", "last", "address"),
    [
        (["Harbor Airport", "1062 Crystal", "Chk 2084 Gst 0"], 1, "Harbor Airport"),
        (["12 Lunch", "Tbl B8/1 Chk 1338 Gst 6"], 0, ""),
        (["Hauptstr. 5", "10789 Berlin", "Tel. 030 2135585"], 1, "Hauptstr. 5; 10789 Berlin"),
        (["12 Broadway", "Fishers, IN", "Table 5"], 1, "12 Broadway; Fishers, IN"),
    ],
)
def test_leaves_out_who_opened_the_check(rows: list[str], last: int, address: str) -> None:
    assert _completed(rows, 0, last, None) == address
