"""Prefix beam search of a CTC output with a character language model.

Graves and Jaitly, "Towards End-to-End Speech Recognition with Recurrent Neural Networks", ICML 2014; the language model
joins as in Hannun et al., arXiv:1408.2873, with a weight and a bonus for each character.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.recognizer.alphabet import BLANK, Alphabet
from services.recognizer.language.model import EDGE, LanguageModel

WEIGHT = 0.2
"""Of the logarithm of the language model's probability against that of the network's."""
BONUS = 0.3
"""Added for each character, since every one costs probability in the language model."""
TEMPER = 0.75
"""What scores are multiplied with before they become probabilities: chosen where these are honest on validation."""
_WIDTH = 5
_LEAST = 1e-3
"""Probability in a frame below which a class is not followed."""
_TINY = 1e-300


@dataclass(slots=True)
class _Prefix:
    """A text so far: the probabilities that its last frame was a blank or its last character; the language's part."""

    blank: float
    character: float
    language: float
    history: str

    @property
    def total(self) -> float:
        return self.blank + self.character

    @property
    def score(self) -> float:
        return math.log(self.blank + self.character + _TINY) + self.language


_Beam = dict[tuple[int, ...], _Prefix]


def beam_search(
    probabilities: NDArray[np.float32], alphabet: Alphabet, language: LanguageModel
) -> tuple[tuple[int, ...], float]:
    """The text that network and language model together find best, and its probability.

    Args:
        probabilities: `(T, classes)`, lower case moved to capitals (see `decoding.merge_case`).
        alphabet: the characters of the classes.
        language: of the same alphabet.

    Returns:
        The classes of the text; its probability among the texts that were followed to the end, 0 to 1.
    """
    beam: _Beam = {(): _Prefix(1.0, 0.0, 0.0, language.start())}
    # Lists of Python: in steps this small, reaching into an array takes longer than computing.
    for frame, followed in zip(probabilities.tolist(), _followed(probabilities), strict=True):
        if followed:
            beam = _pruned(_advanced(beam, frame, followed, alphabet, language))
        else:
            _wait(beam, frame)
    ends = {
        text: prefix.score + WEIGHT * language.log_probability(prefix.history, EDGE) for text, prefix in beam.items()
    }
    best = max(ends, key=lambda text: ends[text])
    return best, 1.0 / sum(math.exp(TEMPER * (score - ends[best])) for score in ends.values())


def _followed(probabilities: NDArray[np.float32]) -> list[list[int]]:
    """The classes that are followed in each frame, the blank not counted; none in most frames."""
    likely = probabilities > _LEAST
    likely[:, BLANK] = False
    followed: list[list[int]] = [[] for _ in probabilities]
    for frame, label in np.argwhere(likely).tolist():
        followed[frame].append(label)
    return followed


def _wait(beam: _Beam, frame: list[float]) -> None:
    """One more frame in which no text becomes longer."""
    for text, prefix in beam.items():
        blank = prefix.total * frame[BLANK]
        prefix.character *= frame[text[-1]] if text else 0.0
        prefix.blank = blank


def _advanced(
    beam: _Beam, frame: list[float], followed: list[int], alphabet: Alphabet, language: LanguageModel
) -> _Beam:
    """All prefixes after one more frame, not yet pruned."""
    grown: _Beam = {}
    for text, old in beam.items():
        total = old.blank + old.character
        last = text[-1] if text else None
        same = grown.get(text)
        if same is None:
            same = grown[text] = _Prefix(0.0, 0.0, old.language, old.history)
        same.blank += total * frame[BLANK]
        if last is not None:
            same.character += old.character * frame[last]
        for label in followed:
            # A character doubles only across a blank.
            before = old.blank if last == label else total
            if before <= 0.0:
                continue
            longer = (*text, label)
            new = grown.get(longer)
            if new is None:
                character = alphabet.characters[label - 1]
                added = WEIGHT * language.log_probability(old.history, character) + BONUS
                new = grown[longer] = _Prefix(0.0, 0.0, old.language + added, language.after(old.history, character))
            new.character += before * frame[label]
    return grown


def _pruned(grown: _Beam) -> _Beam:
    best = list(grown.items())
    if len(best) > _WIDTH:
        best.sort(key=lambda item: -item[1].score)
        del best[_WIDTH:]
    scale = 1.0 / max(_TINY, *(prefix.total for _, prefix in best))  # keeps the products from vanishing
    for _, prefix in best:
        prefix.blank *= scale
        prefix.character *= scale
    return dict(best)
