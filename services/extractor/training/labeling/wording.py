"""Labels that follow from wording alone, for datasets that label four fields only.

SROIE and the synthetic receipts say nothing about times, phone numbers or change. Where the print announces such a
value, its characters get the class; everything else stays open. Patterns are strict: a value that is missed costs
nothing, a wrong one teaches a mistake. Never imported by serving code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from services.extractor.encoding import TextSegment, encode
from services.extractor.network.classes import CLASSES
from services.extractor.training.labeling.fields import IGNORED, LabeledText
from services.extractor.training.labeling.targets import BASIC_OTHER
from shared.normalization import find_amounts

# The second group is the value, the first the words that announce it.
_VALUES: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (value, key, re.compile(pattern, re.IGNORECASE))
    for value, key, pattern in (
        ("time", "time_key", r"()(?<![\d:.])((?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?\s?(?:[AP]\.?M\b\.?)?)(?![\d:])"),
        (
            "phone",
            "phone_key",
            r"(\b(?:TEL(?:EPHONE)?|PHONE|PH)\b\s?(?:NO|#)?\s?[.:]*)\s{0,2}(\+?\(?\d[\d\s()/-]{6,20}\d)(?![\d/])",
        ),
        (
            "tax_id",
            "tax_id_key",
            r"(\b(?:GST|VAT|SST)\s?(?:REG(?:ISTRATION)?\.?)?\s?(?:ID|NO|NUMBER|#)?\s?(?:NO)?\s?[.:#]+)\s?:?\s{0,2}"
            r"((?=[\dA-Z-]*\d{6})[\dA-Z-]{9,16})\b",
        ),
        (
            "receipt_number",
            "receipt_number_key",
            r"(\b(?:INV(?:OICE)?|RECEIPT|BILL|DOC(?:UMENT)?|TRANS?|TRX|SLIP)\s?(?:NO|NUMBER|#)\s?[.:#]*)\s?:?\s{0,2}"
            r"((?=[\w/-]*\d)[A-Z0-9][\w/-]{2,20})",
        ),
    )
)
# Patterns of the words before the last amount of a row, and the class of that amount; the first match counts.
_ROWS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), value)
    for pattern, value in (
        (r"^\W*ROUND(?:ING|ED)?\b(?!.*TOTAL)", "rounding"),
        (r"^\W*(?:CHANGE|BAKI)\b(?:\s?DUE)?\W*(?:RM)?\W*$", "change"),
        (r"^\W*(?:CASH|TUNAI)\b(?:\s?(?:TENDERED|PAID|RECEIVED|AMT))?\W*(?:RM)?\W*$", "cash"),
        (r"^\W*(?:VISA|MASTER(?:CARD)?|AMEX|DEBIT|CREDIT)\b(?:\s?CARD)?\W*(?:RM)?\W*$", "card"),
        (r"^\W*(?:TIP|GRATUITY)\b[^A-Z]*$", "tip"),
        (r"^\W*(?:ADD |SALES )?(?:TAX|GST|SST|VAT|MWST|TVA|IVA|BTW)\s?[@(]?\s?[\d.,]+\s?%\)?\W*$", "tax"),
        (r"^\W*SUB\s?-?\s?TOTAL\b\W*(?:\(?RM\)?)?\W*$", "subtotal"),
        (r"^\W*(?:SERVICE|SERV\.?|SVC)\s(?:CHARGE|CHG)\b[^A-Z]*$", "service_charge"),
    )
)


def add_weak_labels(segments: Sequence[LabeledText]) -> list[LabeledText]:
    """Return the segments with the classes that wording gives away, where they are labeled as of no field."""
    found = [LabeledText(one.quad, one.text, one.labels.copy(), one.confidence, one.group) for one in segments]
    for segment in found:
        for value, key, pattern in _VALUES:
            for match in pattern.finditer(segment.text):
                _mark(segment, match.span(2), value)
                _mark(segment, match.span(1), key)
    document = encode([TextSegment(one.quad, one.text) for one in found])
    rows: dict[int, list[LabeledText]] = {}
    for place, index in enumerate(document.order):
        rows.setdefault(int(document.row[place]), []).append(found[index])
    for row in rows.values():
        _mark_row(row)
    return found


def _mark_row(row: Sequence[LabeledText]) -> None:
    amounts = find_amounts(row[-1].text)
    if len(amounts) != 1 or any(find_amounts(one.text) for one in row[:-1]):
        return
    last = row[-1]
    words = " ".join([*(one.text for one in row[:-1]), last.text[: amounts[0].number_start]])
    for pattern, value in _ROWS:
        if pattern.search(words):
            _mark(last, (amounts[0].number_start, amounts[0].number_end), value)
            for one in row[:-1]:
                _mark(one, (0, len(one.text)), f"{value}_key")
            return


def _mark(segment: LabeledText, span: tuple[int, int], name: str) -> None:
    place = slice(*span)
    if np.isin(segment.labels[place], (BASIC_OTHER, IGNORED)).all():
        segment.labels[place] = CLASSES.index(name)
