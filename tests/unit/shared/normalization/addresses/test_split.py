"""Parts of addresses."""

from __future__ import annotations

import pytest

from benchmarks.countries.addresses import PARTS, measure
from shared.normalization.addresses import AddressParts, split_address


@pytest.mark.parametrize(
    ("lines", "country", "expected"),
    [
        (
            ["NO.53 55,57 & 59, JALAN SAGU 18,", "TAMAN DAYA, 81100 JOHOR BAHRU,", "JOHOR."],
            "MY",
            ("NO.53 55,57 & 59, JALAN SAGU 18, TAMAN DAYA", "81100", "JOHOR BAHRU", "MY"),
        ),
        (["505 W SLAUGHTER LANE", "AUSTIN, TX 78764"], "US", ("505 W SLAUGHTER LANE", "78764", "AUSTIN", "US")),
        (["62 Robinson Center Austin TX 78715"], "US", ("62 Robinson Center", "78715", "Austin", "US")),
        (["San Francisco, CA 94103", "1175 Folsom St"], "US", ("1175 Folsom St", "94103", "San Francisco", "US")),
        (["4503 NW 23rd", "Oklahoma City, OK"], "US", ("4503 NW 23rd", None, "Oklahoma City", "US")),
        (["1350 Grant Road, St. Louis, MO 63101, USA"], None, ("1350 Grant Road", "63101", "St. Louis", "US")),
        (
            ["8-13 Black Lion Street", "Brighton", "BN1 1AB"],
            "GB",
            ("8-13 Black Lion Street", "BN1 1AB", "Brighton", "GB"),
        ),
        (["10115 Berlin", "Hauptstraße 5"], "DE", ("Hauptstraße 5", "10115", "Berlin", "DE")),
        (["Hauptstraße 5, D-10115 Berlin, Deutschland"], None, ("Hauptstraße 5", "10115", "Berlin", "DE")),
        (["12 bis rue Lepic", "75008 Paris Cedex 08"], "FR", ("12 bis rue Lepic", "75008", "Paris", "FR")),
        (
            ["Av. Paulista, 1578", "São Paulo - SP", "CEP 01310-200"],
            "BR",
            ("Av. Paulista, 1578", "01310-200", "São Paulo", "BR"),
        ),
        (["Belgrano 34", "Córdoba (5000)"], "AR", ("Belgrano 34", "5000", "Córdoba", "AR")),
        (["Nyíregyháza, Váci út 75", "4400"], "HU", ("Váci út 75", "4400", "Nyíregyháza", "HU")),
        (["L2.03, Nu Sentral, 50470, Kuala Lumpur"], "MY", ("L2.03, Nu Sentral", "50470", "Kuala Lumpur", "MY")),
        (["PIAZZA CADORNA N.23", "STRESA (VB)"], "IT", ("PIAZZA CADORNA N.23", None, "STRESA", "IT")),
        (["123 Orchard Road", "Singapore 238858"], "SG", ("123 Orchard Road", "238858", "Singapore", "SG")),
        (["12, Rue de Strasbourg | L-1236 Luxembourg"], "LU", ("12, Rue de Strasbourg", "1236", "Luxembourg", "LU")),
        (["84 Grafton Street", "Limerick"], "IE", ("84 Grafton Street", None, "Limerick", "IE")),
        (["Dubai Mall"], "AE", ("Dubai Mall", None, None, "AE")),
        (["Shop 5"], None, ("Shop 5", None, None, None)),
        ([""], None, (None, None, None, None)),
    ],
)
def test_splits_addresses(lines: list[str], country: str | None, expected: tuple[str | None, ...]) -> None:
    assert split_address(lines, country) == AddressParts(*expected)


def test_splits_made_up_addresses_of_all_countries() -> None:
    found = measure(800, seed=20_000_000)["all"]
    assert all(found[part] > 0.93 for part in PARTS), found
