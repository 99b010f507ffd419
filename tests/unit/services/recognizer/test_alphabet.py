"""Test the alphabet."""

from __future__ import annotations

import pytest

from services.recognizer.alphabet import (
    DEFAULT_CHARACTERS,
    FIRST_CHARACTERS,
    Alphabet,
    AlphabetError,
    strip_accent,
)


def test_alphabet_round_trip() -> None:
    alphabet = Alphabet()
    assert alphabet.decode(alphabet.encode(DEFAULT_CHARACTERS)) == DEFAULT_CHARACTERS
    assert sorted(alphabet.encode(DEFAULT_CHARACTERS)) == list(range(1, alphabet.classes))
    assert alphabet.decode([0, 1, 0]) == DEFAULT_CHARACTERS[0]


def test_alphabet_covers_receipts() -> None:
    assert Alphabet().covers("Total: £9.00 (20% VAT) €1 ¥5 é ~`|{}")
    assert Alphabet().covers("„Straße“ – zł, Kč, ₹ ₺ ₫ ₱ ฿ ₩ « Þórður » ‘ŒUVRE’ ĞÜŞİÖÇ")


def test_alphabet_has_every_letter_of_latin_1_and_latin_extended_a() -> None:
    letters = "".join(chr(code) for code in range(0xA0, 0x180) if chr(code).isalpha())
    assert len(letters) == 193
    assert Alphabet().covers(letters)


def test_alphabet_pairs_every_latin_letter() -> None:
    alphabet = Alphabet()
    pairs = {(alphabet.characters[c - 1], alphabet.characters[s - 1]) for c, s in alphabet.case_pairs}
    assert {(c, c.lower()) for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZÀÉÑØÞŁŐŠŸŽ"} <= pairs
    # Their capitals are I, S, ʼN and SS.
    assert not {small for _, small in pairs} & set("ıſŉß")
    assert len({capital for capital, _ in pairs}) == len(pairs)


def test_error_names_missing_and_repeated_characters() -> None:
    with pytest.raises(AlphabetError, match="Ω"):
        Alphabet().encode("5 Ω")
    with pytest.raises(AlphabetError, match="twice"):
        Alphabet("ABA")
    with pytest.raises(AlphabetError):
        Alphabet("")


def test_normalizes_typographic_characters() -> None:
    assert Alphabet(FIRST_CHARACTERS).normalize("“Łódź” – 5…") == '"Lodz" - 5...'
    assert Alphabet().normalize("“Łódź” – 5…") == "“Łódź” – 5..."
    assert Alphabet(FIRST_CHARACTERS).normalize("é") == "é"


def test_normalizes_to_as_many_accents_as_the_alphabet_has() -> None:
    assert Alphabet().normalize("Phở bò tái ấm, Țară") == "Pho bò tái âm, Ţară"
    # A letter without a plain form stays, so that its label is not used.
    assert not Alphabet(FIRST_CHARACTERS).covers(Alphabet(FIRST_CHARACTERS).normalize("ß"))


def test_strips_accents() -> None:
    assert "".join(map(strip_accent, "Łódź Ærø ß “–” €")) == 'Lodz Aro s "-" €'
