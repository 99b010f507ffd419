"""Brands that replace a logo that was misread."""

from __future__ import annotations

import pytest

from services.extractor.companies.logos import (
    find_logo,
    keep_one_name,
    keep_site_name,
    names_nobody,
    prefer_brand,
    strip_decoration,
    strip_greeting,
    strip_marks,
)
from services.extractor.encoding import Document, encode
from services.extractor.spans import Part
from tests.support.rows import lay_out_rows


def _document(*rows: str) -> Document:
    """Encode rows of segments divided by "|"."""
    return encode(lay_out_rows(*rows, column_px=300, row_px=40, character_px=8))


def _parts(document: Document, *texts: str) -> tuple[Part, ...]:
    starts = [document.text.index(text) for text in texts]
    return tuple(
        Part(int(document.segment[start]), start, start + len(text), 0.5)
        for start, text in zip(starts, texts, strict=True)
    )


def _logo(*rows: str, chosen: str, chance: float = 0.6) -> str | None:
    document = _document(*rows)
    found = find_logo(document, _parts(document, chosen), chance)
    return found.brand if found is not None else None


@pytest.mark.parametrize(
    ("line", "company"),
    [
        ("WELCOME TO SHELL", "SHELL"),
        ("Welcome to our Shell", "Shell"),
        ("Welcome to the Grand Wok", "Welcome to the Grand Wok"),
        ("SHELL", "SHELL"),
    ],
)
def test_a_greeting_does_not_belong_to_a_brand(line: str, company: str) -> None:
    document = _document(line)
    part = strip_greeting(document, _parts(document, line)[0])
    assert document.text[part.start : part.end] == company


@pytest.mark.parametrize(
    ("rows", "chance", "company"),
    [
        (("COSTA", "COSTA HB"), 0.9, "COSTA"),
        (("7-ELEVEN", "CP ALL PUBLIC CO., LTD"), 0.9, "7-ELEVEN"),
        (("TESCO", "Covent Garden"), 0.4, "TESCO"),
        (("TESCO", "Covent Garden"), 0.9, "TESCO; Covent Garden"),
        (("BASIL THAI", "Restaurant & Bar"), 0.4, "BASIL THAI; Restaurant & Bar"),
    ],
)
def test_keeps_one_of_two_names(rows: tuple[str, ...], chance: float, company: str) -> None:
    document = _document(*rows)
    parts = keep_one_name(document, _parts(document, *rows), chance)
    assert "; ".join(document.text[part.start : part.end] for part in parts) == company


@pytest.mark.parametrize(
    ("rows", "chosen", "chance", "company"),
    [
        (("REMA 1000", "Majorstuen"), "Majorstuen", 0.5, "REMA 1000"),
        (("Shoppers Drug Mart #811", "Kelly Ho Ltd."), "Kelly Ho Ltd.", 0.5, "Shoppers Drug Mart"),
        (("REMA 1000", "Majorstuen AS"), "Majorstuen AS", 0.9, "Majorstuen AS"),
        (("Welcome", "Majorstuen"), "Majorstuen", 0.5, "Majorstuen"),
        (("REMA 1000|Oslo", "Majorstuen"), "Majorstuen", 0.5, "Majorstuen"),
    ],
)
def test_prefers_a_brand_to_its_branch_or_owner(
    rows: tuple[str, ...], chosen: str, chance: float, company: str
) -> None:
    document = _document(*rows)
    (part,) = prefer_brand(document, _parts(document, chosen), chance)
    assert document.text[part.start : part.end] == company


