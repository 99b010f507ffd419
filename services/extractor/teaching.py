"""What people corrected on earlier receipts, applied to the company and the address of another one.

The corrections come with each request and are kept by the gateway alone (`gateway/corrections/store.py`). An extractor
that
kept them itself would be right only as long as there is one of it: of several behind one address each would know what
it happened to be told, and one that is started anew nothing. So the same request gives the same answer everywhere.
They are put in after everything else, and take no network: the cache keeps what the models made of a receipt, which no
correction makes old.

A correction counts for what it was made for. The same answer as before, letter by letter, becomes what it was corrected
to, if the two are spellings of one name or the right one is printed on this receipt too; a shop's heading (TAX INVOICE)
that was taken for its name says nothing about the next shop with this heading, and what was added to the address of one
branch nothing about another's. What was nearly read is put right as by the directory of known merchants. An answer that
this one knows stays, but for a spelling that was taught, or a taught text that is printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from rapidfuzz.distance import Levenshtein

from services.extractor.merchants import Directory, letters
from shared.contracts import Fields, Line, MerchantCorrection, Quad, ReceiptField
from shared.geometry import enclosing_quad, round_quad

Name = Literal["company", "address"]

# Two texts as similar as this are spellings of one name, or a name and most of it.
_ONE_NAME = 0.6
# What is shorter stands in too many texts by accident.
_SHORT = 6
# Met as often as this, a spelling is a habit to the directory and no accident.
_OFTEN = 3
_MOST_LINES = 7
# The network saw no such field where a taught name is printed: it cannot be surer of it than of a coin's fall.
_UNSEEN = 0.5


class Teaching:
    """The merchant directory as people's corrections have it.

    Args:
        corrections: The latest last; of several for the same letters the latest counts.
        known: The directory that they are taught to.
    """

    def __init__(self, corrections: Sequence[MerchantCorrection], known: Directory) -> None:
        self._known = known
        self._value: dict[Name, dict[str, str]] = {"company": {}, "address": {}}
        self._read: dict[Name, dict[str, list[str]]] = {"company": {}, "address": {}}
        owners: dict[str, str] = {}
        for one in corrections:
            value, key = " ".join(one.value.split()), letters(one.value)
            if not key:
                continue
            self._value[one.field][key] = value
            self._read[one.field].setdefault(letters(one.read or ""), []).append(value)
            owners[key] = one.company or ""
        self._taught = Directory(
            (company for company in self._value["company"].values() for _ in range(_OFTEN)),
            ((owners[key], address) for key, address in self._value["address"].items() for _ in range(_OFTEN)),
        )

    def apply(self, fields: Fields, lines: Sequence[Line]) -> Fields:
        """The fields with company and address as they were taught; the others, and confidences, stay.

        Args:
            fields: What was found without these corrections.
            lines: The text of the receipt.
        """
        printed = letters(" ".join(line.text for line in lines))
        company = self._taught_field("company", fields.company, lines, printed, None)
        address = self._taught_field("address", fields.address, lines, printed, company.value if company else None)
        return fields.model_copy(update={"company": company, "address": address})

    def _taught_field(
        self, name: Name, field: ReceiptField | None, lines: Sequence[Line], printed: str, company: str | None
    ) -> ReceiptField | None:
        answered = field.value if field else ""
        value = self._value_for(name, answered, printed, company)
        if value is None or value == answered:
            return field
        places = _places(lines, letters(value))
        if field is not None and (not places or letters(value) == letters(answered)):
            return field.model_copy(update={"value": value, "corrected": True})
        if not places:
            return None
        reading = float(np.prod([lines[index].confidence for index in places]))
        return ReceiptField(
            value=value,
            confidence=field.confidence if field else min(_UNSEEN, reading),
            corrected=True,
            page=lines[places[0]].page,
            quad=_quad_around([lines[index] for index in places]),
            lines=places,
        )

    def _value_for(self, name: Name, answered: str, printed: str, company: str | None) -> str | None:
        """What people made of an answer; None if they said nothing about it."""
        key = letters(answered)
        if key and key in self._value[name]:
            return self._value[name][key]
        again = self._read[name].get(key, [])[::-1]
        for value in again:
            if _stands_in(letters(value), printed):
                return value
        if not key:
            return None
        return self._address(answered, again, printed, company) if name == "address" else self._company(answered, again)

    def _company(self, answered: str, again: Sequence[str]) -> str | None:
        if self._known.company(answered, sure=True).known:
            return None
        for value in again:
            if _one_name(letters(answered), letters(value)):
                return value
        taught = self._taught.company(answered)
        return taught.value if taught.known else None

    def _address(self, answered: str, again: Sequence[str], printed: str, company: str | None) -> str | None:
        key = letters(answered)
        longer = self._taught.printed_address(printed, key) if len(key) >= _SHORT else None
        if longer is not None:
            return longer
        if self._known.address(answered, company, sure=True).known:
            return None
        for value in again:
            # What was added may be of one branch: it has to be printed, which was asked before.
            if _one_name(key, letters(value)) and key not in letters(value):
                return value
        taught = self._taught.address(answered, company)
        return taught.value if taught.known else None


def _one_name(read: str, value: str) -> bool:
    return bool(read) and Levenshtein.normalized_similarity(read, value) >= _ONE_NAME


def _stands_in(value: str, printed: str) -> bool:
    return len(value) >= _SHORT and value in printed


def _places(lines: Sequence[Line], wanted: str) -> list[int]:
    """Indices of the fewest neighboring lines of one page that hold a text's letters and digits; none if none do."""
    best: list[int] = []
    for first in range(len(lines)):
        joined = ""
        for last in range(first, min(first + _MOST_LINES, len(lines))):
            if lines[last].page != lines[first].page:
                break
            joined += letters(lines[last].text)
            if wanted in joined:
                if not best or last - first + 1 < len(best):
                    best = list(range(first, last + 1))
                break
    return best


def _quad_around(lines: Sequence[Line]) -> Quad:
    if len(lines) == 1:
        return lines[0].quad
    corners = enclosing_quad([np.array(line.quad, np.float32) for line in lines])
    return round_quad(corners)
