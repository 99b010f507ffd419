"""Words that receipts print, by language and concept."""

from __future__ import annotations

import pytest

from shared.normalization.cldr import load_cldr
from shared.normalization.folding import fold
from shared.normalization.vocabulary import (
    CONCEPTS,
    count_language_words,
    find_concepts,
    load_vocabulary,
    names_concept,
)


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("SUB TOTAL 10.00", "subtotal"),
        ("ZW-SUMME", "subtotal"),
        ("SUMME EUR 10,00", "total"),
        ("zu zahlen", "total"),
        ("TOTALE EURO", "total"),
        ("SUMA PLN", "total"),
        ("Do zapłaty", "total"),
        ("DO ZAPLATY", "total"),
        ("T0TA1 RM 9", "total"),
        ("TOTAL9.00", "total"),
        ("RÜCKGELD", "change"),
        ("Total Tax", "tax"),
        ("Cashier: Ana", "staff"),
        ("Fällig am", "due_date"),
    ],
)
def test_finds_what_a_row_announces(text: str, concept: str) -> None:
    assert concept in find_concepts(text)


def test_a_word_within_a_longer_one_does_not_count() -> None:
    assert not names_concept("SUB TOTAL 10.00", "total")
    assert not names_concept("Składniki", "total", "tax")
    assert not names_concept("PROMOTOTAL", "total")


def test_counts_words_of_one_language_only() -> None:
    counts = count_language_words("Zwischensumme\nMwSt\nRückgeld\nVielen Dank")
    assert max(counts, key=lambda language: counts[language]) == "de"


def test_every_language_has_the_words_that_a_total_needs() -> None:
    assert len(load_vocabulary()) >= 29
    for language, table in load_vocabulary().items():
        assert set(table) <= set(CONCEPTS), language
        assert table["total"], language
        assert language in load_cldr().months, language


@pytest.mark.parametrize("text", ["Größe", "Łódź", "İstanbul", "crème brûlée", "ﬁsch", "10–12", "日本"])
def test_folding_keeps_every_place(text: str) -> None:
    assert len(fold(text)) == len(text)
