"""Scatter accented letters, currency signs and typographic marks over a text, so that each is frequent.

Receipts have some letters rarely (`ŵ`, `ģ`), and a network that knows the word guesses the accent from it. Scattered
marks are as frequent for all letters, and have to be seen.
"""

from __future__ import annotations

import random
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable

# Forms of characters that Unicode does not decompose.
_FURTHER_FORMS = {
    "s": "ß", "S": "ß", "b": "ß", "B": "ß", "a": "æ", "A": "Æ", "o": "œø", "O": "ŒØ", "p": "þ", "P": "Þ",
    "d": "đð", "D": "ĐÐ", "h": "ħ", "H": "Ħ", "i": "ı", "k": "ĸ", "l": "ł", "L": "Ł", "n": "ŋŉ", "N": "Ŋ", "t": "ŧ",
    "T": "Ŧ", "u": "µ", "f": "ſ", "C": "©", "R": "®",
}  # fmt: skip
# Every letter of Latin-1 and Latin Extended-A, currency signs, and typographic marks.
SCATTERED = (
    "ªµº"
    + "".join(chr(code) for code in range(0xC0, 0x180) if chr(code) not in "×÷")
    + "€£¥₹₺₫₱฿₩$¢‘’‚“”„«»‹›–—¡¿§©®™№"
)
_CURRENCY_SIGNS = "€£¥₹₺₫₱฿₩$¢"
_TYPOGRAPHY = {"'": "‘’", '"': "“”„", "-": "–—", "<": "«‹", ">": "»›", "!": "¡", "?": "¿", "&": "§"}
_QUOTES = (("“", "”"), ("„", "“"), ("«", "»"), ("‹", "›"), ("‚", "‘"), ("»", "«"))
# Share of letters that change, of texts that get a currency sign, of typographic characters, and of quoted texts.
_LETTERS, _SIGN, _MARKS, _QUOTED = 0.3, 0.12, 0.15, 0.04


class AccentScatterer:
    """Scatters the characters of an alphabet that are not ASCII.

    Args:
        characters: Characters that may occur in the result.
    """

    def __init__(self, characters: Iterable[str] = SCATTERED) -> None:
        allowed = set(characters)
        forms: defaultdict[str, list[str]] = defaultdict(list)
        for character in sorted(allowed):
            base = unicodedata.normalize("NFKD", character)[0]
            if not character.isascii() and base.isascii() and base.isalnum():
                forms[base].append(character)
        for base, further in _FURTHER_FORMS.items():
            forms[base] += [form for form in further if form in allowed]
        self._forms = {base: found for base, found in forms.items() if found}
        self._marks = {
            base: found for base, marks in _TYPOGRAPHY.items() if (found := [mark for mark in marks if mark in allowed])
        }
        self._signs = [sign for sign in _CURRENCY_SIGNS if sign in allowed]
        self._quotes = [pair for pair in _QUOTES if set(pair) <= allowed]

    def scatter(self, text: str, chance: random.Random, can_print: Callable[[str], bool]) -> str:
        """Return a text with accents and signs at random places.

        Args:
            text: Any text.
            chance: Source of random choices.
            can_print: Whether a character can be printed; others are not used.
        """
        changed = "".join(self._change(character, chance, can_print) for character in text)
        if self._signs and any(c.isdigit() for c in text) and chance.random() < _SIGN:
            sign = chance.choice(self._signs)
            if can_print(sign):
                changed = chance.choice((f"{sign}{changed}", f"{sign} {changed}", f"{changed} {sign}", changed + sign))
        elif self._quotes and chance.random() < _QUOTED:
            opening, closing = chance.choice(self._quotes)
            if can_print(opening) and can_print(closing):
                changed = opening + changed + closing
        return changed

    def _change(self, character: str, chance: random.Random, can_print: Callable[[str], bool]) -> str:
        if character in self._forms and chance.random() < _LETTERS:
            form = chance.choice(self._forms[character])
        elif character in self._marks and chance.random() < _MARKS:
            form = chance.choice(self._marks[character])
        elif character in _CURRENCY_SIGNS and self._signs:
            form = chance.choice(self._signs)
        else:
            return character
        return form if can_print(form) else character
