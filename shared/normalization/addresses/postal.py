"""Postal formats of countries: the file that `build_postal` writes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from shared.normalization.folding import fold

_PATH = Path(__file__).with_name("postal.json")
# Where the country is not known, the length of a number tells whether it is a code.
_ANY_CODE = r"\d{5}-\d{3}|\d{2}-\d{3}|\d{3} \d{2}|\d{4,6}"


@dataclass(frozen=True)
class PostalFormat:
    """How a country writes addresses.

    Attributes:
        code: Matches a postal code in capitals, also one after its country's prefix ("D-10115"); None without codes.
        code_first: Whether the postal code precedes the city, as in "10115 Berlin"; None if that is not known.
        has_city: False in the few countries that are one city.
        regions: Codes and names of states and provinces, see `fold_region`.
    """

    code: re.Pattern[str] | None
    code_first: bool | None
    has_city: bool
    regions: frozenset[str]


@lru_cache(maxsize=300)
def load_postal_format(country: str | None) -> PostalFormat:
    """Return the format of a country (ISO 3166); for others and None, one that fits many."""
    entry = _load().get(country or "")
    if entry is None:
        return PostalFormat(_compile(_ANY_CODE), None, True, frozenset())
    order = entry["order"]
    return PostalFormat(
        code=_compile(entry["code"]) if "code" in entry else None,
        code_first=order == "ZC" if len(order) == 2 else None,
        has_city=order != "Z",
        regions=frozenset(map(fold_region, entry.get("regions", ()))),
    )


def fold_region(text: str) -> str:
    """Return the name of a region for comparison: folded, without periods and spaces."""
    return fold(text).replace(".", "").replace(" ", "")


def _compile(code: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Z\d/.])(?<!\d-)(?:[A-Z]{{1,3}}-\s?|[A-Z])??(?P<code>{code})(?![A-Z\d/]|-\d)")


@lru_cache(maxsize=1)
def _load() -> Mapping[str, Mapping[str, Any]]:
    content: dict[str, Mapping[str, Any]] = json.loads(_PATH.read_text(encoding="utf-8"))
    return content
