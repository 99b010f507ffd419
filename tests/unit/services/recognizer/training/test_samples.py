"""Test cutting labeled segments and building batches of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.recognizer.alphabet import FIRST_CHARACTERS, Alphabet
from services.recognizer.network.architecture import Architecture
from services.recognizer.training.samples import (
    MARGIN,
    STORED_HEIGHT,
    Sample,
    build_batch,
    clean_text,
    count_needed_frames,
    cut_with_margin,
    is_plausible,
    load_samples,
    plan_batches,
)
from shared.learning.dataset import load_split, write_receipt, write_split
from shared.learning.labels import LabeledSegment

ALPHABET = Alphabet()
PLAIN = Architecture(ALPHABET.classes, width_stretch=1.0)
STRETCHED = Architecture(ALPHABET.classes, width_stretch=1.25)


def sample(text: str, aspect: float, *, cased: bool = True) -> Sample:
    pixels = np.full((STORED_HEIGHT + 2 * MARGIN, round(aspect * STORED_HEIGHT) + 2 * MARGIN), 220, np.uint8)
    return Sample(pixels, text, ALPHABET.encode(text), cased, "r")


def test_cut_with_margin_includes_surroundings() -> None:
    gray = np.full((100, 200), 255, np.uint8)
    gray[40:60, 50:150] = 0
    cut = cut_with_margin(gray, np.array([[50, 40], [150, 40], [150, 60], [50, 60]], np.float32))
    assert cut.shape == (STORED_HEIGHT + 2 * MARGIN, 5 * STORED_HEIGHT + 2 * MARGIN)
    assert cut[MARGIN + 2 : -MARGIN - 2, MARGIN + 2 : -MARGIN - 2].max() == 0
    assert cut[: MARGIN - 2].min() == 255
    assert cut[:, : MARGIN - 2].min() == 255


def test_detects_implausible_labels() -> None:
    assert is_plausible("TOTAL 9.00", 180, 30)
    assert is_plausible("1", 15, 30)
    assert not is_plausible("", 100, 30)
    assert not is_plausible("CASHIER", 2, 70)
    # A box of another text.
    assert not is_plausible("7 DAY WITH RECEIPT.", 40, 30)
    assert not is_plausible("***", 350, 30)


def test_cleans_labels() -> None:
    assert clean_text("  TOTAL\t  “X” ", Alphabet(FIRST_CHARACTERS)) == 'TOTAL "X"'
    assert clean_text("  TOTAL\t  “X” ", ALPHABET) == "TOTAL “X”"


def test_counts_blanks_between_equal_characters() -> None:
    assert count_needed_frames(ALPHABET.encode("ABC")) == 3
    assert count_needed_frames(ALPHABET.encode("BOOKKEEPER")) == 13


def test_plan_has_every_sample_once_in_bounded_batches() -> None:
    rng = np.random.default_rng(0)
    samples = [sample("A" * n, 0.6 * n + 0.3) for n in rng.integers(1, 30, 300)]
    plan = plan_batches(samples, STRETCHED, columns=4096, rng=rng)
    assert sorted(index for batch in plan for index in batch) == list(range(300))
    for batch in plan:
        widths = [samples[index].aspect * 40 for index in batch]
        assert max(widths) * len(batch) <= 4096 or len(batch) == 1
        assert max(widths) - min(widths) < 0.45 * max(widths) + 40


def test_batch_pads_and_counts_frames() -> None:
    batch = build_batch([sample("AB", 2.0), sample("ABCD", 4.0, cased=False)], PLAIN, rng=None)
    assert batch is not None
    assert batch.images.shape == (2, 1, 32, 128)
    assert batch.images.dtype == np.float32
    np.testing.assert_allclose(batch.images, 220 / 127.5 - 1, atol=1e-6)
    assert batch.frames.tolist() == [16, 32]
    assert batch.lengths.tolist() == [2, 4]
    assert ALPHABET.decode(batch.targets) == "ABABCD"
    assert batch.cased.tolist() == [True, False]


def test_skips_labels_too_long_for_frames() -> None:
    rng = np.random.default_rng(0)
    crowded = sample("I" * 40, 2.0)
    assert build_batch([crowded], PLAIN, rng=rng) is None
    batch = build_batch([crowded, sample("AB", 2.0)], PLAIN, rng=rng)
    assert batch is not None
    assert len(batch.images) == 1


def test_loads_samples_of_data_set(tmp_path: Path) -> None:
    image = np.full((120, 300, 3), 255, np.uint8)
    texts = ["Total £9", "Ω", "X"]
    boxes = [[[10, 10], [130, 10], [130, 40], [10, 40]], [[10, 50], [40, 50], [40, 80], [10, 80]], [[9, 9]] * 4]
    segments = [LabeledSegment(np.array(q, np.float32), t) for q, t in zip(boxes, texts, strict=True)]
    write_receipt(tmp_path, "a", image, segments, {})
    write_split(tmp_path, {"train": ["a"], "validation": []})
    samples = load_samples(load_split(tmp_path, "train"), ALPHABET, cased=True)
    # Skips an unknown character and an empty box.
    assert [one.text for one in samples] == ["Total £9"]
    assert samples[0].aspect == pytest.approx(4.0)
    assert samples[0].cased
