"""Text folded for comparison: case, accents and typography gone, every character in its place."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# Letters that Unicode does not decompose into a base letter and an accent.
_BASES = str.maketrans("ßøłđðħıŋœæþĸŧŉµ", "solddhinoatktnu")
_TYPOGRAPHY = str.maketrans("‐‑‒–—−‘’‚‛´“”„‟«»‹›", "------" + "'" * 5 + '"' * 4 + '""' + "''")


def fold(text: str) -> str:
    """Return text in lower case without accents and with plain dashes and quotes.

    The result has as many characters as the text, so a place in one is a place in the other: `fold("Größe") == "grose"`
    ("ß" becomes one "s").
    """
    return "".join(map(_fold_character, text)) if not text.isascii() else text.lower()


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    lower = character.lower()[:1].translate(_BASES).translate(_TYPOGRAPHY)
    base = unicodedata.normalize("NFKD", lower)[:1]
    return base if base and not unicodedata.combining(base) else " "
