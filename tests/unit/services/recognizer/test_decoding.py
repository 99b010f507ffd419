"""Test greedy decoding, case and confidence."""

from __future__ import annotations

import numpy as np
import pytest

from services.recognizer.alphabet import Alphabet
from services.recognizer.decoding import decode_segment, decode_segments, find_best_paths, merge_case, softmax

# Classes 1 to 6.
ALPHABET = Alphabet("AaBb 1")


def build_logits(frames: list[dict[str, float]]) -> np.ndarray:
    """Build logits of frames from probabilities by character; '' is the blank. The other classes share the rest."""
    rows = np.zeros((len(frames), ALPHABET.classes))
    for row, frame in zip(rows, frames, strict=True):
        row[:] = (1.0 - sum(frame.values())) / max(1, ALPHABET.classes - len(frame))
        for character, probability in frame.items():
            row[ALPHABET.encode(character)[0] if character else 0] = probability
    return np.log(np.maximum(rows, 1e-9)).astype(np.float32)


def build_text_logits(characters: str, probability: float = 0.9) -> np.ndarray:
    return build_logits([{"" if character == "-" else character: probability} for character in characters])


def test_merges_runs_and_splits_at_blanks() -> None:
    assert decode_segment(build_text_logits("AA-A11-"), ALPHABET).text == "AA1"


def test_ignores_frames_after_segment() -> None:
    probabilities = softmax(np.stack([build_text_logits("A11"), build_text_logits("A-A")]))
    paths, confidences = find_best_paths(probabilities, [2, 3])
    assert paths.tolist() == [[1, 6, 0], [1, 0, 1]]
    np.testing.assert_allclose(confidences, 0.81, atol=1e-3)


def test_segments_decode_together_as_alone() -> None:
    segments = [build_text_logits("A-1b", 0.7), build_text_logits("b1--", 0.9), build_text_logits("----", 0.8)]
    lengths = [4, 2, 3]
    together = decode_segments(np.stack(segments), lengths, ALPHABET)
    assert [one.text for one in together] == ["A1b", "b1", ""]
    alone = [decode_segment(segment[:length], ALPHABET) for segment, length in zip(segments, lengths, strict=True)]
    assert together == alone


def test_confidence_is_product_of_peaks() -> None:
    read = decode_segment(build_logits([{"A": 0.8}, {"A": 0.5}, {"": 0.99}, {"1": 0.9}]), ALPHABET)
    assert read.text == "A1"
    # Each of the remaining six classes of frame 0 has 0.2 / 6, so `a` adds that much to `A`.
    assert read.confidence == pytest.approx((0.8 + 0.2 / 6) * 0.9, rel=1e-3)


def test_uncertain_case_does_not_lower_confidence() -> None:
    read = decode_segment(build_logits([{"B": 0.28, "b": 0.31, "1": 0.4}]), ALPHABET)
    assert read.text == "b"
    assert read.confidence == pytest.approx(0.59, abs=1e-3)


def test_case_follows_all_frames_of_character() -> None:
    assert decode_segment(build_logits([{"A": 0.5, "a": 0.45}, {"A": 0.1, "a": 0.8}]), ALPHABET).text == "a"


def test_collapses_and_strips_spaces() -> None:
    assert decode_segment(build_text_logits(" -A - - B- "), ALPHABET).text == "A B"


def test_decodes_blank_and_empty_segments() -> None:
    blank = decode_segment(build_logits([{"": 0.95}, {"": 0.7}]), ALPHABET)
    assert blank.text == ""
    assert blank.confidence == pytest.approx(0.7, abs=1e-3)
    empty = decode_segment(np.zeros((0, ALPHABET.classes), np.float32), ALPHABET)
    assert (empty.text, empty.confidence) == ("", 0.0)


def test_merging_case_keeps_frames_normalized() -> None:
    probabilities = softmax(np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32))
    merged = merge_case(probabilities, ALPHABET)
    np.testing.assert_allclose(merged.sum(axis=-1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(merged[:, 1], probabilities[:, 1] + probabilities[:, 2], rtol=1e-5)
    assert not merged[:, 2].any()
    assert not merged[:, 4].any()


def test_softmax_of_large_scores_is_finite() -> None:
    np.testing.assert_allclose(softmax(np.array([[1e4, -1e4, 1e4]], np.float32)), [[0.5, 0.0, 0.5]])


def test_decides_case_word_by_word() -> None:
    gap, doubtful = {"": 0.95}, {"A": 0.4, "a": 0.55}
    frames = [{"A": 0.95}, gap, {"A": 0.95}, gap, doubtful, {"1": 0.9}, {"b": 0.95}, gap, {"a": 0.9}]
    assert decode_segment(build_logits(frames), ALPHABET).text == "AAA1ba"
