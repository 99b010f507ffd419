"""Measures for labels without spaces, such as those of WildReceipt (arXiv:2103.14470).

Texts are compared without white space and case. A company or an address is correct at an edit similarity of at least
0.9 (one minus the Levenshtein distance over the longer length). Dates and totals must be equal.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from rapidfuzz.distance import Levenshtein

from shared.measures.deteval import match_by_iou
from shared.measures.matches import Matches
from shared.normalization import find_dates, parse_amount

# Minimum edit similarity of a correct company or address.
SIMILAR = 0.9
_YEAR_AND_TIME = re.compile(r"(\d{4})(\d{1,2}:\d{2})")


def pack_text(text: str) -> str:
    """Return the form in which texts are compared: upper case without white space."""
    return "".join(text.upper().split())


def compare_segments(
    labels: ArrayLike, texts: Sequence[str], found: ArrayLike, read: Sequence[str], threshold: float = 0.5
) -> Matches:
    """Compare whole segments of one receipt: found and read correctly.

    Args:
        labels: Labeled boxes `(N, 4)` or quads `(N, 4, 2)` in pixels.
        texts: Labeled text of each.
        found: Detected boxes `(M, 4)` or quads `(M, 4, 2)` in pixels.
        read: Reading of each.
        threshold: Minimum intersection over union of a match; matches are one to one, best first.
    """
    pairs = match_by_iou(labels, found, threshold)
    right = sum(pack_text(texts[label]) == pack_text(read[detection]) for label, detection in pairs)
    return Matches(matched=right, labeled=len(texts), answered=len(read))


def compare_value(accepted: Sequence[str], answer: str | None, *, similar: bool = False) -> Matches:
    """Compare one field of one receipt.

    Args:
        accepted: Correct texts; none if the receipt does not have the field.
        answer: The answer; None or '' for none.
        similar: Whether an edit similarity of `SIMILAR` is enough.
    """
    wanted = [pack_text(text) for text in accepted if pack_text(text)]
    given = pack_text(answer or "")
    if similar:
        right = bool(given) and any(Levenshtein.normalized_similarity(text, given) >= SIMILAR for text in wanted)
    else:
        right = bool(given) and given in wanted
    return Matches(matched=int(right), labeled=int(bool(wanted)), answered=int(bool(given)))


def judge_value(name: str, accepted: Sequence[str], answer: str | None) -> bool | None:
    """Judge one field of one receipt as a person would: dates as days and totals as numbers.

    Args:
        name: The field.
        accepted: Correct texts.
        answer: The answer; None or '' for none.

    Returns:
        Whether it is right; None if the labels do not tell, because there are none or they are of something else.
        Labels of photographs leave out what is hard to read, so a field without a label may be on the receipt.
    """
    labels = [label for label in accepted if label.strip()]
    if not labels:
        return None
    if compare_value(labels, answer, similar=name in ("company", "address")).matched:
        return True
    if name == "date":
        days = set().union(*map(_find_days, labels))
        return bool(days & _find_days(answer or "")) if days else None
    if name == "total":
        amounts = {amount for label in labels if (amount := parse_amount(label)) is not None}
        return parse_amount(answer or "") in amounts if amounts else None
    return False


def _find_days(text: str) -> set[datetime.date]:
    """Return the days that the dates of a text may mean; a year may touch a time, as in `4/4/20127:33AM`."""
    dates = find_dates(text) or find_dates(_YEAR_AND_TIME.sub(r"\1 \2", text))
    return {day for date in dates for day in (date.day_first, date.month_first) if day is not None}


def stack_quads(quads: Sequence[ArrayLike]) -> np.ndarray:
    """Return quads as `(N, 4, 2)` float32, even if there are none."""
    return np.array(quads, np.float32).reshape(-1, 4, 2)
