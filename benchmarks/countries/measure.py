"""Measures how receipts of many countries are read, with accents and currency signs.

    python -m benchmarks.countries --output runs/countries.json [--receipts 4] [--seed 977] [--countries DE,FR]

Renders synthetic receipts of each country, on worn paper, and reads them with labeled boxes and from pixels. Case is
ignored, but a word with a wrong accent or sign is wrong. Trainings do not use these receipts.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.report import write_json
from quittance.evaluation.chain import read_labeled, start_chain
from quittance.evaluation.records import Record
from shared.learning.dataset import load_split, write_receipt, write_split
from shared.measures.matches import Matches, fold
from shared.measures.words import compare_words
from synthesis.world_generator import render_world_receipt

# Where accents, currency signs and number formats differ most.
COUNTRIES = (
    "DE", "FR", "ES", "PT", "IT", "PL", "CZ", "SK", "HU", "RO", "HR", "SI", "TR", "SE", "DK", "NO", "FI", "EE", "LV",
    "LT", "IS", "GB", "US", "BR", "IN",
)  # fmt: skip
CURRENCY_SIGNS = "€£¥₹₺₫₱฿₩"
# Romanian letters with a comma below, and the letters with a cedilla that older encodings have in their place.
_CEDILLAS = str.maketrans("ȘșȚț", "ŞşŢţ")


def write_receipts(folder: Path, country: str, count: int, seed: int) -> None:
    """Render receipts of a country into a folder in the layout of SROIE, as split `made`."""
    keys = [f"{country}-{seed}-{index:03d}" for index in range(count)]
    for key in keys:
        receipt = render_world_receipt(f"countries {key}", {country: 1.0})
        write_receipt(folder, key, receipt.image, receipt.segments, receipt.entities)
    write_split(folder, {"made": keys})


def count_found(labels: Iterable[str], read: Iterable[str], characters: str | None = None) -> Matches:
    """Count the labeled words with certain characters that were read on a receipt.

    Args:
        labels: Labeled texts.
        read: Readings.
        characters: Words without any of these are left out; None leaves out words in ASCII.
    """
    found = Counter(word for text in read for word in _fold(text).split())
    chosen = Counter(
        word
        for text in labels
        for word in _fold(text).split()
        if (not word.isascii() if characters is None else any(one in characters for one in word))
    )
    matched = (chosen & found).total()
    return Matches(matched, chosen.total(), matched)


def score_readings(labels: Sequence[Sequence[str]], read: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Score the readings of several receipts.

    Returns:
        `f1` of words, `accented` (share of the words outside ASCII that are right), `signs` (share of the words with a
        currency sign that are right) and the numbers of these words, `accented_words` and `sign_words`.
    """
    pairs = list(zip(labels, read, strict=True))
    accented = sum((count_found(expected, found) for expected, found in pairs), Matches())
    signs = sum((count_found(expected, found, CURRENCY_SIGNS) for expected, found in pairs), Matches())
    words = compare_words([[_fold(text) for text in one] for one in labels], [[_fold(t) for t in one] for one in read])
    return {
        "f1": round(words.f1, 4),
        "accented": round(accented.recall, 4),
        "accented_words": accented.labeled,
        "signs": round(signs.recall, 4),
        "sign_words": signs.labeled,
    }


def _fold(text: str) -> str:
    return fold(text.translate(_CEDILLAS))


def _score_records(records: Sequence[Record]) -> dict[str, Any]:
    labels = [[line.text for line in record.labels] for record in records]
    pixels = [[line.text for line in record.receipt.lines] if record.receipt else [] for record in records]
    return {
        "given_boxes": score_readings(labels, [record.given_boxes for record in records]),
        "pixels": score_readings(labels, pixels),
    }


async def measure(countries: Sequence[str], count: int, seed: int, output: Path) -> dict[str, Any]:
    """Render and read receipts of each country; write the file after each.

    Returns:
        `about`, `models`, `countries` (by code, then `given_boxes` and `pixels`), and the same for `all`.
    """
    every: list[Record] = []
    results: dict[str, Any] = {"about": {"receipts_per_country": count, "seed": seed}, "countries": {}}
    async with start_chain() as chain:
        results["models"] = (await chain.stages.models()).model_dump()
        for country in countries:
            with tempfile.TemporaryDirectory() as folder:
                write_receipts(Path(folder), country, count, seed)
                records = [await read_labeled(chain, receipt) for receipt in load_split(Path(folder), "made")]
            every += records
            results["countries"][country] = _score_records(records)
            results["all"] = _score_records(every)
            write_json(output, results)
            print(country, results["countries"][country], flush=True)
    return results


def build_table(results: dict[str, Any]) -> Table:
    """Return the results as a table: shares of words in percent."""
    table = Table(title=f"{results['about']['receipts_per_country']} receipts per country", title_justify="left")
    names = ("Country", "Words, given boxes", "Accented", "Signs", "Words, pixels", "Accented", "Signs")
    for name in names:
        table.add_column(name, justify="left" if name == "Country" else "right")
    for country, one in [*results["countries"].items(), ("All", results["all"])]:
        numbers = [
            f"{100 * scores[name]:.1f}" if count is None or scores[count] else ""
            for scores in (one["given_boxes"], one["pixels"])
            for name, count in (("f1", None), ("accented", "accented_words"), ("signs", "sign_words"))
        ]
        table.add_row(country, *numbers)
    return table
