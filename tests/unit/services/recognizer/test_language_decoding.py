"""Test decoding with a language model, and alignment of texts to frames."""

from __future__ import annotations

import numpy as np

from services.recognizer.decoding import align, decode_segment
from tests.support.language_models import ALPHABET, TEXTS, build_logits, build_model


def test_model_corrects_uncertain_character() -> None:
    doubtful = [{"T": 0.98}, {"O": 0.98}, {"T": 0.98}, {"A": 0.98}, {"I": 0.5, "L": 0.45}]
    assert decode_segment(build_logits(doubtful), ALPHABET).text == "TOTAI"
    mended = decode_segment(build_logits(doubtful), ALPHABET, build_model(TEXTS * 20))
    assert mended.text == "TOTAL"
    # The uncertainty stays visible.
    assert 0.5 < mended.confidence < 1.0


def test_model_does_not_prefer_digit() -> None:
    seen = [{"T": 0.98}, {"0": 0.5, "1": 0.49}]
    assert decode_segment(build_logits(seen), ALPHABET, build_model(["T1"] * 50)).text == "T0"


def test_model_does_not_override_certain_text() -> None:
    clear = [{character: 0.999} for character in "TOTAI"]
    assert decode_segment(build_logits(clear), ALPHABET, build_model(TEXTS * 20)).text == "TOTAI"


def test_corrected_text_keeps_case() -> None:
    frames = [{"t": 0.98}, {"o": 0.98}, {"t": 0.98}, {"a": 0.98}, {"i": 0.5, "l": 0.45}]
    assert decode_segment(build_logits(frames), ALPHABET, build_model(TEXTS * 20)).text == "total"


def test_aligns_characters_to_frames() -> None:
    frames = np.exp(build_logits([{"A": 0.9}, {"A": 0.8}, {"": 0.9}, {"A": 0.7}, {"B": 0.6}, {"": 0.99}]))
    a, b = ALPHABET.encode("AB").tolist()
    path = align(frames, [a, a, b])
    assert path is not None
    assert path.tolist() == [a, a, 0, a, b, 0]


def test_text_too_long_for_frames_has_no_alignment() -> None:
    frames = np.exp(build_logits([{"A": 0.9}, {"A": 0.9}]))
    a = int(ALPHABET.encode("A")[0])
    assert align(frames, [a, a]) is None
    nothing = align(frames, [])
    assert nothing is not None
    assert nothing.tolist() == [0, 0]
