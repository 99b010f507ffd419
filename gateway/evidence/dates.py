"""Compare date and time with what a code or an embedded invoice says."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from gateway.evidence.amounts import CONFIRMED, CONTRADICTED, FOUND, SUPPLIED, SUPPLIED_WEAKLY
from gateway.evidence.printed import find_date, find_time
from gateway.evidence.statement import Statement
from shared.contracts import Check, DateField, Line, TimeField
from shared.normalization import find_dates

_ONE_DAY = datetime.timedelta(days=1)
_UNCERTAIN = 0.9


def settle_date(
    field: DateField | None, statement: Statement, lines: Sequence[Line]
) -> tuple[DateField | None, Check | None]:
    """Return the date, and the check that compares the reading with a statement; None if it names no date.

    The rules are those of `settle_total`. A stated date also tells whether day or month comes first.
    """
    if statement.date is None:
        return field, None
    stated = datetime.date.fromisoformat(statement.date)
    if field is None or field.iso is None:
        return _supply(statement, stated, lines, SUPPLIED if statement.is_strong else SUPPLIED_WEAKLY), None
    read = datetime.date.fromisoformat(field.iso)
    if read == stated or any(stated in match.readings for match in find_dates(field.value)):
        settled = {"iso": str(stated), "ambiguous": False, "confidence": max(field.confidence, CONFIRMED)}
        return field.model_copy(update=settled), _check(statement, stated, stated, holds=True)
    if statement.has_uncertain_date and abs(read - stated) <= _ONE_DAY:
        return field, _check(statement, stated, read, holds=True)
    failed = _check(statement, stated, read, holds=False)
    if not statement.is_strong:
        return field, failed
    if find_date(lines, stated) is not None:
        return _supply(statement, stated, lines, FOUND), _check(statement, stated, stated, holds=True)
    if field.confidence < _UNCERTAIN:
        corrected = {"value": str(stated), "iso": str(stated), "ambiguous": False, "source": statement.source}
        return field.model_copy(update=corrected | {"confidence": SUPPLIED}), failed
    return field.model_copy(update={"confidence": CONTRADICTED}), failed


def settle_time(field: TimeField | None, statement: Statement, lines: Sequence[Line]) -> TimeField | None:
    """Return the time: the one that was read, otherwise the stated one."""
    if statement.time is None or statement.has_uncertain_date:
        return field
    if field is not None and field.iso is not None:
        is_same = field.iso[:5] == statement.time[:5]
        return field.model_copy(update={"confidence": max(field.confidence, CONFIRMED)}) if is_same else field
    printed = find_time(lines, statement.time)
    return TimeField(
        value=statement.time if printed is None else printed.text,
        iso=statement.time,
        confidence=SUPPLIED,
        source=statement.source,
        **(statement.place if printed is None else printed.place),
    )


def _supply(statement: Statement, day: datetime.date, lines: Sequence[Line], confidence: float) -> DateField:
    printed = find_date(lines, day)
    return DateField(
        value=str(day) if printed is None else printed.text,
        iso=str(day),
        confidence=confidence,
        source=statement.source,
        **(statement.place if printed is None else printed.place),
    )


def _check(statement: Statement, expected: datetime.date, printed: datetime.date, *, holds: bool) -> Check:
    name = f"{statement.source}_to_date"
    return Check.model_validate({"name": name, "holds": holds, "expected": str(expected), "printed": str(printed)})
