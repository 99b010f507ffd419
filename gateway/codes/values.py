"""Parse the values in codes. What is malformed raises `ValueError`: the code is not what it looked like."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit
from zoneinfo import ZoneInfo

_AMOUNT = re.compile(r"[+-]?\d{1,13}(\.\d{1,4})?")
_MIN_YEAR, _MAX_YEAR = 1990, 2100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_PARAMETERS = 50


def parse_amount(text: str, separator: str = ".") -> str:
    """Return a decimal number with a point, as it is written otherwise.

    Args:
        text: The number, with at most four decimals and without separators of groups.
        separator: Before the decimals.

    Raises:
        ValueError: If it is not such a number.
    """
    number = text.strip().replace(separator, ".")
    # The pattern knows decimal digits of any script.
    if not number.isascii() or _AMOUNT.fullmatch(number) is None:
        raise ValueError("not an amount")
    return format_amount(Decimal(number))


def format_amount(amount: Decimal) -> str:
    """Return an amount as text; zero has no sign."""
    return str(abs(amount) if amount == 0 else amount)


def add_amounts(amounts: Iterable[str]) -> str:
    """Return the sum of decimal numbers."""
    return format_amount(sum(map(Decimal, amounts), Decimal(0)))


def parse_moment(text: str, pattern: str) -> tuple[str, str]:
    """Return date and time in ISO 8601 of a local time; raise `ValueError` unless it fits the `strptime` pattern."""
    if not text.isascii():
        raise ValueError("not a time")
    return _split(datetime.strptime(text, pattern))


def parse_utc(text: str, zone: str) -> tuple[str, str]:
    """Return local date and time in ISO 8601 of a time in ISO 8601; without an offset it is in UTC.

    Args:
        text: The time.
        zone: Name in the IANA time zone database.

    Raises:
        ValueError: If it is not a time.
    """
    moment = datetime.fromisoformat(text)
    _check_year(moment)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return _split(moment.astimezone(ZoneInfo(zone)))


def from_unix_time(seconds: float, zone: str) -> tuple[str, str]:
    """Return local date and time in ISO 8601 of seconds since 1970 in UTC; raise `ValueError` if it is out of range."""
    if not 0 <= seconds < 5e9:
        raise ValueError("not a time")
    return _split((_EPOCH + timedelta(seconds=seconds)).astimezone(ZoneInfo(zone)))


def parse_date(text: str, pattern: str) -> str:
    """Return a date in ISO 8601; raise `ValueError` if it does not have the `strptime` pattern."""
    return parse_moment(text, pattern)[0]


def parse_iso_date(text: str) -> str:
    """Return a date in ISO 8601 that is written so; raise `ValueError` if it is not."""
    day = date.fromisoformat(text)
    _check_year(day)
    return day.isoformat()


def parse_pairs(parts: Iterable[str], separator: str = ":") -> dict[str, str]:
    """Return values by key of parts such as `AM:9.00`; the first of equal keys counts.

    Raises:
        ValueError: If a part has no separator.
    """
    pairs: dict[str, str] = {}
    for part in parts:
        key, found, value = part.partition(separator)
        if not found:
            raise ValueError("not a pair")
        pairs.setdefault(key.strip(), value.strip())
    return pairs


def parse_url(text: str) -> tuple[SplitResult, dict[str, str]]:
    """Return the parts of a URL and its parameters; raise `ValueError` if it is none. Nothing is fetched."""
    if any(character.isspace() for character in text):
        raise ValueError("not a URL")
    url = urlsplit(text)
    return url, dict(parse_qsl(url.query, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS))


def parse_json_object(data: bytes | str) -> Mapping[str, Any]:
    """Return a JSON object; raise `ValueError` if it is none."""
    try:
        value = json.loads(data)
    except RecursionError as error:
        raise ValueError("too deep") from error
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def decode_base64(text: str) -> bytes:
    """Return the bytes of base64, also in the form for URLs and without padding; raise `ValueError` if it is none."""
    plain = text.strip().rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)


def require(condition: bool) -> None:
    """Raise `ValueError` unless a condition holds."""
    if not condition:
        raise ValueError("not this standard")


def _split(moment: datetime) -> tuple[str, str]:
    _check_year(moment)
    return moment.date().isoformat(), moment.time().isoformat("seconds")


def _check_year(day: date) -> None:
    if not _MIN_YEAR <= day.year < _MAX_YEAR:
        raise ValueError("not a date of a receipt")
