from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from services.recognizer.alphabet import BLANK, Alphabet
from services.recognizer.decoding import align, decode
from services.recognizer.language.model import WEIGHTS, LanguageModel, count, symbols
from services.recognizer.language.search import beam_search
from services.recognizer.training.language import export, spaced_like
from shared.inference.weights import WeightsError

ALPHABET = Alphabet()
TEXTS = ["THANK YOU", "THANK YOU", "TOTAL 12.00", "Total 7.50"]


def model(texts: list[str], order: int = 4) -> LanguageModel:
    return LanguageModel(*count(texts, ALPHABET, order), ALPHABET)


def likelihood(language: LanguageModel, text: str, character: str) -> float:
    """Logarithm of the probability of a character after a text, '' its end."""
    history = language.start()
    for label in ALPHABET.encode(text).tolist():
        history = language.after(history, label)
    return language.log_probability(history, int(ALPHABET.encode(character)[0]) if character else BLANK)


def logits(frames: list[dict[str, float]], alphabet: Alphabet = ALPHABET) -> np.ndarray:
    """Frames given as probabilities by character, '' the blank; the rest goes to the blank."""
    rows = np.full((len(frames), alphabet.classes), 1e-7)
    for row, frame in zip(rows, frames, strict=True):
        row[0] = max(1e-7, 1.0 - sum(frame.values()))
        for character, probability in frame.items():
            row[alphabet.encode(character)[0] if character else 0] = probability
    return np.log(rows).astype(np.float32)


@pytest.mark.parametrize("text", ["", "THA", "XQZ", "TOTAL 0", "Thank you, ", "77"])
def test_probabilities_of_every_history_add_up_to_one(text: str) -> None:
    language = model(TEXTS)
    letters = [symbol for symbol in symbols(ALPHABET)[1:] if symbol != "0"]  # the first stands for the end
    total = sum(math.exp(likelihood(language, text, symbol)) for symbol in ["", *letters, *"0123456789"])
    assert total == pytest.approx(1.0)


def test_one_kind_after_a_history_follows_witten_and_bell() -> None:
    """`H` was followed by `A` twice: n = 2, T = 1, so P = (2 + P of the shorter history) / 3 all the way down."""
    language = model(["THA", "THA"], order=2)  # bigrams: start T, TH, HA, A end
    uniform = 1.0 / len(symbols(ALPHABET))
    unigram = (2 + 4 * uniform) / (8 + 4)
    assert likelihood(language, "H", "A") == pytest.approx(math.log((2 + unigram) / 3))


def test_what_never_followed_a_history_gets_a_share_of_the_shorter_one() -> None:
    language = model(["THA", "THA"], order=2)
    uniform = 1.0 / len(symbols(ALPHABET))
    unigram = (2 + 4 * uniform) / (8 + 4)
    assert likelihood(language, "H", "T") == pytest.approx(math.log(unigram / 3))
    assert likelihood(language, "X", "T") == pytest.approx(math.log(unigram))


def test_digits_share_one_probability_and_case_does_not_count() -> None:
    language = model(TEXTS)
    assert likelihood(language, "TOTAL ", "1") == likelihood(language, "TOTAL ", "7")
    assert likelihood(language, "", "t") == likelihood(language, "", "T")
    assert likelihood(language, "tOtAl 9", "7") == likelihood(language, "TOTAL 1", "7")


def test_the_end_of_a_known_text_is_expected() -> None:
    language = model(TEXTS)
    assert likelihood(language, "YOU", "") > likelihood(language, "YOU", "R")


def test_texts_with_unknown_characters_and_empty_ones_are_not_counted() -> None:
    ngrams, counts = count(["Ω", " ", ""], ALPHABET, 3)
    assert ngrams.shape == (0, 3)
    assert counts.sum() == 0


def test_search_without_knowledge_reads_what_was_seen() -> None:
    frames = np.exp(logits([{"A": 0.9}, {"": 0.9}, {"A": 0.9}, {"1": 0.95}]))
    labels, probability = beam_search(frames, model([]))
    assert ALPHABET.decode(labels) == "AA1"
    assert 0.5 < probability <= 1.0


