"""Whole segments and parts of segments with features, from which runs are made. numpy only."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.extractor.encoding import FEATURES as LAYOUT
from services.extractor.encoding import Document
from services.extractor.features.wording import WORDING_FEATURES
from services.extractor.network.classes import CLASSES, ITEM_CLASSES, KEY_CLASSES
from services.extractor.ranking.evidence import KINDS, Evidence, count_within, is_site_name
from shared.arrays import Doubles, Floats

Integers = npt.NDArray[np.int64]

_AMOUNTS = ("total", "subtotal", "tax", "tip", "discount", "cash", "card", "change", "rounding", "service_charge")
# Classes whose probabilities are added up; a unit has the mean over its letters and digits.
_GROUPS: dict[str, tuple[str, ...]] = {
    "company": ("company",),
    "address": ("address",),
    "phone": ("phone", "phone_key"),
    "number": ("tax_id", "tax_id_key", "receipt_number", "receipt_number_key"),
    "when": ("date", "time", "date_key", "time_key"),
    "item": ITEM_CLASSES,
    "amount": _AMOUNTS,
    "key": KEY_CLASSES,
    "other": ("other",),
}
_LAYOUT = (
    "y", "centering", "left", "height", "row_from_top", "row_from_bottom", "row_segments", "gap_above", "gap_below",
    "letters", "digits", "doubt",
)  # fmt: skip
_WORDS = tuple(name for name in WORDING_FEATURES if name in ("thanks_word", "staff_word", "phone_word", "number_word"))
_TEXT = (
    "length", "short", "capitals", "few_letters", "repeated", "echoed", "site_name", "brand", "brand_first",
    "legal_end", "bare_legal", "one_word_legal", "first_row", "is_part", "is_brand",
)  # fmt: skip
FEATURES: tuple[str, ...] = (
    *(f"p_{name}" for name in _GROUPS),
    "logit_company",
    "logit_address",
    *_LAYOUT,
    "other_word",
    *_WORDS,
    *KINDS,
    *_TEXT,
)
INDEX = {name: number for number, name in enumerate(FEATURES)}
_LAYOUT_COLUMNS = [LAYOUT.index(name) for name in _LAYOUT]
_WORDING = slice(LAYOUT.index(WORDING_FEATURES[0]), LAYOUT.index(WORDING_FEATURES[-1]) + 1)
_WORD_COLUMNS = [WORDING_FEATURES.index(name) for name in _WORDS]
_OTHER_WORD_COLUMNS = [number for number, name in enumerate(WORDING_FEATURES) if name not in _WORDS]
_LIMIT = 6.0
_LONG = 40.0
_SHORT = 3
_MAX_COUNT = 2.0
_TOKEN = re.compile(r"[^\W_]+")
_WORD = re.compile(r"\(?[^\s(]+(?:\([^\s)]*\)(?=\w))?|\(")
# Words of a segment with less than this share of its highest probability may be left out, but not above the second.
_RELATIVE, _MAX_THRESHOLD, _MIN_PROBABILITY = 0.5, 0.5, 0.1
_MIN_KEY = 4
_MIN_BRAND, _MAX_BRANDS = 5, 10
# Letters and digits beside a legal form with which a unit has nothing but that.
_MAX_BARE = 1


@dataclass(frozen=True)
class Units:
    """U units: first the S whole segments in reading order, then parts of segments, then brands within segments.

    Attributes:
        place: (U,) segment of each, in reading order.
        start: (U,) first character in the document's text.
        end: (U,) end in the document's text.
        letters: (U,) number of letters and digits.
        features: (U, len(FEATURES)).
        keys: The letters and digits of each, in upper case.
        first_brand: Number of the first brand; U if there is none.
    """

    place: Integers
    start: Integers
    end: Integers
    letters: Doubles
    features: Doubles
    keys: Sequence[str]
    first_brand: int


def build_units(document: Document, scores: Floats, evidence: Evidence) -> Units:
    """Cut a receipt into units.

    Args:
        document: The receipt, not empty.
        scores: (T, at least len(CLASSES)) probabilities for each character.
        evidence: What its words say.
    """
    is_letter = np.array([character.isalnum() for character in document.text])
    sums = _sum_up(scores[:, : len(CLASSES)] @ _GROUP_MATRIX, is_letter)
    count = np.concatenate([[0], np.cumsum(is_letter)])
    start, end = document.start[:-1], document.start[1:] - 1
    parts = _find_parts(document, sums, count)
    first_brand = len(start) + len(parts)
    parts += _find_brand_parts(document, evidence)
    place = np.concatenate([np.arange(len(start)), [one[0] for one in parts]]).astype(np.int64)
    start = np.concatenate([start, [one[1] for one in parts]]).astype(np.int64)
    end = np.concatenate([end, [one[2] for one in parts]]).astype(np.int64)
    letters = (count[end] - count[start]).astype(np.float64)
    keys = ["".join(filter(str.isalnum, document.text[a:b])).upper() for a, b in zip(start, end, strict=True)]
    means = (sums[end] - sums[start]) / np.maximum(letters, 1.0)[:, None]
    features = np.zeros((len(place), len(FEATURES)))
    groups = len(_GROUPS)
    features[:, :groups] = means
    clipped = np.clip(means[:, :2], 1e-4, 1 - 1e-4)
    features[:, groups : groups + 2] = np.clip(np.log(clipped / (1 - clipped)), -_LIMIT, _LIMIT)
    at = groups + 2
    features[:, at : at + len(_LAYOUT)] = document.features[start][:, _LAYOUT_COLUMNS]
    at += len(_LAYOUT)
    words = np.maximum.reduceat(document.features[:, _WORDING], document.start[:-1], axis=0)[place] == 1.0
    features[:, at] = words[:, _OTHER_WORD_COLUMNS].any(axis=1)
    features[:, at + 1 : at + 1 + len(_WORDS)] = words[:, _WORD_COLUMNS]
    at += 1 + len(_WORDS)
    for places in evidence.counts:
        features[:, at] = np.minimum(count_within(places, start, end), _MAX_COUNT)
        at += 1
    features[:, at:] = _describe_text(document, evidence, (place, start, end), letters, keys)
    features[first_brand:, INDEX["is_brand"]] = 1.0
    return Units(place, start, end, letters, features, keys, first_brand)


def _describe_text(
    document: Document,
    evidence: Evidence,
    where: tuple[Integers, Integers, Integers],
    letters: Doubles,
    keys: Sequence[str],
) -> Doubles:
    """Return the features of `_TEXT`, (U, len(_TEXT))."""
    place, start, end = where
    count = len(document.order)
    repeats = Counter(keys[:count])
    printed = "\n".join(keys[:count])
    capitals = np.concatenate([[0], np.cumsum([character.isupper() for character in document.text])])
    covered = _cover(evidence.brands, len(document.text))
    legal = _cover(evidence.legal_forms, len(document.text), document.text)
    long_keys = [key if len(key) >= _MIN_KEY else "" for key in keys]
    size = np.maximum(end - start, 1)
    columns = {
        "length": np.minimum(letters, _LONG) / _LONG,
        "short": letters < _SHORT,
        "capitals": (capitals[end] - capitals[start]) / np.maximum(letters, 1.0),
        "few_letters": document.features[start, LAYOUT.index("letters")] < 0.5,
        "repeated": [repeats[key] > 1 for key in long_keys],
        "echoed": [bool(key) and printed.count(key) > repeats[key] for key in long_keys],
        "site_name": [is_site_name(key.lower(), evidence.site_names) for key in keys],
        "brand": (covered[end] - covered[start]) / size,
        "brand_first": np.isin(start, evidence.brands[:, 0]),
        "legal_end": _ends_in(np.sort(evidence.legal_forms[:, 1]), start, end),
        "bare_legal": (legal[end] - legal[start] > 0) & (letters - (legal[end] - legal[start]) <= _MAX_BARE),
        # RESTAURANT SDN BHD is the end of a name whose beginning is on the line above.
        "one_word_legal": [
            has_legal and len(_TOKEN.findall(document.text[a:b])) == 1
            for has_legal, a, b in zip(
                legal[end] - legal[start] > 0, start, _before_legal(evidence, start, end), strict=True
            )
        ],
        "first_row": document.row[place] == 0,
        "is_part": np.arange(len(place)) >= count,
        "is_brand": np.zeros(len(place)),
    }
    return np.stack([np.asarray(columns[name], np.float64) for name in _TEXT], axis=1)


def _before_legal(evidence: Evidence, start: Integers, end: Integers) -> list[int]:
    """Return where the first legal form in each unit begins; the end of the unit without one."""
    begins = [*evidence.legal_forms[:, 0].tolist(), int(end.max()) + 1]
    at = np.searchsorted(evidence.legal_forms[:, 0], start)
    return [min(begins[number], int(last)) for number, last in zip(at, end, strict=True)]


def _cover(spans: Integers, length: int, text: str | None = None) -> Doubles:
    """Return how many characters before each one are within spans, (T + 1,); of a text, only letters and digits."""
    covered = np.zeros(length)
    for first, last in spans:
        covered[first:last] = 1.0 if text is None else [float(character.isalnum()) for character in text[first:last]]
    return np.concatenate([[0.0], np.cumsum(covered)])


def _ends_in(ends: Integers, start: Integers, end: Integers) -> Doubles:
    """Return whether a legal form ends at the end of each unit, or one character before it."""
    return np.minimum(count_within(ends, np.maximum(start + 1, end - 1), end + 1), 1.0)


def _sum_up(values: Floats, is_letter: npt.NDArray[np.bool_]) -> Doubles:
    """Return sums over the letters and digits before each character, (T + 1, K)."""
    sums = np.cumsum(np.where(is_letter[:, None], values, 0.0), axis=0, dtype=np.float64)
    return np.concatenate([np.zeros((1, values.shape[1])), sums])


def _find_parts(document: Document, sums: Doubles, count: Integers) -> list[tuple[int, int, int]]:
    """Return (place, start, end) of words likelier to be a company, or an address, than the rest of their segment."""
    found: set[tuple[int, int, int]] = set()
    for place in range(len(document.order)):
        begin, finish = int(document.start[place]), int(document.start[place + 1]) - 1
        total = (sums[finish, :2] - sums[begin, :2]).max()
        if total < _MIN_PROBABILITY * 2:
            continue
        text = document.text[begin:finish]
        words = [(begin + match.start(), begin + match.end()) for match in _WORD.finditer(text)]
        if len(words) < 2:
            continue
        bounds = np.array(words)
        sizes = count[bounds[:, 1]] - count[bounds[:, 0]]
        masses = sums[bounds[:, 1], :2] - sums[bounds[:, 0], :2]
        for column in range(2):
            part = _likeliest_words(masses[:, column], sizes)
            if part is not None:
                first, last = int(bounds[part[0], 0]), int(bounds[part[1], 1])
                if (first, last) != (begin + len(text) - len(text.lstrip()), begin + len(text.rstrip())):
                    found.add((place, first, last))
    return sorted(found)


def _find_brand_parts(document: Document, evidence: Evidence) -> list[tuple[int, int, int]]:
    """Return (place, start, end) of brands that are a part of a segment: of "The Meijer Team" only Meijer."""
    found = []
    for start, end in evidence.brands.tolist():
        place = int(document.segment[start])
        rest = (
            document.text[int(document.start[place]) : start] + document.text[end : int(document.start[place + 1]) - 1]
        )
        if end - start >= _MIN_BRAND and any(map(str.isalnum, rest)):
            found.append((place, start, end))
    return found[:_MAX_BRANDS]


def _likeliest_words(masses: Doubles, sizes: Integers) -> tuple[int, int] | None:
    """Return the first and last of the run of words with the largest gain over half the highest probability."""
    means = masses / np.maximum(sizes, 1)
    highest = float(means.max())
    if highest < _MIN_PROBABILITY:
        return None
    threshold = min(_RELATIVE * highest, _MAX_THRESHOLD)
    gains = (masses - threshold * sizes).tolist()
    best, best_gain, gain, first = None, 0.0, 0.0, 0
    for number, one in enumerate(gains):
        if gain <= 0:
            gain, first = 0.0, number
        gain += one
        if gain > best_gain:
            best, best_gain = (first, number), gain
    return best


def _group_matrix() -> Floats:
    matrix = np.zeros((len(CLASSES), len(_GROUPS)), np.float32)
    for column, names in enumerate(_GROUPS.values()):
        matrix[[CLASSES.index(name) for name in names], column] = 1.0
    return matrix


_GROUP_MATRIX = _group_matrix()
