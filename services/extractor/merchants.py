"""A directory of known merchants: corrects the spelling of a company or an address that was nearly read.

It is made from the labels of the training receipts, and a user may add a list of vendors. It is a help and never a
need: what it does not know stays as it was read. Addresses of two branches differ in little but numbers, so that digits
have to agree before an address is taken for a known one.

`services.extractor.training.merchants` writes the directory that ships with the weights.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from shared.look_alikes import are_look_alikes, fold_look_alikes

DIRECTORY = Path(__file__).parent / "merchants.json"
SPLITS = ("train", "validation")

# Legal forms that many names end in; they say nothing about which company it is.
_LEGAL_FORM = re.compile(r"(?:SDNBHD|SENDIRIANBERHAD|BERHAD|BHD|SB|PLT|LTD|INC|LLC|GMBH)$")
_COMPANY_SIMILAR, _COMPANY_SIMILAR_SURE = 0.8, 0.85
# Names end in what a shop deals in (HARDWARE TRADING) and differ before that, so their first halves have to agree too.
_HALF_SIMILAR = 0.75
_ADDRESS_SIMILAR = 0.93
# The runner-up must be this much less similar, or it is anybody's guess which one is meant.
_MARGIN = 0.02
_SHORT = 6
# A spelling met this often is a habit and no accident.
_OFTEN = 3
# An address met this many times less often than the usual one is rare. Signs of one company do differ, however.
_RARE = 5


class DirectoryError(Exception):
    """A list of vendors cannot be read; the message names the file and what is wrong."""


@dataclass(frozen=True)
class Correction:
    """What the directory makes of a value. `known`: it has it; `corrected`: it spells it otherwise."""

    value: str
    known: bool
    corrected: bool


class Directory:
    """Known companies and addresses.

    Args:
        companies: Names as they should be written, as often as they were met.
        addresses: Pairs of company and address, likewise.
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

    def usual(self, field: str, value: str) -> float:
        """How usual a spelling of a company or an address is among all of the same letters, 0 (unknown) to 1."""
        spellings = (self._companies if field == "company" else self._addresses).get(letters(value), Counter())
        same = sum(count for spelling, count in spellings.items() if spelling.upper() == value.upper())
        return same / (spellings.total() + 1.0)

    def company(self, text: str, *, sure: bool = False) -> Correction:
        """The company that a text names, as the directory spells it.

        Args:
            text: The name as read.
            sure: Whether it was read beyond doubt; then punctuation stays as it is, since signs of one company differ.
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
        """The address that a text gives, as the directory spells it.

        Args:
            text: The address as read.
            company: The company on the same receipt, if it is known; one digit that was misread is forgiven only where
                the directory knows the address as this company's.
            sure: Whether it was read beyond doubt; then no digit was misread, and only a spelling met several times is
                put in its place.
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
        """The longest known address that stands letter by letter in a text and takes in all of a part of it.

        Args:
            printed: Letters and digits of the whole text.
            within: Letters and digits of the part.
        """
        found = [key for key in self._addresses if len(key) > len(within) and within in key and key in printed]
        return _usual(self._addresses[max(found, key=len)]) if found else None


def letters(text: str) -> str:
    """The letters and digits of a text, upper case."""
    return "".join(character for character in text.upper() if character.isalnum())


def load_directory(path: Path = DIRECTORY, vendors: Path | None = None, *, splits: Sequence[str] = SPLITS) -> Directory:
    """The directory in a file, and a user's own vendors.

    Args:
        path: A file written by `services.extractor.training.merchants`.
        splits: What was met in others than these is left out.
        vendors: A CSV file with the columns `company` and, if wanted, `address`; or a JSON list of objects with these.

    Raises:
        DirectoryError: If a file cannot be read.
    """
    rows = [
        (entry["company"], entry["address"], sum(int(entry["count"].get(split, 0)) for split in splits))
        for entry in _json(path)["merchants"]
    ]
    if vendors is not None:
        # A user's own vendor outweighs whatever was met in training.
        rows += [(company, address, 1_000) for company, address in read_vendors(vendors)]
    return Directory(
        (company for company, _, count in rows for _ in range(count) if company),
        ((company, address) for company, address, count in rows for _ in range(count) if address),
    )


def read_vendors(path: Path) -> list[tuple[str, str]]:
    """A user's vendors as pairs of company and address ('' where there is none); see `load_directory`."""
    if path.suffix.lower() == ".json":
        content = _json(path)
        if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
            raise DirectoryError(f"{path}: a JSON list of objects with `company` and `address` is wanted")
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
    """Up to three known keys and their similarities, 0 to 1, of at least `least`; the most similar first."""
    found = process.extract(
        key,
        list(known),
        scorer=Levenshtein.normalized_similarity,
        processor=fold_look_alikes,
        score_cutoff=least,
        limit=3,
    )
    return [(other, similarity) for other, similarity, _ in found]


def _begin_alike(core: str, other: str) -> bool:
    half = max(len(core), len(other)) // 2
    first, second = fold_look_alikes(core[:half]), fold_look_alikes(other[:half])
    return Levenshtein.normalized_similarity(first, second) >= _HALF_SIMILAR


def _usual(spellings: Counter[str]) -> str:
    return spellings.most_common(1)[0][0]


def _as_written(text: str, spellings: Counter[str], sure: bool, *, rare: int | None = None) -> Correction:
    """Letters and digits agree: a spelling that the directory has stays, else the usual one is taken over.

    Unless it was read beyond doubt, one met `rare` times less often than the usual one is more likely that one, with a
    comma taken for a full stop.
    """
    met = max((count for spelling, count in spellings.items() if spelling.upper() == text.upper()), default=0)
    most = spellings.most_common(1)[0][1]
    if (met and (sure or rare is None or met * rare > most)) or (sure and most < _OFTEN):
        return Correction(text, known=True, corrected=False)
    return Correction(_usual(spellings), known=True, corrected=True)


def _core(key: str) -> str:
    return _LEGAL_FORM.sub("", key) or key


def _digits_differ(read: str, known: str) -> int:
    """How many digits were read otherwise than known, those not counted that look like what was read."""
    count = 0
    for operation in Levenshtein.editops(read, known):
        before = read[operation.src_pos] if operation.tag != "insert" else ""
        after = known[operation.dest_pos] if operation.tag != "delete" else ""
        look_alike = are_look_alikes(before, after)
        if (before.isdigit() or after.isdigit()) and not look_alike:
            count += 1
    return count
