"""The words that addresses have for streets, buildings and quarters, from `streets.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from shared.normalization.folding import fold

_PATH = Path(__file__).with_name("streets.toml")


def _compile() -> re.Pattern[str]:
    tables = tomllib.loads(_PATH.read_text(encoding="utf-8")).values()
    words = _alternatives(word for table in tables for word in table["words"])
    endings = _alternatives(word for table in tables for word in table.get("endings", ()))
    return re.compile(rf"(?<![a-z\d])(?:{words})(?![a-z])|[a-z]{{3,}}(?:{endings})(?![a-z])")


def _alternatives(words: Iterable[str]) -> str:
    """Return a pattern of words, the longest first, in which a space may be any run of spaces."""
    folded = sorted({fold(word) for word in words}, key=lambda word: (-len(word), word))
    return "|".join(re.escape(word).replace(r"\ ", " +") for word in folded)


STREET_WORD = _compile()
"""Matches a word for a street in folded text (`shared.normalization.folding`)."""
