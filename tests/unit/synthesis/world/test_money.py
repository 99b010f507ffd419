"""Tests of the print of amounts."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

import pytest

from synthesis.world.countries import load_countries
from synthesis.world.money import MoneyStyle, choose_style, round_price
from synthesis.world.page import OTHER, UNKNOWN

STYLE = MoneyStyle("de_DE", 2, True, "€", True, True, "all", "before")


def print_amount(style: MoneyStyle, value: str, role: str = "item") -> str:
    return "".join(piece.text for piece in style.pieces(Decimal(value), "total", role))


@pytest.mark.parametrize(
    ("change", "value", "printed"),
    [
        ({}, "1234.5", "1.234,50 €"),
        ({"apart": False}, "1234.5", "1.234,50€"),
        ({"after": False, "apart": False}, "-3", "€-3,00"),
        ({"after": False, "apart": False, "minus": "sign"}, "-3", "-€3,00"),
        ({"sign": "", "minus": "after"}, "-3", "3,00-"),
        ({"sign": "", "minus": "brackets"}, "-3", "(3,00)"),
        ({"sign": "", "grouped": False}, "1234.5", "1234,50"),
        ({"sign": "", "locale": "en_IN", "digits": 0}, "1234567", "12,34,567"),
    ],
)
def test_prints_the_styles_of_tills(change: dict[str, object], value: str, printed: str) -> None:
    assert print_amount(replace(STYLE, **change), value) == printed  # type: ignore[arg-type]


def test_a_sign_apart_is_of_unknown_kind() -> None:
    kinds = [piece.kind for piece in STYLE.pieces(Decimal(3), "total")]
    assert kinds == ["total", "?"]


def test_labels_leave_out_malaysian_signs_that_are_apart() -> None:
    kinds = {code: choose_style(load_countries()[code], random.Random(0)).apart_kind for code in ("MY", "DE")}
    assert kinds == {"MY": OTHER, "DE": UNKNOWN}


@pytest.mark.parametrize(("signed", "roles"), [("sums", {"sum", "total"}), ("total", {"total"}), ("none", set())])
def test_only_some_amounts_have_a_sign(signed: str, roles: set[str]) -> None:
    style = replace(STYLE, signed=signed)
    assert {role for role in ("item", "sum", "total") if "€" in print_amount(style, "3", role)} == roles


def test_prices_are_multiples_of_the_step() -> None:
    country = load_countries()["VN"]
    assert round_price(45300.0, country) == 45000
    assert round_price(0.0, country) == 1000
    assert choose_style(country, random.Random(0)).digits == 0
