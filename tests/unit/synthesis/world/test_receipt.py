"""Tests of made-up receipts of many countries."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from itertools import groupby

import numpy as np
import pytest

from services.extractor.network.classes import CLASSES
from shared.normalization import parse_amount, parse_date
from synthesis.world.countries import load_countries, load_languages
from synthesis.world.page import OTHER, UNKNOWN, Segment
from synthesis.world.receipt import WorldReceipt, make_receipt


def values(segments: list[Segment], kind: str) -> list[str]:
    """Return the texts of one kind, one per run of characters."""
    found = []
    for segment in segments:
        for one, run in groupby(zip(segment.kinds, segment.text, strict=True), key=lambda two: two[0]):
            if one == kind:
                found.append("".join(character for _, character in run).strip())
    return found


def receipts(count: int, **settings: object) -> list[WorldReceipt]:
    return [make_receipt(seed, **settings) for seed in range(count)]  # type: ignore[arg-type]


@pytest.mark.parametrize("code", sorted(load_countries()))
def test_every_country_has_receipts(code: str) -> None:
    for seed in range(3):
        receipt = make_receipt(seed, shares={code: 1.0})
        assert receipt.country == code
        assert values(receipt.segments, "total")
        assert bool(values(receipt.segments, "item_amount")) != receipt.is_slip


def test_kinds_are_classes_of_the_extractor() -> None:
    found = {kind for receipt in receipts(120) for segment in receipt.segments for kind in segment.kinds}
    assert found <= {*CLASSES, OTHER, UNKNOWN}
    assert {"payment_method", "other_charge", "other_charge_key", "sub_quantity", "sub_unit_price"} <= found


def test_every_character_has_a_kind_and_no_segment_is_blank() -> None:
    for receipt in receipts(40):
        for segment in receipt.segments:
            assert len(segment.kinds) == len(segment.text)
            assert segment.text.strip() == segment.text != ""
            assert segment.quad.dtype == np.float32
            assert (segment.quad[2] > segment.quad[0]).all()


def test_sums_add_up() -> None:
    for receipt in receipts(200):
        bought = receipt.purchase
        items = sum((i.amount + i.discount + sum(one.amount for one in i.extras) for i in bought.items), Decimal(0))
        taxes = Decimal(0) if bought.included else sum((tax.amount for tax in bought.taxes), Decimal(0))
        assert items == bought.subtotal > 0
        steps = bought.discount + bought.service + bought.charge + taxes + bought.rounding + bought.tip
        assert bought.subtotal + steps == bought.total
        assert bought.paid >= bought.total


def test_prints_the_total_that_was_computed() -> None:
    """Amounts without decimals need the receipt's number format, so countries with two decimals are tried."""
    for receipt in receipts(60, shares={"US": 1, "GB": 1, "MY": 1}):
        printed = {parse_amount(text) for text in values(receipt.segments, "total")}
        assert printed == {receipt.purchase.total}


def test_prints_the_day_of_the_purchase() -> None:
    for receipt in receipts(40, shares={"GB": 1}):
        days = {parse_date(text) for text in values(receipt.segments, "date")}
        assert days == {receipt.moment.date()}


def test_items_are_numbered_and_complete() -> None:
    for receipt in (one for one in receipts(40) if not one.is_slip):
        numbers = Counter(segment.item for segment in receipt.segments)
        assert set(range(1, len(receipt.purchase.items) + 1)) <= set(numbers)


def test_same_seed_gives_the_same_receipt() -> None:
    first, second = make_receipt(7), make_receipt(7)
    assert [one.text for one in first.segments] == [one.text for one in second.segments]
    assert np.array_equal([one.quad for one in first.segments], [one.quad for one in second.segments])


def test_shares_choose_the_countries() -> None:
    found = Counter(receipt.country for receipt in receipts(200, shares={"DE": 3, "FR": 1}))
    assert set(found) == {"DE", "FR"}
    assert 120 < found["DE"] < 180


def test_merchants_have_the_given_brands() -> None:
    found = [make_receipt(seed, brands=["Zebra Stores"]).merchant.name for seed in range(60)]
    assert 10 < found.count("Zebra Stores") < 50


@pytest.mark.parametrize(("shares", "message"), [({"XX": 1.0}, "No receipts of XX"), ({"DE": 0.0}, "positive")])
def test_rejects_unusable_shares(shares: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_receipt(0, shares=shares)


def test_every_language_of_a_country_has_words() -> None:
    languages = load_languages()
    for country in load_countries().values():
        for code in country["languages"]:
            assert all(languages[code].table[key] for key in ("goods", "shops", "slogans", "extras"))