def test_search_mends_what_print_left_in_doubt() -> None:
    doubtful = [{"T": 0.98}, {"O": 0.98}, {"T": 0.98}, {"A": 0.98}, {"I": 0.5, "L": 0.45}]
    assert decode(logits(doubtful), ALPHABET).text == "TOTAI"
    mended = decode(logits(doubtful), ALPHABET, model(TEXTS * 20))
    assert mended.text == "TOTAL"
    assert 0.5 < mended.confidence < 1.0  # more likely than not, and the doubt stays visible


def test_language_never_prefers_one_digit() -> None:
    seen = [{"T": 0.98}, {"0": 0.5, "1": 0.49}]
    assert decode(logits(seen), ALPHABET, model(["T1"] * 50)).text == "T0"


def test_language_does_not_overrule_what_was_seen_clearly() -> None:
    clear = [{character: 0.999} for character in "TOTAI"]
    assert decode(logits(clear), ALPHABET, model(TEXTS * 20)).text == "TOTAI"


def test_mended_text_keeps_the_case_that_was_seen() -> None:
    frames = [{"t": 0.98}, {"o": 0.98}, {"t": 0.98}, {"a": 0.98}, {"i": 0.5, "l": 0.45}]
    assert decode(logits(frames), ALPHABET, model(TEXTS * 20)).text == "total"


def test_blank_frames_tell_no_text_from_another() -> None:
    frames = np.exp(logits([{"A": 0.6, "B": 0.39}, {}, {}, {}, {"1": 0.95}, {}]))
    apart, near = beam_search(frames, model([])), beam_search(frames[[0, 1, 4]], model([]))
    assert apart[0] == near[0]
    assert apart[1] == pytest.approx(near[1], rel=1e-3)


def test_a_double_letter_needs_a_blank_between() -> None:
    frames = np.exp(logits([{"L": 0.9}, {"L": 0.9}]))
    assert ALPHABET.decode(beam_search(frames, model([]))[0]) == "L"


def test_alignment_gives_each_character_its_frames() -> None:
    frames = np.exp(logits([{"A": 0.9}, {"A": 0.8}, {"": 0.9}, {"A": 0.7}, {"B": 0.6}, {"": 0.99}]))
    a, b = ALPHABET.encode("AB").tolist()
    path = align(frames, [a, a, b])
    assert path is not None
    assert path.tolist() == [a, a, 0, a, b, 0]


def test_a_text_too_long_for_the_frames_has_no_alignment() -> None:
    frames = np.exp(logits([{"A": 0.9}, {"A": 0.9}]))
    a = int(ALPHABET.encode("A")[0])
    assert align(frames, [a, a]) is None
    nothing = align(frames, [])
    assert nothing is not None
    assert nothing.tolist() == [0, 0]


def test_counts_survive_the_disk(tmp_path: Path) -> None:
    export(TEXTS, tmp_path, data="made up", order=4)
    loaded = LanguageModel.load(tmp_path, ALPHABET)
    assert likelihood(loaded, "THA", "N") == likelihood(model(TEXTS), "THA", "N")
    assert loaded.version.startswith("ngram-")


def test_another_alphabet_is_refused(tmp_path: Path) -> None:
    export(TEXTS, tmp_path, data="made up")
    with pytest.raises(WeightsError, match="another alphabet"):
        LanguageModel.load(tmp_path, Alphabet("AB"))


def test_released_counts_know_receipts() -> None:
    language = LanguageModel.load(WEIGHTS, ALPHABET)
    assert likelihood(language, "TOTA", "L") > math.log(0.9)


@pytest.mark.parametrize(
    ("label", "reading", "wanted"),
    [
        ("THANKYOU!", "Thank you", "THANK YOU!"),
        ("TOTAL12.00", "TOTAL: 12.00", "TOTAL 12.00"),
        ("SUBTOTAL", "S0B TOTAL", "SUB TOTAL"),
        ("CASH", "", "CASH"),
    ],
)
def test_labels_without_spaces_take_those_of_the_reading(label: str, reading: str, wanted: str) -> None:
    assert spaced_like(label, reading) == wanted
