"""Prefix beam search of a CTC output with a character language model.

Graves and Jaitly, "Toward End-to-End Speech Recognition with Recurrent Neural Networks", ICML 2014; the language model
joins as in Hannun et al., arXiv:1408.2873, with a weight and a bonus for each character.
"""

from __future__ import annotations

import math

import numpy as np

from services.recognizer.alphabet import BLANK
from services.recognizer.language.model import LanguageModel
from shared.arrays import Flags, Floats

WEIGHT = 0.2
"""Of the logarithm of the language model's probability against that of the network's."""
BONUS = 0.3
"""Added for each character, since every one costs probability in the language model."""
TEMPER = 0.75
"""What scores are multiplied with before they become probabilities: chosen where these are honest on validation."""
_WIDTH = 5
_LEAST = 1e-3
"""Probability in a frame below which a class is not followed."""
_HOPELESS = 1e-4
"""Of the best text's score, below which a text is not followed."""
_TINY = 1e-300


class _Prefix:
    """A text so far.

    Attributes:
        text: classes of its characters.
        history: what the language model keeps of it.
        prior: what the language model makes of it.
        blank: probability that it was said so far and the last frame was a blank.
        character: the same of the last frame being its last character.
        followed: whether it is among those that are searched on.
        longer: texts of one character more, by its class: they come up frame after frame, and their part of the
            language model stays the same.
    """

    __slots__ = ("blank", "character", "followed", "history", "longer", "prior", "text")

    def __init__(self, text: tuple[int, ...], history: int, prior: float) -> None:
        self.text = text
        self.history = history
        self.prior = prior
        self.blank = self.character = 0.0
        self.followed = False
        self.longer: dict[int, _Prefix] = {}

    def score(self) -> float:
        """How good network and language model together find it."""
        return (self.blank + self.character) * self.prior


def beam_search(probabilities: Floats, language: LanguageModel) -> tuple[tuple[int, ...], float]:
    """The text that network and language model together find best, and its probability.

    Args:
        probabilities: `(T, classes)`, lower case moved to capitals (see `decoding.merge_case`).
        language: of the same alphabet.

    Returns:
        The classes of the text; its probability among the texts that were followed to the end, 0 to 1.
    """
    root = _Prefix((), language.start(), 1.0)
    root.blank, root.followed = 1.0, True
    beam = [root]
    for blank, frame in _frames(probabilities):
        if frame:
            beam = _pruned(_advanced(beam, blank, frame, language))
            continue
        for prefix in beam:  # a blank, that is no news about any text
            prefix.blank += prefix.character
            prefix.character = 0.0
    scores = [prefix.score() * math.exp(WEIGHT * language.log_probability(prefix.history, BLANK)) for prefix in beam]
    best = max(scores)
    return beam[scores.index(best)].text, 1.0 / sum((score / best) ** TEMPER for score in scores)


def _frames(probabilities: Floats) -> list[tuple[float, dict[int, float]]]:
    """The blank's probability in each frame, and that of the classes that are followed, by class.

    Of neighboring frames without any, which are most, one is left: they tell no text from another.
    """
    likely: Flags = np.greater(probabilities, _LEAST)
    likely[:, BLANK] = False
    some: Flags = np.asarray(likely.any(axis=1))
    kept = np.flatnonzero(some | np.append(True, some[:-1]))
    frames: dict[int, dict[int, float]] = {frame: {} for frame in kept.tolist()}
    rows, labels = np.nonzero(likely)
    values = probabilities[rows, labels].tolist()
    for frame, label, probability in zip(rows.tolist(), labels.tolist(), values, strict=True):
        frames[frame][label] = probability
    return list(zip(probabilities[kept, BLANK].tolist(), frames.values(), strict=True))


def _advanced(beam: list[_Prefix], blank: float, frame: dict[int, float], language: LanguageModel) -> list[_Prefix]:
    """All prefixes after one more frame, not yet pruned, but for longer ones without hope."""
    candidates, best = [], 0.0
    for prefix in beam:
        kept, total = prefix.blank, prefix.blank + prefix.character
        prior, last = prefix.prior, prefix.text[-1] if prefix.text else BLANK
        for label, probability in frame.items():
            # A character doubles only across a blank.
            said = (kept if label == last else total) * probability
            candidates.append((said * prior, said, prefix, label))
        prefix.character *= frame.get(last, 0.0)
        prefix.blank = total * blank
        best = max(best, total * prior)
    grown = beam.copy()
    for score, said, prefix, label in candidates:
        if score < _HOPELESS * best:
            continue
        longer = prefix.longer.get(label)
        if longer is None:
            longer = prefix.longer[label] = _longer(prefix, label, language)
        if longer.followed:
            longer.character += said
        else:
            longer.blank, longer.character, longer.followed = 0.0, said, True
            grown.append(longer)
    return grown


def _longer(prefix: _Prefix, label: int, language: LanguageModel) -> _Prefix:
    added = math.exp(WEIGHT * language.log_probability(prefix.history, label) + BONUS)
    return _Prefix((*prefix.text, label), language.after(prefix.history, label), prefix.prior * added)


def _pruned(grown: list[_Prefix]) -> list[_Prefix]:
    grown.sort(key=_Prefix.score, reverse=True)
    floor = _HOPELESS * grown[0].score()
    best = [prefix for prefix in grown[:_WIDTH] if prefix.score() >= floor]
    for prefix in grown[len(best) :]:
        prefix.followed = False
    scale = 1.0 / max(_TINY, max(prefix.blank + prefix.character for prefix in best))  # lest the products vanish
    for prefix in best:
        prefix.blank *= scale
        prefix.character *= scale
    return best
