from __future__ import annotations

import numpy as np
import pytest

from services.recognizer.alphabet import DEFAULT_CHARACTERS, Alphabet, AlphabetError
from services.recognizer.decoding import best_paths, decode, decode_all, merge_case, softmax
from services.recognizer.letter_case import runs, word_case

ALPHABET = Alphabet("AaBb 1")  # classes 1 to 6


def logits(frames: list[dict[str, float]]) -> np.ndarray:
    """Frames given as probabilities by character, '' the blank; the rest of a frame is shared by the others."""
    rows = np.zeros((len(frames), ALPHABET.classes))
    for row, frame in zip(rows, frames, strict=True):
        row[:] = (1.0 - sum(frame.values())) / max(1, ALPHABET.classes - len(frame))
        for character, probability in frame.items():
            row[ALPHABET.encode(character)[0] if character else 0] = probability
    return np.log(np.maximum(rows, 1e-9)).astype(np.float32)


def say(characters: str, probability: float = 0.9) -> np.ndarray:
    return logits([{"" if character == "-" else character: probability} for character in characters])


def test_alphabet_round_trip() -> None:
    alphabet = Alphabet()
    assert alphabet.decode(alphabet.encode(DEFAULT_CHARACTERS)) == DEFAULT_CHARACTERS
    assert sorted(alphabet.encode(DEFAULT_CHARACTERS)) == list(range(1, alphabet.classes))
    assert alphabet.decode([0, 1, 0]) == DEFAULT_CHARACTERS[0]


def test_alphabet_holds_what_receipts_need() -> None:
    assert Alphabet().covers("Total: £9.00 (20% VAT) €1 ¥5 é ~`|{}")


def test_alphabet_pairs_every_latin_letter() -> None:
    alphabet = Alphabet()
    pairs = {(alphabet.characters[c - 1], alphabet.characters[s - 1]) for c, s in alphabet.case_pairs}
    assert pairs == {(c, c.lower()) for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def test_alphabet_names_what_it_does_not_know() -> None:
    with pytest.raises(AlphabetError, match="Ω"):
        Alphabet().encode("5 Ω")
    with pytest.raises(AlphabetError, match="twice"):
        Alphabet("ABA")
    with pytest.raises(AlphabetError):
        Alphabet("")


def test_alphabet_normalizes_print_to_plain_characters() -> None:
    assert Alphabet().normalize("“Łódź” – 5…") == '"Łodz" - 5...'
    assert Alphabet().normalize("é") == "é"


def test_runs_are_merged_and_blanks_part_equal_characters() -> None:
    assert decode(say("AA-A11-"), ALPHABET).text == "AA1"


def test_runs_end_with_their_segment() -> None:
    starts, labels = runs(np.array([[1, 1, 0], [0, 6, 6]]))
    assert starts.tolist() == [0, 2, 3, 4]
    assert labels.tolist() == [1, 0, 0, 6]


def test_what_is_behind_a_segment_says_nothing() -> None:
    probabilities = softmax(np.stack([say("A11"), say("A-A")]))
    paths, confidences = best_paths(probabilities, [2, 3])
    assert paths.tolist() == [[1, 6, 0], [1, 0, 1]]
    np.testing.assert_allclose(confidences, 0.81, atol=1e-3)


def test_segments_read_together_are_read_as_each_alone() -> None:
    segments = [say("A-1b", 0.7), say("b1--", 0.9), say("----", 0.8)]
    lengths = [4, 2, 3]
    together = decode_all(np.stack(segments), lengths, ALPHABET)
    assert [one.text for one in together] == ["A1b", "b1", ""]
    alone = [decode(segment[:length], ALPHABET) for segment, length in zip(segments, lengths, strict=True)]
    assert together == alone


def test_confidence_is_the_product_of_the_peaks() -> None:
    read = decode(logits([{"A": 0.8}, {"A": 0.5}, {"": 0.99}, {"1": 0.9}]), ALPHABET)
    assert read.text == "A1"
    # Each of the remaining six classes of frame 0 has 0.2 / 6, so `a` adds that much to `A`.
    assert read.confidence == pytest.approx((0.8 + 0.2 / 6) * 0.9, rel=1e-3)


def test_doubt_about_case_costs_neither_the_letter_nor_confidence() -> None:
    read = decode(logits([{"B": 0.28, "b": 0.31, "1": 0.4}]), ALPHABET)
    assert read.text == "b"
    assert read.confidence == pytest.approx(0.59, abs=1e-3)


def test_case_is_told_by_all_frames_of_a_character() -> None:
    assert decode(logits([{"A": 0.5, "a": 0.45}, {"A": 0.1, "a": 0.8}]), ALPHABET).text == "a"


def test_spaces_are_single_and_none_at_the_ends() -> None:
    assert decode(say(" -A - - B- "), ALPHABET).text == "A B"


def test_nothing_said() -> None:
    blank = decode(logits([{"": 0.95}, {"": 0.7}]), ALPHABET)
    assert blank.text == ""
    assert blank.confidence == pytest.approx(0.7, abs=1e-3)
    empty = decode(np.zeros((0, ALPHABET.classes), np.float32), ALPHABET)
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


@pytest.mark.parametrize(
    ("odds", "lower"),
    [
        ([-5, 6, 7, -1, 6], "-++++"),  # ThanK: the doubtful k goes with its word
        ([-6, -5, 0.5, -7], "----"),  # CAsH
        ([0.4, 6, 6], "+++"),  # a doubtful first letter is as it was seen
        ([-0.4, 6, 6], "-++"),
        ([-6, 6, -7, 6, 6], "-+-++"),  # McDon: no doubt, so it stays
        ([2], "+"),
    ],
)
def test_doubtful_case_follows_the_word(odds: list[float], lower: str) -> None:
    assert "".join("+" if one else "-" for one in word_case(np.array(odds, np.float32))) == lower


def test_case_is_settled_word_by_word() -> None:
    gap, doubtful = {"": 0.95}, {"A": 0.4, "a": 0.55}
    frames = [{"A": 0.95}, gap, {"A": 0.95}, gap, doubtful, {"1": 0.9}, {"b": 0.95}, gap, {"a": 0.9}]
    assert decode(logits(frames), ALPHABET).text == "AAA1ba"
