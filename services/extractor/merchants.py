"""The merchant directory: corrects the spelling of nearly read companies and addresses.

It holds the labels of the training receipts, and users can add their own vendors. Names that it does not know stay as
they were read. Addresses of two branches often differ in numbers only, so digits have to agree before an address counts
as known.

`services.extractor.training.merchants` writes the directory that ships with the weights.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from shared.look_alikes import are_look_alikes, fold_look_alikes
from shared.normalization.folding import fold

DIRECTORY = Path(__file__).parent / "merchants.json"
SPLITS = ("train", "validation")

# Legal forms at the end of many names; they do not identify a company.
_LEGAL_FORM = re.compile(r"(?:SDNBHD|SENDIRIANBERHAD|BERHAD|BHD|SB|PLT|LTD|INC|LLC|GMBH)$")
_COMPANY_SIMILAR, _COMPANY_SIMILAR_SURE = 0.8, 0.85
# Many names end in a trade (HARDWARE TRADING) and differ before it, so their first halves have to agree, too.
_HALF_SIMILAR = 0.75
_ADDRESS_SIMILAR = 0.93
# With a smaller lead over the runner-up the match is ambiguous.
_MARGIN = 0.02
_SHORT = 6
# Occurrences from which a spelling is a habit and not an accident.
_OFTEN = 3
# A spelling of an address is rare if the usual one occurs this many times as often.
_RARE = 5


class DirectoryError(Exception):
    """The directory or a vendor list cannot be read; the message names the file and the fault."""


@dataclass(frozen=True)
class Correction:
    """A value as the directory spells it.

    Attributes:
        value: The spelling to use.
        known: Whether the directory has the value.
        corrected: Whether `value` differs from what was read.
    """

    value: str
    known: bool
    corrected: bool


class Directory:
    """Known companies and addresses.

    Args:
        companies: Names in the right spelling, one entry per occurrence.
        addresses: Pairs of company and address, one entry per occurrence.
    """

    def __init__(self, companies: Iterable[str] = (), addresses: Iterable[tuple[str, str]] = ()) -> None:
        self._companies = _by_key(companies)
        pairs = list(addresses)
        self._addresses = _by_key(address for _, address in pairs)
        self._cores = {_core(key): key for key in self._companies}
        self._at: dict[str, set[str]] = {}
        for company, address in pairs:
            self._at.setdefault(letters(address), set()).add(_core(letters(company)))

    def __len__(self) -> int:
        return len(self._companies) + len(self._addresses)

    def keys(self, field: str) -> Set[str]:
        """Return the letters and digits of all companies or addresses."""
        return (self._companies if field == "company" else self._addresses).keys()

    def usual(self, field: str, value: str) -> float:
        """Return the share of a spelling among all with the same letters and digits, 0 (unknown) to 1."""
        spellings = (self._companies if field == "company" else self._addresses).get(letters(value), Counter())
        same = sum(count for spelling, count in spellings.items() if spelling.upper() == value.upper())
        return same / (spellings.total() + 1.0)

    def company(self, text: str, *, sure: bool = False) -> Correction:
        """Look up a company.

        Args:
            text: The name as read.
            sure: Whether it was read without doubt. Then its punctuation stays, since a company's signs differ.
        """
        key = letters(text)
        if key in self._companies:
            if sure:
                return Correction(text, known=True, corrected=False)
            return _as_written(text, self._companies[key], sure)
        core = _core(key)
        if len(core) < _SHORT:
            return Correction(text, known=False, corrected=False)
        least = _COMPANY_SIMILAR_SURE if sure else _COMPANY_SIMILAR
        similar = [found for found in _nearest(core, self._cores, least) if _begin_alike(core, found[0])]
        if not similar or (len(similar) > 1 and similar[0][1] - similar[1][1] < _MARGIN):
            return Correction(text, known=False, corrected=False)
        return Correction(_usual(self._companies[self._cores[similar[0][0]]]), known=True, corrected=True)

    def address(self, text: str, company: str | None = None, *, sure: bool = False) -> Correction:
        """Look up an address.

        Args:
            text: The address as read.
            company: The company on the same receipt, if known. One misread digit is accepted only in an address that
                the directory lists for this company.
            sure: Whether it was read without doubt. Then no digit may differ, and only a spelling that occurs several
                times replaces it.
        """
        key = letters(text)
        if key in self._addresses:
            return _as_written(text, self._addresses[key], sure, rare=_RARE)
        core = _core(letters(company)) if company else None
        for other, _ in _nearest(key, self._addresses, _ADDRESS_SIMILAR):
            forgiven = int(not sure and core is not None and core in self._at.get(other, ()))
            often = self._addresses[other].total() >= _OFTEN
            if _digits_differ(key, other) <= forgiven and (often or not sure):
                return Correction(_usual(self._addresses[other]), known=True, corrected=True)
        return Correction(text, known=False, corrected=False)

    def printed_address(self, printed: str, within: str) -> str | None:
        """Return the longest known address that is printed in a text and contains a part of it; None without one.

        Args:
            printed: Letters and digits of the whole text.
            within: Letters and digits of the part.
        """
        found = [key for key in self._addresses if len(key) > len(within) and within in key and key in printed]
        return _usual(self._addresses[max(found, key=len)]) if found else None


def letters(text: str) -> str:
    """Return the letters and digits of a text in upper case."""
    return "".join(character for character in text.upper() if character.isalnum())


def load_directory(path: Path = DIRECTORY, vendors: Path | None = None, *, splits: Sequence[str] = SPLITS) -> Directory:
    """Load the directory and a user's own vendors.

    Args:
        path: A file written by `services.extractor.training.merchants`.
        splits: Splits of the dataset whose merchants to include.
        vendors: A CSV file with the columns `company` and, optionally, `address`, or a JSON list of objects with these
            keys.

    Raises:
        DirectoryError: If a file cannot be read.
    """
    rows = [
        (entry["company"], entry["address"], sum(int(entry["count"].get(split, 0)) for split in splits))
        for entry in _json(path)["merchants"]
    ]
    if vendors is not None:
        # A user's own vendor outweighs every training label.
        rows += [(company, address, 1_000) for company, address in read_vendors(vendors)]
    return Directory(
        (company for company, _, count in rows for _ in range(count) if company),
        ((company, address) for company, address, count in rows for _ in range(count) if address),
    )


def read_vendors(path: Path) -> list[tuple[str, str]]:
    """Return a user's vendors as pairs of company and address ("" for none), see `load_directory`.

    Raises:
        DirectoryError: If the file cannot be read or a vendor has no company.
    """
    if path.suffix.lower() == ".json":
        content = _json(path)
        if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
            raise DirectoryError(f"{path} is not a JSON list of objects with `company` and `address`")
        table = content
    else:
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                table = list(csv.DictReader(file))
        except (OSError, UnicodeDecodeError) as error:
            raise DirectoryError(f"{path} cannot be read: {error}") from None
    vendors = []
    for number, row in enumerate(table, start=1):
        company = str(row.get("company") or "").strip()
        if not company:
            raise DirectoryError(f"{path}: vendor {number} has no `company`")
        vendors.append((company, str(row.get("address") or "").strip()))
    return vendors


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise DirectoryError(f"{path} cannot be read: {error}") from None


def _by_key(values: Iterable[str]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for value in values:
        if key := letters(value):
            found.setdefault(key, Counter())[" ".join(value.split())] += 1
    return found


def _nearest(key: str, known: Iterable[str], least: float) -> list[tuple[str, float]]:
    """Return up to three known keys with a similarity of at least `least` (0 to 1), the most similar first."""
    found = process.extract(
        key,
        list(known),
        scorer=Levenshtein.normalized_similarity,
        processor=_comparable,
        score_cutoff=least,
        limit=3,
    )
    return [(other, similarity) for other, similarity, _ in found]


@lru_cache(maxsize=4096)
def _comparable(key: str) -> str:
    """Return letters and digits without accents, which are often misread, and with look-alikes folded."""
    return fold_look_alikes(fold(key).upper())


def _begin_alike(core: str, other: str) -> bool:
    half = max(len(core), len(other)) // 2
    first, second = _comparable(core[:half]), _comparable(other[:half])
    return Levenshtein.normalized_similarity(first, second) >= _HALF_SIMILAR


def _usual(spellings: Counter[str]) -> str:
    return spellings.most_common(1)[0][0]


def _as_written(text: str, spellings: Counter[str], sure: bool, *, rare: int | None = None) -> Correction:
    """Choose between a text and the usual spelling of the same letters and digits.

    A known spelling stays. If the usual spelling occurs more than `rare` times as often and the text was not read
    without doubt, it is more likely the usual one with a comma misread as a period.
    """
    met = max((count for spelling, count in spellings.items() if spelling.upper() == text.upper()), default=0)
    most = spellings.most_common(1)[0][1]
    if (met and (sure or rare is None or met * rare > most)) or (sure and most < _OFTEN):
        return Correction(text, known=True, corrected=False)
    return Correction(_usual(spellings), known=True, corrected=True)


def _core(key: str) -> str:
    return _LEGAL_FORM.sub("", key) or key


def _digits_differ(read: str, known: str) -> int:
    """Count the digits that differ, except for look-alikes."""
    count = 0
    for operation in Levenshtein.editops(read, known):
        before = read[operation.src_pos] if operation.tag != "insert" else ""
        after = known[operation.dest_pos] if operation.tag != "delete" else ""
        look_alike = are_look_alikes(before, after)
        if (before.isdigit() or after.isdigit()) and not look_alike:
            count += 1
    return count
