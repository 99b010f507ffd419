"""Tests of made-up merchants."""

from __future__ import annotations

import random
import re

import pytest
from stdnum.de import vat

from synthesis.world.countries import load_countries, load_languages
from synthesis.world.merchant import fill_pattern, make_address, make_merchant, make_phone, make_tax_id


@pytest.mark.parametrize("code", sorted(load_countries()))
def test_addresses_have_a_city_and_no_gaps(code: str) -> None:
    """Singapore is city and country, and often not printed."""
    country = load_countries()[code]
    for seed in range(20):
        address = make_address(country, random.Random(seed))
        text = " ".join(address.rows)
        assert code == "SG" or (address.city and address.city in text)
        assert address.postal_code in text
        assert not re.search(r"[{}]|,\s*,|\s\s|^[ ,]|[ ,]$", text)


def test_phone_numbers_are_of_the_country() -> None:
    numbers = [make_phone(load_countries()["DE"], random.Random(seed)) for seed in range(30)]
    assert all(re.match(r"\+49|0", number) for number in numbers)
    assert len(set(numbers)) > 20


def test_tax_ids_have_check_digits() -> None:
    (kind, *_) = [one for one in load_countries()["DE"].tax_ids if one.module == "de.vat"]
    numbers = [make_tax_id(kind, random.Random(seed)) for seed in range(20)]
    assert sum(vat.is_valid(number) for number in numbers) >= 18


def test_patterns_are_filled() -> None:
    assert re.fullmatch(r"\d\d-[A-Z][0-9A-Z]-X", fill_pattern("##-@&-X", random.Random(0)))


def test_legal_names_have_a_legal_form() -> None:
    country, language = load_countries()["PL"], load_languages()["pl"]
    merchants = [make_merchant(country, language, (), random.Random(seed)) for seed in range(40)]
    legal = [one.legal_name for one in merchants if one.legal_name]
    assert 5 < len(legal) < 35
    assert all(any(form.split()[0].format(name="") in name for form in country["forms"]) for name in legal)
