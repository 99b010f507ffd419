"""Start a network for more characters from one for fewer.

The output row of a new character is a copy of the row of a character that looks like it, with a lower bias. So the
network reads the old characters as before until it has learned the new ones, and those learn only what is different.
"""

from __future__ import annotations

import unicodedata

import numpy as np

from services.recognizer.alphabet import Alphabet
from shared.arrays import Floats, NamedArrays

# Subtracted from the bias of new rows, so that all accented forms of a letter together get 2% of its probability.
_RESERVE = 6.0
# Look-alikes of characters that Unicode does not decompose.
_LOOKALIKES = {
    "ß": "B", "æ": "a", "Æ": "A", "œ": "o", "Œ": "O", "þ": "p", "Þ": "P", "µ": "u", "ĸ": "k", "ŋ": "n", "Ŋ": "N",
    "ŉ": "n", "ſ": "f", "º": "°", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D",
    "ħ": "h", "Ħ": "H", "ŧ": "t", "Ŧ": "T", "ı": "i",
    "₹": "R", "₺": "t", "₫": "d", "₱": "P", "฿": "B", "₩": "W", "¢": "c",
    "‘": "'", "’": "'", "‚": ",", "“": '"', "”": '"', "„": '"', "«": "<", "»": ">", "‹": "<", "›": ">",
    "–": "-", "—": "-", "¡": "i", "¿": "?", "§": "S", "©": "O", "®": "R", "™": "T", "№": "N",
}  # fmt: skip
CLASSIFIER = ("classifier.weight", "classifier.bias")


def find_lookalike(character: str, characters: str) -> str | None:
    """Find the character of an alphabet that looks most like another one, such as `u` for `ü`, if there is one."""
    forms = (_LOOKALIKES.get(character, ""), unicodedata.normalize("NFKD", character)[0])
    return next((form for form in forms if form and form in characters), None)


def extend_arrays(arrays: NamedArrays, known: Alphabet, wanted: Alphabet) -> NamedArrays:
    """Extend the output layer of a network to an alphabet with more characters.

    Args:
        arrays: Arrays of the network by name.
        known: Alphabet of the network.
        wanted: The same characters in the same order, and further ones after them.

    Returns:
        The arrays, with one output row more per further character.

    Raises:
        ValueError: If the wanted alphabet does not begin with the known one.
    """
    if not wanted.characters.startswith(known.characters):
        raise ValueError("The alphabet of the start weights is not the beginning of the one to train.")
    weight, bias = (np.asarray(arrays[name], np.float32) for name in CLASSIFIER)
    rows: list[Floats] = []
    biases: list[float] = []
    for character in wanted.characters[len(known.characters) :]:
        like = find_lookalike(character, known.characters)
        row = int(known.encode(like)[0]) if like else None
        rows.append(weight[row] if row is not None else np.zeros(weight.shape[1], np.float32))
        biases.append(float(bias[row] if row is not None else bias[1:].min()) - _RESERVE)
    extended = {
        CLASSIFIER[0]: np.concatenate([weight, *(row[None] for row in rows)]),
        CLASSIFIER[1]: np.concatenate([bias, np.array(biases, np.float32)]),
    }
    return {**arrays, **extended}
