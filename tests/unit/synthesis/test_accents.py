"""Test scattering accents over a text."""

from __future__ import annotations

import random
from collections import Counter

from synthesis.content.accents import SCATTERED, AccentScatterer

_TEXT = (
    "The quick brown fox jumps over 'the lazy dog' - THE QUICK BROWN FOX JUMPS OVER \"THE\" LAZY DOG! Why & how? 5.00 $"
)


def test_every_character_occurs() -> None:
    chance, scatterer = random.Random(1), AccentScatterer()
    counts = Counter("".join(scatterer.scatter(_TEXT, chance, lambda _: True) for _ in range(4000)))
    assert sorted(set(SCATTERED) - set(counts)) == []


def test_uses_only_characters_that_can_be_printed() -> None:
    chance, scatterer = random.Random(1), AccentScatterer("éü€“”")
    assert scatterer.scatter(_TEXT, chance, str.isascii).isascii()
    changed = "".join(scatterer.scatter(_TEXT, chance, lambda _: True) for _ in range(200))
    assert set(changed) - set(_TEXT) == set("éü€“”")
