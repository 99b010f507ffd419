"""The postal formats of countries."""

from __future__ import annotations

import json

import pytest

from shared.normalization.addresses import build_postal
from shared.normalization.addresses.postal import load_postal_format


def test_the_file_is_what_the_installed_package_gives() -> None:
    assert json.loads(build_postal.OUTPUT.read_text(encoding="utf-8")) == build_postal.build()


@pytest.mark.parametrize(
    ("country", "text", "code"),
    [
        ("DE", "D-10115 BERLIN", "10115"),
        ("GB", "BRIGHTON BN1 1AB", "BN1 1AB"),
        ("NL", "1012 AB AMSTERDAM", "1012 AB"),
        ("BR", "CEP 01310-200", "01310-200"),
        ("IN", "NEW DELHI-110067", "110067"),
        ("SG", "S(238858)", "238858"),
        ("US", "AUSTIN, TX 78764-1234", "78764-1234"),
        ("US", "INVOICE 123456789", None),
        (None, "1 ROAD 90210", "90210"),
    ],
)
def test_finds_codes_of_countries(country: str | None, text: str, code: str | None) -> None:
    pattern = load_postal_format(country).code
    assert pattern is not None
    match = pattern.search(text)
    assert (match["code"] if match else None) == code


def test_countries_differ_in_the_side_of_the_city() -> None:
    sides = {country: load_postal_format(country).code_first for country in ("FR", "US", "GB", "AE", None)}
    assert sides == {"FR": True, "US": False, "GB": False, "AE": None, None: None}
    assert "selangor" in load_postal_format("MY").regions
    assert load_postal_format("AE").code is None
    assert not load_postal_format("SG").has_city
