"""Test the n-gram language model."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from services.recognizer.alphabet import Alphabet
from services.recognizer.language.model import NAME, WEIGHTS, LanguageModel, count_ngrams, list_symbols
from services.recognizer.network.loading import read_weights
from services.recognizer.settings import WEIGHTS as RECOGNIZER_WEIGHTS
from services.recognizer.training.language import export_model
from shared.inference.weights import WeightsError, save_weights
from tests.support.language_models import ALPHABET, TEXTS, build_model, measure_log_probability


@pytest.mark.parametrize("text", ["", "THA", "XQZ", "TOTAL 0", "Thank you, ", "77"])
def test_probabilities_of_every_history_sum_to_one(text: str) -> None:
    language = build_model(TEXTS)
    # The first symbol is the end.
    letters = [symbol for symbol in list_symbols(ALPHABET)[1:] if symbol != "0"]
    total = sum(math.exp(measure_log_probability(language, text, symbol)) for symbol in ["", *letters, *"0123456789"])
    assert total == pytest.approx(1.0)


def test_seen_character_follows_witten_and_bell() -> None:
    """`A` follows `H` twice: n = 2, T = 1, so P = (2 + P of the shorter history) / 3 at every length."""
    # The bigrams are start T, TH, HA and A end.
    language = build_model(["THA", "THA"], order=2)
    uniform = 1.0 / len(list_symbols(ALPHABET))
    unigram = (2 + 4 * uniform) / (8 + 4)
    assert measure_log_probability(language, "H", "A") == pytest.approx(math.log((2 + unigram) / 3))


def test_unseen_character_backs_off_to_shorter_history() -> None:
    language = build_model(["THA", "THA"], order=2)
    uniform = 1.0 / len(list_symbols(ALPHABET))
    unigram = (2 + 4 * uniform) / (8 + 4)
    assert measure_log_probability(language, "H", "T") == pytest.approx(math.log(unigram / 3))
    assert measure_log_probability(language, "X", "T") == pytest.approx(math.log(unigram))


def test_ignores_case_and_value_of_digits() -> None:
    language = build_model(TEXTS)
    assert measure_log_probability(language, "TOTAL ", "1") == measure_log_probability(language, "TOTAL ", "7")
    assert measure_log_probability(language, "", "t") == measure_log_probability(language, "", "T")
    assert measure_log_probability(language, "tOtAl 9", "7") == measure_log_probability(language, "TOTAL 1", "7")


def test_ignores_accents_and_kind_of_currency() -> None:
    language = build_model(["THANK YOU", "TOTAL €5", "GRÖSSE"])
    assert measure_log_probability(language, "THÄ", "Ň") == measure_log_probability(language, "THA", "N")
    assert measure_log_probability(language, "TOTAL ", "₺") == measure_log_probability(language, "TOTAL ", "€")
    assert measure_log_probability(language, "GRO", "ß") == measure_log_probability(language, "GRÖ", "S")


def test_reads_older_counts_that_distinguish_accents(tmp_path: Path) -> None:
    alphabet = Alphabet("AEÉ")
    # Symbols are the edge, A, E and É: "AÉ" twice.
    ngrams = np.array([[0, 0, 1], [0, 1, 3], [1, 3, 0]], np.uint8)
    save_weights(
        tmp_path,
        {"ngrams": ngrams, "counts": np.full(3, 2, np.int32)},
        name=NAME,
        architecture={"order": 3},
        alphabet="AEÉ",
        training={},
        measures={},
    )
    language = LanguageModel.load(tmp_path, alphabet)
    assert measure_log_probability(language, "A", "É", alphabet) > measure_log_probability(language, "A", "E", alphabet)


def test_serves_recognizer_that_reads_more_characters(tmp_path: Path) -> None:
    export_model(TEXTS, tmp_path, data="made up", order=4)
    more = Alphabet(ALPHABET.characters + "Ωỳ")
    language, fewer = LanguageModel.load(tmp_path, more), LanguageModel.load(tmp_path, ALPHABET)
    assert measure_log_probability(language, "THA", "N", more) == measure_log_probability(fewer, "THA", "N")
    assert measure_log_probability(language, "THANK ", "ỳ", more) == measure_log_probability(fewer, "THANK ", "Y")
    assert measure_log_probability(language, "THA", "Ω", more) < measure_log_probability(fewer, "THA", "N")


def test_expects_end_of_known_text() -> None:
    language = build_model(TEXTS)
    assert measure_log_probability(language, "YOU", "") > measure_log_probability(language, "YOU", "R")


def test_skips_empty_texts_and_unknown_characters() -> None:
    ngrams, counts = count_ngrams(["Ω", " ", ""], ALPHABET, 3)
    assert ngrams.shape == (0, 3)
    assert counts.sum() == 0


def test_rejects_another_alphabet(tmp_path: Path) -> None:
    export_model(TEXTS, tmp_path, data="made up")
    with pytest.raises(WeightsError, match="another alphabet"):
        LanguageModel.load(tmp_path, Alphabet("AB"))


def test_released_counts_know_receipts() -> None:
    alphabet = read_weights(RECOGNIZER_WEIGHTS).alphabet
    language = LanguageModel.load(WEIGHTS, alphabet)
    assert measure_log_probability(language, "TOTA", "L", alphabet) > math.log(0.9)


def test_reads_counts_as_written(tmp_path: Path) -> None:
    export_model(TEXTS, tmp_path, data="made up", order=4)
    loaded = LanguageModel.load(tmp_path, ALPHABET)
    assert measure_log_probability(loaded, "THA", "N") == measure_log_probability(build_model(TEXTS), "THA", "N")
    assert loaded.version.startswith("ngram-")
