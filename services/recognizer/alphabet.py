"""Map the characters of the recognizer to CTC classes. numpy only.

Class 0 is the CTC blank; character `i` of the alphabet has class `i + 1`. The manifest of weights names their alphabet.
`DEFAULT_CHARACTERS` are those of the next training.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from shared.arrays import Integers

# Class of the CTC blank.
BLANK = 0

PRINTABLE_ASCII = "".join(chr(code) for code in range(32, 127))
# What weights up to 2026-11-25 read: also three currency signs, the degree sign and a few accented letters.
FIRST_CHARACTERS = PRINTABLE_ASCII + "£€¥°éèàçüöäñ"
# Every letter of Latin-1 (with the two ordinal letters and the micro sign) and of Latin Extended-A.
_LATIN_1 = "ªµº" + "".join(chr(code) for code in range(0xC0, 0x100) if chr(code) not in "×÷")
_LATIN_EXTENDED_A = "".join(chr(code) for code in range(0x100, 0x180))
_CURRENCY_SIGNS = "₹₺₫₱฿₩¢"
_TYPOGRAPHY = "‘’‚“”„«»‹›–—¡¿§©®™№"
# The characters of older weights come first, so that a training can start from those.
DEFAULT_CHARACTERS = "".join(
    dict.fromkeys(FIRST_CHARACTERS + _LATIN_1 + _LATIN_EXTENDED_A + _CURRENCY_SIGNS + _TYPOGRAPHY)
)

# What to write for characters that an alphabet does not have: typographic ones, and letters without a decomposition.
_REPLACEMENTS = {
    "‘": "'", "’": "'", "‚": ",", "´": "'", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-", "−": "-",
    "…": "...", "\u00a0": " ", "\t": " ", "×": "x", "•": "*", "·": ".",
    "Ø": "O", "ø": "o", "Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "Ð": "D", "ð": "d", "Ħ": "H", "ħ": "h", "ı": "i",
    "Ŧ": "T", "ŧ": "t", "Ŋ": "N", "ŋ": "n",
    # Romanian letters with a comma below look like the older ones with a cedilla.
    "Ș": "Ş", "ș": "ş", "Ț": "Ţ", "ț": "ţ",
}  # fmt: skip
# Plain forms of letters that are neither typographic nor decomposed.
_PLAIN_LETTERS = {
    "ß": "s",
    "æ": "a",
    "Æ": "A",
    "œ": "o",
    "Œ": "O",
    "þ": "t",
    "Þ": "T",
    "ĸ": "k",
    "ŉ": "n",
    "µ": "u",
    "©": "c",
}


def strip_accent(character: str) -> str:
    """Return the ASCII character that is most like another, such as `u` for `ü`, or that other where there is none."""
    plain = _PLAIN_LETTERS.get(character) or _REPLACEMENTS.get(character, character)
    base = unicodedata.normalize("NFKD", plain)[0]
    return base if base.isascii() else character


class AlphabetError(ValueError):
    """An alphabet or a text is invalid."""


@dataclass(frozen=True)
class Alphabet:
    """Sequence of distinct characters with their CTC classes.

    Args:
        characters: Characters in the order of their classes, each once.

    Raises:
        AlphabetError: If there is no character, or a character occurs twice.
    """

    characters: str = DEFAULT_CHARACTERS

    def __post_init__(self) -> None:
        if not self.characters:
            raise AlphabetError("The alphabet has no characters.")
        twice = sorted({c for c in self.characters if self.characters.count(c) > 1})
        if twice:
            raise AlphabetError(f"The alphabet has characters twice: {''.join(twice)!r}.")

    @property
    def classes(self) -> int:
        """Number of classes, including the blank."""
        return len(self.characters) + 1

    @cached_property
    def _class_of(self) -> dict[str, int]:
        return {character: index + 1 for index, character in enumerate(self.characters)}

    def normalize(self, text: str) -> str:
        """Replace typographic characters by plain ones, and drop accents that the alphabet does not have.

        Other characters that are not in the alphabet stay, so that the caller can detect them.
        """
        out: list[str] = []
        for character in unicodedata.normalize("NFC", text):
            plain = character if character in self._class_of else _REPLACEMENTS.get(character, character)
            if plain not in self._class_of and len(plain) == 1:
                plain = self._drop_accents(plain)
            out.append(plain)
        return "".join(out)

    def _drop_accents(self, character: str) -> str:
        """Return a letter with as many of its accents as the alphabet has, such as `â` for `ấ`, or itself."""
        parts = unicodedata.normalize("NFD", character)
        for count in range(len(parts) - 1, 0, -1):
            fewer = unicodedata.normalize("NFC", parts[:count])
            if fewer in self._class_of:
                return fewer
        return character

    def covers(self, text: str) -> bool:
        """Return whether every character of the text has a class."""
        return all(character in self._class_of for character in text)

    def encode(self, text: str) -> Integers:
        """Return the classes of the characters of a text.

        Returns:
            `(len(text),)` integers from 1 to `classes - 1`.

        Raises:
            AlphabetError: If a character is not in the alphabet; the message names it.
        """
        missing = sorted({c for c in text if c not in self._class_of})
        if missing:
            raise AlphabetError(f"The alphabet does not have {''.join(missing)!r} (text {text!r}).")
        return np.array([self._class_of[c] for c in text], dtype=np.int64)

    def decode(self, classes: Iterable[int]) -> str:
        """Return the text of a sequence of classes without blanks; equal neighbors are not merged."""
        return "".join(self.characters[index - 1] for index in classes if index != BLANK)

    @property
    def space(self) -> int | None:
        """Class of the space, or None if the alphabet does not have it."""
        return self._class_of.get(" ")

    @cached_property
    def case_pairs(self) -> tuple[tuple[int, int], ...]:
        """Classes `(capital, lower)` of every letter that has both cases."""
        pairs = []
        for character in self.characters:
            capital = character.upper()
            # The capitals of ı and ſ belong to i and s.
            if capital != character and capital in self._class_of and capital.lower() == character:
                pairs.append((self._class_of[capital], self._class_of[character]))
        return tuple(pairs)
