"""Find where a value is printed on a receipt."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from shared.contracts import Line
from shared.normalization import find_amounts, find_dates, infer_number_format
from shared.normalization.times import TIME, to_iso_time

# Shorter numbers occur on receipts by chance.
_MIN_NUMBER_LENGTH = 5


@dataclass(frozen=True)
class Printed:
    """A value on a receipt.

    Attributes:
        text: As printed.
        index: Index of its line.
        line: Its line.
    """

    text: str
    index: int
    line: Line

    @property
    def place(self) -> dict[str, Any]:
        """Where it is, for a field."""
        return {"page": self.line.page, "quad": self.line.quad, "lines": [self.index]}


def find_amount(lines: Sequence[Line], amount: Decimal) -> Printed | None:
    """Return the last place where an amount is printed: totals follow what they add up."""
    number_format = infer_number_format("\n".join(line.text for line in lines))
    found = None
    for index, line in enumerate(lines):
        for match in find_amounts(line.text, number_format):
            if match.amount == amount:
                found = Printed(match.text, index, line)
    return found


def find_date(lines: Sequence[Line], day: datetime.date) -> Printed | None:
    """Return the first place where a date is printed, in whichever order."""
    for index, line in enumerate(lines):
        for match in find_dates(line.text):
            if day in (match.day_first, match.month_first):
                return Printed(match.text, index, line)
    return None


def find_time(lines: Sequence[Line], time: str) -> Printed | None:
    """Return the first place where a time in ISO 8601 is printed, to the minute."""
    for index, line in enumerate(lines):
        for match in TIME.finditer(line.text):
            iso = to_iso_time(match)
            if iso is not None and iso[:5] == time[:5]:
                return Printed(match.group().strip(), index, line)
    return None


def find_number(lines: Sequence[Line], number: str) -> Printed | None:
    """Return the first line with a number of at least five letters and digits, however it is divided."""
    wanted = fold_number(number)
    if len(wanted) < _MIN_NUMBER_LENGTH:
        return None
    return next((Printed(number, index, line) for index, line in _contains(lines, wanted)), None)


def fold_number(text: str) -> str:
    """Return the letters and digits of a number in capitals."""
    return "".join(character for character in text.upper() if character.isalnum())


def _contains(lines: Sequence[Line], wanted: str) -> Iterator[tuple[int, Line]]:
    for index, line in enumerate(lines):
        if wanted in fold_number(line.text):
            yield index, line