@pytest.mark.parametrize(
    ("rows", "chosen", "brand"),
    [
        (("RXWE", "KOELN 0963", "Brot|1,99", "REWE dankt", "www.rewe.de"), "KOELN 0963", "Rewe"),
        (("MORRlSQNS", "Hull Rd.", "Milk|1.20", "visit m0rrisons.co.uk/survey"), "Hull Rd.", "Morrisons"),
        (("The Walgreens Team appreciates your business", "Soap|2.00", "WALGREENS CARD"), "The Walgreens Team "
         "appreciates your business", "Walgreens"),
        (("Bag|2.00", "walgreens.com", "Walgreens Club", "Ask at Walgreens"), "Bag", "Walgreens"),
        (("Bag|2.00", "walgreens.com", "Walgreens Club", "Ask at Walgreens"), "Walgreens Club", "Walgreens"),
        # Who thanks for shopping there is the shop, and a logo may stand apart letter by letter.
        (("Westridge Square", "Greensboro 27410", "Thank you for shopping at Kohl's"), "Westridge Square", "Kohl's"),
        (("*** C A R RE FO U R ***", "PLANTA BAJA", "BOLSA CARREFOUR"), "PLANTA BAJA", "Carrefour"),
        (("*** C A R RE FO U R ***", "SAN PABLO", "BOLSA CARREFOUR"), "SAN PABLO", "Carrefour"),
        (("MORRlSQNS Hoxton", "Hull Rd.", "visit m0rrisons.co.uk/survey"), "Hull Rd.", "Morrisons"),
    ],
)  # fmt: skip
def test_a_misread_logo_becomes_the_brand_that_several_places_name(
    rows: tuple[str, ...], chosen: str, brand: str
) -> None:
    assert _logo(*rows, chosen=chosen, chance=0.1) == brand


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [
        # One place is not enough.
        (("RXWE", "KOELN 0963", "Brot|1,99", "REWE Karte"), "KOELN 0963"),
        # The legal name counts as printed.
        (("Baskin Robins", "GOLDEN SCOOP SDN BHD", "Baskin-Robbins Club", "baskinrobbins.com"), "GOLDEN SCOOP SDN BHD"),
        # Nothing at the top resembles the brand of a product.
        (("Corner Shop", "Main Street 5", "Starbucks 1.00", "Starbucks 2.00", "starbucks.com"), "Corner Shop"),
        # The choice has the brand already.
        (("Walgreens Pharmacy", "www.walgreens.com", "Thank you for shopping at Walgreens"), "Walgreens Pharmacy"),
        # "Welcome" and "Cash" are brands, too.
        (("Welcome to the grand wok", "Welcome", "welcome.com"), "Welcome to the grand wok"),
    ],
)
def test_the_choice_stands_without_good_reasons(rows: tuple[str, ...], chosen: str) -> None:
    assert _logo(*rows, chosen=chosen) is None


def test_print_beside_the_name_in_a_mail_address_is_left_out() -> None:
    document = _document("El Chalan Restaurant|alam", "Email: ElChalanrestaurant@grail.com")
    parts = _parts(document, "El Chalan Restaurant", "alam")
    assert keep_site_name(document, parts) == parts[:1]
    below = _document("Basil Thai", "Restaurant & Bar", "www.basilthai.com")
    parts = _parts(below, "Basil Thai", "Restaurant & Bar")
    assert keep_site_name(below, parts) == parts


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("@mp Foot Locker", "Foot Locker"),
        ("to Chick-fil-A", "Chick-fil-A"),
        ("Wm Morrisons", "Wm Morrisons"),
        ("99 Ranch Market", "99 Ranch Market"),
        ("Foot Locker Europe", "Foot Locker Europe"),
    ],
)
def test_a_mark_before_a_brand_is_not_part_of_its_name(text: str, name: str) -> None:
    document = _document(text, "Total|5.00")
    part = strip_marks(document, _parts(document, text)[0])
    assert document.text[part.start : part.end] == name


@pytest.mark.parametrize(
    ("text", "name"), [("-BP STATION VAN VEEN--", "BP STATION VAN VEEN"), ("*IBERIA*", "*IBERIA*")]
)
def test_strokes_around_a_name_are_not_part_of_it(text: str, name: str) -> None:
    document = _document(text, "Total|5.00")
    found = strip_decoration(document, _parts(document, text))
    assert [document.text[part.start : part.end] for part in found] == [name]


def test_greetings_and_kinds_of_paper_name_nobody() -> None:
    assert names_nobody("WELCOME")
    assert names_nobody("Thank you")
    assert names_nobody("Tax Invoice")
    assert not names_nobody("Invoice Cafe")
    assert not names_nobody("Welcome to Chick-fil-A")
    assert not names_nobody("Chick-fil-A")
