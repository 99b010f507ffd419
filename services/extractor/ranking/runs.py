"""Runs of neighboring segments as candidates for a field, with features of each run and of what is around it."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from services.extractor.encoding import Document
from services.extractor.ranking.units import FEATURES as UNIT_FEATURES
from services.extractor.ranking.units import INDEX, Integers, Units
from shared.arrays import Doubles

_NO = -1
_PAIR = ("same_row", "gap", "height_change", "shift")
# What tells where a run begins and ends, of the first and last unit and of the segments before and after the run.
_EDGE = (
    "p_company", "p_address", "p_phone", "p_number", "p_when", "p_item", "logit_company", "logit_address", "height",
    "centering", "letters", "doubt", "thanks_word", "phone_word", "number_word", "street", "postal", "place_and_code",
    "house_number", "phone_like", "web", "colon", "legal_end", "bare_legal", "one_word_legal", "brand_first",
    "is_part", "length",
)  # fmt: skip
_EDGE_COLUMNS = [INDEX[name] for name in _EDGE]
_WHOLE = (
    "two", "three", "four", "five", "more", "skips", "known", "legal_end_within", "brand_share", "site_name",
    "lowest", "highest", "share_of_mass", "highest_outside", "mean_logit", "postal_any", "street_any", "letters",
    "begins_document", "ends_document", "echoed_any", "legal_outside", "brand_outside",
)  # fmt: skip
FEATURES: tuple[str, ...] = (
    *(f"sum_{name}" for name in UNIT_FEATURES),
    *(f"mean_{name}" for name in UNIT_FEATURES),
    *(f"{place}_{name}" for place in ("first", "last", "before", "after") for name in _EDGE),
    *(f"{place}_{name}" for place in ("within", "before", "after") for name in _PAIR),
    *_WHOLE,
)
_PER_SUM = 4.0
# Number of letters at the beginning of a name that most units do not have.
_BEGINNING = 5
_SUMMED = (
    "legal_end", "brand", "site_name", "postal", "street", "length", "echoed", "logit_company", "logit_address",
)  # fmt: skip
_WHOLE_COLUMNS = [INDEX[name] for name in _SUMMED]


@dataclass(frozen=True)
class Runs:
    """R runs, each of the segments from `first` to `last` in reading order.

    Attributes:
        first: (R,) place of the first segment.
        last: (R,) place of the last segment.
        first_unit: (R,) unit that stands for the first segment.
        last_unit: (R,) unit that stands for the last segment.
        skipped: (R,) place in between that does not belong to the run, or -1.
    """

    first: Integers
    last: Integers
    first_unit: Integers
    last_unit: Integers
    skipped: Integers

    def units_of(self, number: int) -> list[int]:
        """Return the units of a run in reading order."""
        first, last = int(self.first[number]), int(self.last[number])
        inner = [place for place in range(first + 1, last) if place != self.skipped[number]]
        ends = [int(self.last_unit[number])] if last > first else []
        return [int(self.first_unit[number]), *inner, *ends]


def list_runs(units: Units, segments: int, *, most: int, skip: bool, field: str) -> Runs:
    """Return all runs of up to `most` segments; their ends may be parts of segments.

    Args:
        units: Of the receipt.
        segments: S, number of segments.
        most: Maximum number of segments.
        skip: Whether to list also runs of three and more without the inner segment that is least likely the field.
        field: "company" or "address".
    """
    first = np.concatenate([np.arange(max(segments - length, 0)) for length in range(most)])
    length = np.repeat(np.arange(most), [max(segments - one, 0) for one in range(most)])
    whole = np.stack([first, first + length, first, first + length, np.full(len(first), _NO)])
    tables = [whole]
    for unit in range(segments, units.first_brand):
        place = units.place[unit]
        begins = whole[:, whole[0] == place].copy()
        begins[2] = unit
        begins[3] = np.where(begins[0] == begins[1], unit, begins[3])
        ends = whole[:, (whole[1] == place) & (whole[0] < place)].copy()
        ends[3] = unit
        tables += [begins, ends]
    if field == "company":
        # A brand within a segment is a name on its own.
        alone = np.arange(units.first_brand, len(units.place))
        tables.append(np.stack([units.place[alone]] * 2 + [alone] * 2 + [np.full(len(alone), _NO)]))
    runs = np.concatenate(tables, axis=1).astype(np.int64)
    if skip:
        runs = np.concatenate([runs, _skip_inner(runs, units.features[:segments, INDEX[f"p_{field}"]])], axis=1)
    return Runs(*runs)


def _skip_inner(runs: Integers, likely: Doubles) -> Integers:
    """Return copies of the runs of three segments and more that leave out the inner segment least likely the field."""
    longer = runs[:, runs[1] - runs[0] >= 2].copy()
    window = np.arange(longer[1].max() - longer[0].min() + 1 if longer.size else 0)[None, :]
    inner = longer[0][:, None] + 1 + window[:, : int((longer[1] - longer[0]).max(initial=0)) - 1]
    values = np.where(inner < longer[1][:, None], likely[np.minimum(inner, len(likely) - 1)], np.inf)
    if longer.size:
        least = values.argmin(axis=1)
        longer[4] = inner[np.arange(len(least)), least]
        lower = np.minimum(likely[longer[0]], likely[longer[1]])
        longer = longer[:, values.min(axis=1) < lower]
    return longer


def describe_runs(document: Document, units: Units, runs: Runs, known: Set[str], *, field: str) -> Doubles:
    """Return the features of runs, (R, len(FEATURES)).

    Args:
        document: The receipt.
        units: Of the receipt.
        runs: The candidates.
        known: Letters and digits of the merchant directory's companies or addresses.
        field: "company" or "address".
    """
    count = len(document.order)
    inside = sum_inside(units.features, runs, count)
    edges = _pad(units.features[:, _EDGE_COLUMNS], count)
    pairs = _pad(_describe_pairs(document, units.features[:count]), count - 1)
    before, after, pair_before, pair_after = _find_neighbors(runs, count)
    return np.concatenate(
        [
            inside / _PER_SUM,
            inside / _lengths(runs)[:, None],
            units.features[runs.first_unit][:, _EDGE_COLUMNS],
            units.features[runs.last_unit][:, _EDGE_COLUMNS],
            edges[before],
            edges[after],
            _average_pairs(pairs, runs),
            pairs[pair_before],
            pairs[pair_after],
            _describe_whole(document, units, runs, known, inside[:, _WHOLE_COLUMNS], field),
        ],
        axis=1,
    )


def score_runs(
    document: Document, units: Units, runs: Runs, known: Set[str], weights: Doubles, *, field: str
) -> Doubles:
    """Return the weighted sum of the features of each run, (R,): `describe_runs(...) @ weights`, but much faster.

    A sum over the segments of a run is a difference of two sums from the start of the receipt, so the features are
    weighted before they are summed.
    """
    count = len(document.order)
    sizes = [len(UNIT_FEATURES)] * 2 + [len(_EDGE)] * 4 + [len(_PAIR)] * 3
    total, mean, first, last, before, after, within, over, under, whole = np.split(weights, np.cumsum(sizes))
    table = units.features
    columns = np.stack([table @ total / _PER_SUM, table @ mean], axis=1)
    inside = sum_inside(np.concatenate([columns, table[:, _WHOLE_COLUMNS]], axis=1), runs, count)
    edges = table[:, _EDGE_COLUMNS]
    pairs = _pad(_describe_pairs(document, table[:count]), count - 1)
    around = _find_neighbors(runs, count)
    scores = inside[:, 0] + inside[:, 1] / _lengths(runs)
    scores += (edges @ first)[runs.first_unit] + (edges @ last)[runs.last_unit]
    scores += _pad((edges @ before)[:, None], count)[around[0], 0] + _pad((edges @ after)[:, None], count)[around[1], 0]
    scores += _average_pairs((pairs @ within)[:, None], runs)[:, 0]
    scores += (pairs @ over)[around[2]] + (pairs @ under)[around[3]]
    return np.asarray(scores + _describe_whole(document, units, runs, known, inside[:, 2:], field) @ whole)


def sum_inside(columns: Doubles, runs: Runs, count: int) -> Doubles:
    """Return the sums of columns (U, K) over the units of each run, (R, K)."""
    whole = columns[:count]
    sums = np.concatenate([np.zeros((1, columns.shape[1])), np.cumsum(whole, axis=0)])
    inside = sums[runs.last + 1] - sums[runs.first]
    inside += columns[runs.first_unit] - whole[runs.first]
    inside += (columns[runs.last_unit] - whole[runs.last]) * (runs.last > runs.first)[:, None]
    inside -= whole[runs.skipped] * (runs.skipped >= 0)[:, None]
    return np.asarray(inside)


def _lengths(runs: Runs) -> Doubles:
    """Return the number of segments of each run, (R,)."""
    return np.asarray(runs.last - runs.first + 1 - (runs.skipped >= 0), np.float64)


def _pad(rows: Doubles, count: int) -> Doubles:
    """Return the first `count` rows and a row of zeros, for what is beyond the ends of the receipt."""
    return np.concatenate([rows[:count], np.zeros((1, rows.shape[1]))])


def _find_neighbors(runs: Runs, count: int) -> tuple[Integers, Integers, Integers, Integers]:
    """Return the rows of padded tables for the segments before and after each run, and for the pairs at its ends."""
    before = np.where(runs.first > 0, runs.first - 1, count)
    after = np.where(runs.last < count - 1, runs.last + 1, count)
    return before, after, np.where(runs.first > 0, runs.first - 1, count - 1), runs.last


def _average_pairs(pairs: Doubles, runs: Runs) -> Doubles:
    """Return the mean of padded columns of pairs over the neighbors within each run, (R, K)."""
    sums = np.concatenate([np.zeros((1, pairs.shape[1])), np.cumsum(pairs[:-1], axis=0)])
    return np.asarray((sums[runs.last] - sums[runs.first]) / np.maximum(runs.last - runs.first, 1)[:, None])


def _describe_pairs(document: Document, whole: Doubles) -> Doubles:
    """Return how each segment but the last relates to the next one, (S - 1, len(_PAIR))."""
    same = document.row[1:] == document.row[:-1]
    below = whole[:-1, INDEX["gap_below"]]
    height = np.abs(np.diff(whole[:, INDEX["height"]]))
    left, center = np.abs(np.diff(whole[:, INDEX["left"]])), np.abs(np.diff(whole[:, INDEX["centering"]]))
    return np.stack([same, np.where(same, 0.0, below), np.minimum(height, 1.0), np.minimum(left, center)], axis=1)


def _describe_whole(
    document: Document, units: Units, runs: Runs, known: Set[str], sums: Doubles, field: str
) -> Doubles:
    """Return the features of `_WHOLE`, (R, len(_WHOLE)); `sums` (R, len(_SUMMED)) are over the units of each run."""
    count = len(document.order)
    skips = runs.skipped >= 0
    length = _lengths(runs)
    inside = dict(zip(_SUMMED, sums.T, strict=True))
    likely = units.features[:count, INDEX[f"p_{field}"]]
    mass = likely * units.letters[:count]
    masses = np.concatenate([[0.0], np.cumsum(mass)])
    own = masses[runs.last + 1] - masses[runs.first] - np.where(skips, mass[runs.skipped], 0.0)
    ahead = np.concatenate([[0.0], np.maximum.accumulate(likely)])
    behind = np.concatenate([np.maximum.accumulate(likely[::-1])[::-1], [0.0]])
    lowest, highest = _extremes(likely, runs)
    columns = {
        "two": length == 2,
        "three": length == 3,
        "four": length == 4,
        "five": length == 5,
        "more": length > 5,
        "skips": skips,
        "known": _are_known(units, runs, known),
        "legal_end_within": inside["legal_end"] - units.features[runs.last_unit, INDEX["legal_end"]],
        "brand_share": inside["brand"] / length,
        "site_name": inside["site_name"] > 0,
        "lowest": lowest,
        "highest": highest,
        "share_of_mass": own / (masses[-1] + 2.0),
        "highest_outside": np.maximum(ahead[runs.first], behind[runs.last + 1]),
        "mean_logit": inside[f"logit_{field}"] / length,
        "postal_any": inside["postal"] > 0,
        "street_any": inside["street"] > 0,
        "letters": np.minimum(inside["length"], 3.0),
        "begins_document": runs.first == 0,
        "ends_document": runs.last == count - 1,
        "echoed_any": inside["echoed"] > 0,
        "legal_outside": units.features[:count, INDEX["legal_end"]].sum() > inside["legal_end"],
        "brand_outside": units.features[:count, INDEX["brand"]].max() > inside["brand"] + 0.1,
    }
    return np.stack([np.asarray(columns[name], np.float64) for name in _WHOLE], axis=1)


def _extremes(likely: Doubles, runs: Runs) -> tuple[Doubles, Doubles]:
    """Return the lowest and the highest probability of the segments of each run; a skipped one counts, too."""
    lowest, highest = likely[runs.first].copy(), likely[runs.first].copy()
    for offset in range(1, int((runs.last - runs.first).max(initial=0)) + 1):
        place = np.minimum(runs.first + offset, runs.last)
        lowest, highest = np.minimum(lowest, likely[place]), np.maximum(highest, likely[place])
    return lowest, highest


def _are_known(units: Units, runs: Runs, known: Set[str]) -> Doubles:
    """Return whether the letters and digits of each run are those of a known merchant's name or address."""
    found = np.zeros(len(runs.first))
    if not known:
        return found
    keys = units.keys
    beginnings = _list_beginnings(frozenset(known))
    # Few units begin like a known name.
    begins = np.array([bool(key) and key[:_BEGINNING] in beginnings for key in keys])
    begins |= np.array([not key for key in keys])
    for number in np.flatnonzero((runs.skipped < 0) & begins[runs.first_unit]).tolist():
        first, last = int(runs.first_unit[number]), int(runs.last_unit[number])
        joined = keys[first]
        if runs.last[number] > runs.first[number]:
            joined += "".join(keys[int(runs.first[number]) + 1 : int(runs.last[number])]) + keys[last]
        found[number] = bool(joined) and joined in known
    return found


@lru_cache(maxsize=8)
def _list_beginnings(known: frozenset[str]) -> frozenset[str]:
    """Return the first letters of names, one to `_BEGINNING` of each."""
    return frozenset(name[:length] for name in known for length in range(1, _BEGINNING + 1))
