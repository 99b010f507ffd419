"""Receipts in other languages."""

from __future__ import annotations

import random

from services.extractor.network.classes import CLASSES
from services.extractor.training.labeling.receipts import basic_receipt
from services.extractor.training.variations.translation import translate
from tests.support.labeled_receipts import ADDRESS, COMPANY, TOTAL, make_receipt, texts_of

ROWS = [["CASH SHOP"], ["NO 1 TOTAL STREET"], ["DATE: 25/12/2018"], ["TOTAL", "9.00"], ["CASH", "10.00"]]


def test_translates_words_and_keeps_values() -> None:
    words, dates, signs = set(), set(), set()
    for seed in range(60):
        receipt = make_receipt(ROWS, company="CASH SHOP", address="NO 1 TOTAL STREET")
        segments = basic_receipt(receipt)
        translate(segments, random.Random(seed))
        assert texts_of(segments, COMPANY) == ["CASH SHOP"]
        assert texts_of(segments, ADDRESS) == ["NO 1 TOTAL STREET"]
        assert texts_of(segments, TOTAL) == ["9.00"]
        assert all(len(segment.text) == len(segment.labels) for segment in segments)
        words |= set(texts_of(segments, CLASSES.index("cash_key")))
        dates |= set(texts_of(segments, CLASSES.index("date")))
        signs.add(segments[-1].text)
    assert len(words) > 10
    assert any("2018" in date and date != "25/12/2018" for date in dates)
    assert len(signs) > 5
