"""Variations of labeled receipts."""

from __future__ import annotations

import random

import numpy as np

from services.extractor.training.labeling.fields import IGNORED, LabeledText, label
from services.extractor.training.labeling.receipts import basic_receipt
from services.extractor.training.variations.augmentation import Augmenter
from tests.support.labeled_receipts import DATE, ROWS, make_receipt, texts_of


def test_keeps_text_and_labels_aligned() -> None:
    real = [basic_receipt(make_receipt()), basic_receipt(make_receipt(company="SHOP", address="1 LORONG B IPOH"))]
    augment = Augmenter.of(real, seed=1)
    texts = set()
    for _ in range(80):
        segments = augment(real[0])
        for segment in segments:
            assert len(segment.text) == len(segment.labels)
            assert segment.quad.shape == (4, 2)
            assert np.isfinite(segment.quad).all()
        texts.add("\n".join(segment.text for segment in segments))
    assert len(texts) >= 60
    assert real[0][0].text == ROWS[0][0]


def test_changes_all_dates_alike_and_keeps_their_form() -> None:
    augment = Augmenter(random.Random(3))
    segments = label(make_receipt())
    augment._change_dates(segments)
    first, second = texts_of(segments, DATE)
    assert first == second != "25/12/2018"
    day, month, year = first.split("/")
    (iso,) = [text for text in texts_of(segments, IGNORED) if "-" in text]
    assert iso == f"{year}-{month}-{day}"


def test_rearranging_keeps_the_text() -> None:
    segments = label(make_receipt())
    words = sorted(word for segment in segments for word in segment.text.split())
    augment = Augmenter(random.Random(5))
    for _ in range(20):
        again = augment.rearranged(segments)
        assert sorted(word for segment in again for word in segment.text.split()) == words


def test_keeps_labels_aligned_where_a_letter_has_two_in_lower_case() -> None:
    quad = np.array([[0, 0], [200, 0], [200, 20], [0, 20]], np.float32)
    receipt = [LabeledText(quad, "VERGİ DAİRESİ", np.zeros(13, np.int64))]
    augment = Augmenter(random.Random(0))
    for _ in range(60):
        assert all(len(one.text) == len(one.labels) for one in augment(receipt))
