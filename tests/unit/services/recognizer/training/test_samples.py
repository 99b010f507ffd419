from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.recognizer.alphabet import Alphabet
from services.recognizer.training.augmentation import jittered_cut, wear
from services.recognizer.training.samples import (
    MARGIN,
    STORED_HEIGHT,
    Sample,
    clean_text,
    cut_with_margin,
    frames_needed,
    is_plausible,
    load_samples,
    make_batch,
    plan_batches,
)
from services.recognizer.training.train import learning_rate
from shared.learning.dataset import load_split, write_receipt, write_split
from shared.learning.labels import LabeledSegment

ALPHABET = Alphabet()


def sample(text: str, aspect: float, *, cased: bool = True) -> Sample:
    pixels = np.full((STORED_HEIGHT + 2 * MARGIN, round(aspect * STORED_HEIGHT) + 2 * MARGIN), 220, np.uint8)
    return Sample(pixels, text, ALPHABET.encode(text), cased, "r")


def test_cut_with_margin_shows_the_surrounding() -> None:
    gray = np.full((100, 200), 255, np.uint8)
    gray[40:60, 50:150] = 0
    cut = cut_with_margin(gray, np.array([[50, 40], [150, 40], [150, 60], [50, 60]], np.float32))
    assert cut.shape == (STORED_HEIGHT + 2 * MARGIN, 5 * STORED_HEIGHT + 2 * MARGIN)
    assert cut[MARGIN + 2 : -MARGIN - 2, MARGIN + 2 : -MARGIN - 2].max() == 0
    assert cut[: MARGIN - 2].min() == 255
    assert cut[:, : MARGIN - 2].min() == 255


def test_exact_cut_takes_the_label_box() -> None:
    stored = sample("AB", 2.0).pixels.copy()
    stored[MARGIN:-MARGIN, MARGIN:-MARGIN] = 10
    cut = jittered_cut(stored, MARGIN, height=32, stretch=1.5, rng=None)
    assert cut.shape == (32, 96)
    assert cut[2:-2, 2:-2].max() == 10


def test_jitter_stays_near_the_box() -> None:
    rng = np.random.default_rng(0)
    stored = sample("ABCDE", 4.0).pixels
    widths = [jittered_cut(stored, MARGIN, height=32, stretch=1.0, rng=rng).shape[1] for _ in range(200)]
    assert all(width % 4 == 0 for width in widths)
    assert 75 < min(widths) < 128 < max(widths) < 220


def test_wear_keeps_shape_and_does_something() -> None:
    rng = np.random.default_rng(0)
    image = np.tile(np.array([30, 220], np.uint8).repeat(6), (32, 8))
    worn = [wear(image, rng) for _ in range(50)]
    assert all(out.shape == image.shape and out.dtype == np.uint8 for out in worn)
    assert len({out.tobytes() for out in worn}) > 40
    assert np.median([np.ptp(out) for out in worn]) > 60  # still legible


def test_plausible_labels() -> None:
    assert is_plausible("TOTAL 9.00", 180, 30)
    assert is_plausible("1", 15, 30)
    assert not is_plausible("", 100, 30)
    assert not is_plausible("CASHIER", 2, 70)
    assert not is_plausible("7 DAY WITH RECEIPT.", 40, 30)  # the box of another text
    assert not is_plausible("***", 350, 30)


def test_labels_are_cleaned() -> None:
    assert clean_text("  TOTAL\t  “X” ", ALPHABET) == 'TOTAL "X"'


def test_frames_needed_counts_the_blanks_between_equal_characters() -> None:
    assert frames_needed(ALPHABET.encode("ABC")) == 3
    assert frames_needed(ALPHABET.encode("BOOKKEEPER")) == 13


def test_a_pass_has_every_sample_once_in_batches_of_bounded_size() -> None:
    rng = np.random.default_rng(0)
    samples = [sample("A" * n, 0.6 * n + 0.3) for n in rng.integers(1, 30, 300)]
    plan = plan_batches(samples, columns=4096, height=32, stretch=1.25, rng=rng)
    assert sorted(index for batch in plan for index in batch) == list(range(300))
    for batch in plan:
        widths = [samples[index].aspect * 40 for index in batch]
        assert max(widths) * len(batch) <= 4096 or len(batch) == 1
        assert max(widths) - min(widths) < 0.45 * max(widths) + 40


def test_batch_pads_and_counts_frames() -> None:
    batch = make_batch([sample("AB", 2.0), sample("ABCD", 4.0, cased=False)], height=32, stretch=1.0, rng=None)
    assert batch is not None
    assert batch.images.shape == (2, 1, 32, 128)
    assert batch.images.dtype == np.float32
    np.testing.assert_allclose(batch.images, 220 / 127.5 - 1, atol=1e-6)
    assert batch.frames.tolist() == [16, 32]
    assert batch.lengths.tolist() == [2, 4]
    assert ALPHABET.decode(batch.targets) == "ABABCD"
    assert batch.cased.tolist() == [True, False]


def test_labels_too_long_for_their_frames_are_left_out() -> None:
    rng = np.random.default_rng(0)
    crowded = sample("I" * 40, 2.0)
    assert make_batch([crowded], height=32, stretch=1.0, rng=rng) is None
    batch = make_batch([crowded, sample("AB", 2.0)], height=32, stretch=1.0, rng=rng)
    assert batch is not None
    assert len(batch.images) == 1


def test_samples_of_a_data_set(tmp_path: Path) -> None:
    image = np.full((120, 300, 3), 255, np.uint8)
    texts = ["Total £9", "Ω", "X"]
    boxes = [[[10, 10], [130, 10], [130, 40], [10, 40]], [[10, 50], [40, 50], [40, 80], [10, 80]], [[9, 9]] * 4]
    segments = [LabeledSegment(np.array(q, np.float32), t) for q, t in zip(boxes, texts, strict=True)]
    write_receipt(tmp_path, "a", image, segments, {})
    write_split(tmp_path, {"train": ["a"], "validation": []})
    samples = load_samples(load_split(tmp_path, "train"), ALPHABET, cased=True)
    assert [one.text for one in samples] == ["Total £9"]  # no such character, and a box without a size
    assert samples[0].aspect == pytest.approx(4.0)
    assert samples[0].cased


def test_learning_rate_warms_up_and_ends_at_zero() -> None:
    assert learning_rate(0, 0.0, 1e-3, 100) == pytest.approx(1e-5)
    assert learning_rate(99, 0.0, 1e-3, 100) == pytest.approx(1e-3)
    assert learning_rate(5000, 0.5, 1e-3, 100) == pytest.approx(5e-4)
    assert learning_rate(9000, 1.0, 1e-3, 100) == pytest.approx(0.0)
