"""Test the measure of reading receipts of many countries."""

from __future__ import annotations

from pathlib import Path

from benchmarks.countries.measure import COUNTRIES, build_table, count_found, score_readings, write_receipts
from shared.learning.dataset import load_split
from synthesis.world.countries import load_countries


def test_wrong_accent_makes_word_wrong() -> None:
    scores = score_readings([["Müller Łódź", "5,00 kg"]], [["MÜLLER Lódź", "5,00 kq"]])
    assert scores == {"f1": 0.5, "accented": 0.5, "accented_words": 2, "signs": 1.0, "sign_words": 0}


def test_counts_currency_signs() -> None:
    assert count_found(["€5 ₹7 Ü"], ["₹7 Ü"], "€₹").recall == 0.5
    assert score_readings([["€5", "₹7"]], [["€5", "77"]])["signs"] == 0.5


def test_both_forms_of_romanian_letters_are_right() -> None:
    assert score_readings([["Țară și"]], [["Ţară şi"]])["f1"] == 1.0


def test_measures_25_countries() -> None:
    assert len(set(COUNTRIES)) == 25
    assert set(COUNTRIES) <= set(load_countries())


def test_writes_receipts_and_a_table(tmp_path: Path) -> None:
    write_receipts(tmp_path, "PL", 1, seed=3)
    (receipt,) = load_split(tmp_path, "made")
    assert receipt.entities["total"]
    scores = score_readings([["ą €1"]], [["ą €1"]])
    one = {"given_boxes": scores, "pixels": scores}
    table = build_table({"about": {"receipts_per_country": 1}, "countries": {"PL": one}, "all": one})
    assert table.row_count == 2
