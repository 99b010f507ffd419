"""Companies that only brands, legal forms and web addresses tell."""

from __future__ import annotations

import numpy as np
import pytest

from services.extractor.companies.brands import country_of_brand, find_brands, load_brands
from services.extractor.companies.search import find_company_name, find_legal_forms
from services.extractor.encoding import TextSegment, encode
from services.extractor.training.brands import extract_brands
from shared.contracts import ReceiptField


def company(*rows: str) -> str | None:
    segments = []
    for number, text in enumerate(rows):
        y = 30 * number
        quad = np.array([(10, y), (10 + 10 * len(text), y), (10 + 10 * len(text), y + 20), (10, y + 20)], np.float32)
        segments.append(TextSegment(quad, text))
    document = encode(segments)
    found = find_company_name(document)
    return None if found is None else document.text[found.start : found.end]


@pytest.mark.parametrize(
    ("text", "name", "country"),
    [
        ("LIDL 0963", "Lidl", None),
        ("SAINSBURYS", "Sainsburys", "GB"),
        ("Zabka Z1452", "Żabka", "PL"),
        ("TARGET", "Target", "US"),
        ("Carrefour Market", "Carrefour Market", None),
    ],
)
def test_finds_brands_in_any_case_and_without_accents(text: str, name: str, country: str | None) -> None:
    brand = next(find_brands(text))
    assert brand.name == name
    assert country in brand.countries if country else not brand.countries


@pytest.mark.parametrize(
    ("name", "country"), [("Meijer", "US"), ("MEIJER 123", "US"), ("Meijer Garden Center", None), ("Target", None)]
)
def test_a_brand_of_one_country_tells_it(name: str, country: str | None) -> None:
    field = ReceiptField(value=name, confidence=0.9, page=0, quad=((0, 0), (9, 0), (9, 9), (0, 9)), lines=[0])
    assert country_of_brand(field) == country
    assert country_of_brand(None) is None


def test_knows_brands_of_many_countries() -> None:
    _, countries = load_brands()
    assert len(countries) > 10_000
    assert len(set().union(*countries.values())) > 100


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        (("LIDL 0963", "367 Avenue de la Libération", "Lait 1,05"), "LIDL"),
        (("Piekarnia Kowalski", "Kowalski Sp. z o.o.", "Chleb 2,50"), "Kowalski Sp. z o.o."),
        (("Huang Noodles", "www.huangnoodles.com", "Soup 5.00"), "Huang Noodles"),
        (("Die Backstube", "Hauptstr. 5", "12345 Musterstadt", "Brot 2,50"), None),
        (("RECEIPT", "Date 01/02/2023", "Cashier: Target", "Total 5.00"), None),
    ],
)
def test_takes_the_line_with_good_reasons(rows: tuple[str, ...], name: str | None) -> None:
    assert company(*rows) == name


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("CARREFOUR Polska Sp. Z O. 0,", "sp. z o.o"),
        ("Stokrotka Sp. Z 0.0.", "sp. z o.o"),
        ("ALFA d.0.0", "d.o.o"),
        ("ALFA SDN BHD", "sdn bhd"),
        ("20.00 s.p.", None),
        ("Saldo 0.0", None),
    ],
)
def test_finds_legal_forms_whose_o_was_read_as_a_zero(text: str, form: str | None) -> None:
    found = next((match.phrase.strip() for match in find_legal_forms(text)), None)
    assert found == form


def test_extracts_latin_brands_with_their_countries() -> None:
    def item(brand: str, *countries: str) -> dict[str, object]:
        return {"displayName": brand, "locationSet": {"include": list(countries)}, "tags": {"brand": brand}}

    index = {
        "brands/shop/bakery": {"items": [item("Bäckerei Nord", "de", "at"), item("パン屋", "jp"), item("XY", "us")]},
        "brands/shop/supermarket": {"items": [item("Rimi", "lv"), item("Rimi", "001"), item("Local", "us-ca.geojson")]},
        "operators/amenity/post_box": {"items": [item("Royal Mail", "gb")]},
    }
    assert extract_brands(index) == {"Bäckerei Nord": {"DE", "AT"}, "Rimi": set(), "Local": {"US"}}
