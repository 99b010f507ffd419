"""Corrections that people made on earlier receipts, applied to the company and address of another one.

The corrections come with each request and are stored by the gateway only (`gateway/corrections/store.py`), so all
extractors behind one address give the same answer, and a restarted one forgets nothing. They are applied after
everything else and need no network, so the gateway can cache what the models answered.

A correction applies to the same answer, compared by letters and digits, if both texts are spellings of one name or the
corrected text is printed on this receipt. So a heading (TAX INVOICE) that was answered as the company of one shop
changes nothing on the receipts of the next shop, and a part added to the address of one branch is not added to
another's. Nearly read texts are corrected as by the merchant directory. An answer that the directory knows stays,
except for a taught spelling or a taught text that is printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from rapidfuzz.distance import Levenshtein

from services.extractor.addresses import build_address
from services.extractor.merchants import Directory, letters
from shared.contracts import Fields, Line, MerchantCorrection, Quad, ReceiptField
from shared.geometry import enclosing_quad, round_quad

Name = Literal["company", "address"]

# Similarity from which two texts are spellings of one name, or a name and most of it.
_ONE_NAME = 0.6
# Minimum letters of a text to search for, since shorter ones match by accident.
_SHORT = 6
# Occurrences with which a taught spelling outweighs others in the directory.
_OFTEN = 3
_MOST_LINES = 7
# Maximum confidence of a taught name where the network found no such field.
_UNSEEN = 0.5


class Teaching:
    """Corrections on top of a merchant directory.

    Args:
        corrections: The latest last; of several for the same letters the latest counts.
        known: The merchant directory.
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
        """Return the fields with corrected company and address; other fields and confidences stay.

        Args:
            fields: The fields found without corrections.
            lines: The text of the receipt.
        """
        printed = letters(" ".join(line.text for line in lines))
        company = self._taught_field("company", fields.company, lines, printed, None)
        address = self._taught_field("address", fields.address, lines, printed, company.value if company else None)
        if address is not None and (fields.address is None or address.value != fields.address.value):
            text = "\n".join(line.text for line in lines)
            known = fields.address.country if fields.address is not None else None
            place = {name: getattr(address, name) for name in ReceiptField.model_fields}
            address = build_address(ReceiptField(**place), [address.value], text, known)
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
        """Return the correction of an answer; None without one."""
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
            # An added part may belong to one branch only, so it has to be printed, which was checked above.
            if _one_name(key, letters(value)) and key not in letters(value):
                return value
        taught = self._taught.address(answered, company)
        return taught.value if taught.known else None


def _one_name(read: str, value: str) -> bool:
    return bool(read) and Levenshtein.normalized_similarity(read, value) >= _ONE_NAME


def _stands_in(value: str, printed: str) -> bool:
    return len(value) >= _SHORT and value in printed


def _places(lines: Sequence[Line], wanted: str) -> list[int]:
    """Return the indices of the fewest neighboring lines of one page that contain a text's letters and digits."""
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
