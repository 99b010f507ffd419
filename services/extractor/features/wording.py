"""The words that announce values, in 30 languages, as inputs of the network. numpy only.

A network that sees only letters knows the languages it was trained on. Told that a word means a total, it reads a
total in any language of `shared/normalization/vocabulary.toml`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shared.arrays import Floats
from shared.normalization.vocabulary import Concept, find_concepts

_GROUPS: dict[str, tuple[Concept, ...]] = {
    "total_word": ("total",),
    "subtotal_word": ("subtotal",),
    "tax_word": ("tax",),
    "net_word": ("net", "gross"),
    "cash_word": ("paid", "cash"),
    "card_word": ("card", "wallet", "card_slip"),
    "voucher_word": ("voucher", "deposit"),
    "change_word": ("change",),
    "tip_word": ("tip",),
    "service_word": ("service",),
    "discount_word": ("discount",),
    "rounding_word": ("rounding",),
    "quantity_word": ("quantity",),
    "date_word": ("date", "time"),
    "other_date_word": ("due_date", "order_date", "expiry"),
    "phone_word": ("phone",),
    "tax_id_word": ("tax_id",),
    "number_word": ("receipt_number", "invoice"),
    "staff_word": ("staff",),
    "thanks_word": ("thanks",),
}
# 1 on the characters of such a word, `_ON_ROW` on the others of its row.
WORDING_FEATURES: tuple[str, ...] = tuple(_GROUPS)
_ON_ROW = 0.5
_COLUMNS_OF: dict[Concept, list[int]] = {}
for _column, _concepts in enumerate(_GROUPS.values()):
    for _concept in _concepts:
        _COLUMNS_OF.setdefault(_concept, []).append(_column)


def wording_features(
    texts: Sequence[str], start: npt.NDArray[np.int64], row: npt.NDArray[np.int64], length: int
) -> Floats:
    """Compute WORDING_FEATURES for every character.

    Args:
        texts: Text of each of the S segments, in reading order.
        start: (S + 1,) where each segment starts in the document.
        row: (S,) row of each segment.
        length: T, characters of the document.

    Returns:
        (T, len(WORDING_FEATURES)), 0 to 1.
    """
    features = np.zeros((length, len(WORDING_FEATURES)), np.float32)
    rows = np.zeros((int(row.max()) + 1 if len(row) else 0, len(WORDING_FEATURES)), np.float32)
    spans: list[tuple[int, int, int]] = []
    for place, text in enumerate(texts):
        for concept, matches in find_concepts(text).items():
            for column in _COLUMNS_OF.get(concept, ()):
                rows[row[place], column] = _ON_ROW
                begin = int(start[place])
                spans += [(begin + match.start, begin + match.end, column) for match in matches]
    if spans:
        features[:] = np.repeat(rows[row], np.diff(start), axis=0)
        for begin, end, column in spans:
            features[begin:end, column] = 1.0
    return features
