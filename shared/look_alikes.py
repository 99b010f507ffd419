"""Characters that look alike in print, upper case."""

from __future__ import annotations

from itertools import combinations

# Nearly the same shape in many fonts; the second character represents the group.
_GROUPS = ("0OD", "1IL", "2Z", "4A", "5S", "6G", "8B")
_SIMILAR_PAIRS = ("0Q", "1T", "3B", "7T", "9G", "CG", "UV")

LOOK_ALIKES = frozenset(
    frozenset(pair) for pair in (*(pair for group in _GROUPS for pair in combinations(group, 2)), *_SIMILAR_PAIRS)
)
_REPRESENTATIVES = str.maketrans({character: group[1] for group in _GROUPS for character in group})


def are_look_alikes(first: str, second: str) -> bool:
    """Return whether two characters look alike."""
    return frozenset((first, second)) in LOOK_ALIKES


def look_alikes_of(character: str) -> str:
    """Return all characters that look like the given one, in alphabetical order."""
    return "".join(sorted(next(iter(pair - {character})) for pair in LOOK_ALIKES if character in pair))


def fold_look_alikes(text: str) -> str:
    """Replace each character by the one that represents its group, so that misread texts compare equal."""
    return text.translate(_REPRESENTATIVES)
