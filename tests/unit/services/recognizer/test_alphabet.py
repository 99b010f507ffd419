"""Test the alphabet."""

from __future__ import annotations

import pytest

from services.recognizer.alphabet import DEFAULT_CHARACTERS, Alphabet, AlphabetError


def test_alphabet_round_trip() -> None:
    alphabet = Alphabet()
    assert alphabet.decode(alphabet.encode(DEFAULT_CHARACTERS)) == DEFAULT_CHARACTERS
    assert sorted(alphabet.encode(DEFAULT_CHARACTERS)) == list(range(1, alphabet.classes))
    assert alphabet.decode([0, 1, 0]) == DEFAULT_CHARACTERS[0]


def test_alphabet_covers_receipts() -> None:
    assert Alphabet().covers("Total: £9.00 (20% VAT) €1 ¥5 é ~`|{}")


def test_alphabet_pairs_every_latin_letter() -> None:
    alphabet = Alphabet()
    pairs = {(alphabet.characters[c - 1], alphabet.characters[s - 1]) for c, s in alphabet.case_pairs}
    assert pairs == {(c, c.lower()) for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def test_error_names_missing_and_repeated_characters() -> None:
    with pytest.raises(AlphabetError, match="Ω"):
        Alphabet().encode("5 Ω")
    with pytest.raises(AlphabetError, match="twice"):
        Alphabet("ABA")
    with pytest.raises(AlphabetError):
        Alphabet("")


def test_normalizes_typographic_characters() -> None:
    assert Alphabet().normalize("“Łódź” – 5…") == '"Łodz" - 5...'
    assert Alphabet().normalize("é") == "é"
