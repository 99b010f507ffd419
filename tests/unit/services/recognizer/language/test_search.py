"""Test the beam search with a language model."""

from __future__ import annotations

import numpy as np
import pytest

from services.recognizer.language.search import beam_search
from tests.support.language_models import ALPHABET, build_logits, build_model


def test_search_with_empty_model_reads_likeliest_text() -> None:
    frames = np.exp(build_logits([{"A": 0.9}, {"": 0.9}, {"A": 0.9}, {"1": 0.95}]))
    labels, probability = beam_search(frames, build_model([]))
    assert ALPHABET.decode(labels) == "AA1"
    assert 0.5 < probability <= 1.0


def test_blank_frames_do_not_change_text() -> None:
    frames = np.exp(build_logits([{"A": 0.6, "B": 0.39}, {}, {}, {}, {"1": 0.95}, {}]))
    apart, near = beam_search(frames, build_model([])), beam_search(frames[[0, 1, 4]], build_model([]))
    assert apart[0] == near[0]
    assert apart[1] == pytest.approx(near[1], rel=1e-3)


def test_double_letter_needs_blank_between() -> None:
    frames = np.exp(build_logits([{"L": 0.9}, {"L": 0.9}]))
    assert ALPHABET.decode(beam_search(frames, build_model([]))[0]) == "L"
