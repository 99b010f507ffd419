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


class PrintedAmounts:
    """The amounts on a receipt.

    Args:
        lines: Its text.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        number_format = infer_number_format("\n".join(line.text for line in lines))
        self._places: dict[Decimal, list[Printed]] = {}
        for index, line in enumerate(lines):
            for match in find_amounts(line.text, number_format):
                self._places.setdefault(match.amount, []).append(Printed(match.text, index, line))

    def find_last(self, amount: Decimal) -> Printed | None:
        """Return the last place where an amount is printed: totals follow what they add up."""
        places = self._places.get(amount)
        return places[-1] if places else None

    def find_beside(self, amount: Decimal, other: Printed) -> Printed | None:
        """Return the place where an amount is printed in the row of something else."""
        places = self._places.get(amount, [])
        return next((place for place in places if _share_row(place.line, other.line)), None)


def find_amount(lines: Sequence[Line], amount: Decimal) -> Printed | None:
    """Return the last place where an amount is printed."""
    return PrintedAmounts(lines).find_last(amount)


def find_date(lines: Sequence[Line], day: datetime.date) -> Printed | None:
    """Return the first place where a date is printed, in whichever order."""
    for index, line in enumerate(lines):
        for match in find_dates(line.text):
            if day in match.readings:
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


def find_text(lines: Sequence[Line], text: str, start: int = 0) -> Printed | None:
    """Return the first line, from an index on, that contains a text or its beginning; only letters and digits count."""
    wanted = fold_number(text)
    for index, line in enumerate(lines[start:], start):
        here = fold_number(line.text)
        if wanted in here if len(here) > len(wanted) else len(here) >= _MIN_NUMBER_LENGTH and wanted.startswith(here):
            return Printed(text, index, line)
    return None


def fold_number(text: str) -> str:
    """Return the letters and digits of a number in capitals."""
    return "".join(character for character in text.upper() if character.isalnum())


def _share_row(one: Line, other: Line) -> bool:
    """Return whether the centers of two lines are at the height of each other, or one line is both."""
    return one.page == other.page and all(_is_beside(*pair) for pair in ((one, other), (other, one)))


def _is_beside(one: Line, other: Line) -> bool:
    center = sum(y for _, y in one.quad) / 4
    return min(y for _, y in other.quad) <= center <= max(y for _, y in other.quad)


def _contains(lines: Sequence[Line], wanted: str) -> Iterator[tuple[int, Line]]:
    for index, line in enumerate(lines):
        if wanted in fold_number(line.text):
            yield index, line
