"""The words that addresses have for streets, buildings and quarters, and those beside them, from `streets.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from shared.normalization.folding import fold

_PATH = Path(__file__).with_name("streets.toml")


def _compile() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    tables = tomllib.loads(_PATH.read_text(encoding="utf-8")).values()
    words, endings, branches, captions = (
        _alternatives(word for table in tables for word in table.get(key, ()))
        for key in ("words", "endings", "branches", "captions")
    )
    return (
        re.compile(rf"(?<![a-z\d])(?:{words})(?![a-z])|[a-z]{{3,}}(?:{endings})(?![a-z])"),
        re.compile(rf"(?:^|[^\w,]+)(?:{branches})\W{{0,3}}(?:(?:no|nr)\W{{0,3}})?[a-z]?\d{{3,6}}\W*$"),
        re.compile(rf"\W*(?:{captions})\s?[:.]\W*(?=\w)"),
    )


def _alternatives(words: Iterable[str]) -> str:
    """Return a pattern of words, the longest first, in which a space may be any run of spaces."""
    folded = sorted({fold(word) for word in words}, key=lambda word: (-len(word), word))
    return "|".join(re.escape(word).replace(r"\ ", " +") for word in folded)


STREET_WORD, BRANCH_NUMBER, ADDRESS_CAPTION = _compile()
"""Match in folded text (`shared.normalization.folding`) a word for a street; the number of a shop at the end of a line;
and what announces an address, at its beginning."""
