"""Search the best text of a CTC output with a character language model (prefix beam search).

Graves and Jaitly, "Toward End-to-End Speech Recognition with Recurrent Neural Networks", ICML 2014. The language model
is combined as in Hannun et al., arXiv:1408.2873, with a weight and a bonus per character.
"""

from __future__ import annotations

import math

import numpy as np

from services.recognizer.alphabet import BLANK
from services.recognizer.language.model import LanguageModel
from shared.arrays import Flags, Floats

# Weight of the log probability of the language model relative to that of the network.
LANGUAGE_WEIGHT = 0.2
# Added per character, since every character costs probability in the language model.
BONUS = 0.3
# Exponent of scores before they become probabilities, chosen on validation so that these are calibrated.
TEMPER = 0.75
# Maximum number of texts per frame.
_WIDTH = 5
# Minimum probability of a class in a frame.
_MIN_PROBABILITY = 1e-3
# Minimum score of a text relative to the best one.
_HOPELESS = 1e-4
# Lower bound of a divisor.
_TINY = 1e-300


class _Prefix:
    """A text so far.

    Attributes:
        text: Classes of its characters.
        history: Its history for the language model.
        prior: Its score by the language model.
        blank: Probability of the text with a blank as the last frame.
        character: Probability of the text with its last character as the last frame.
        followed: Whether it is in the beam.
        longer: Texts with one more character, by its class. They recur in later frames, with the same prior.
    """

    __slots__ = ("blank", "character", "followed", "history", "longer", "prior", "text")

    def __init__(self, text: tuple[int, ...], history: int, prior: float) -> None:
        self.text = text
        self.history = history
        self.prior = prior
        self.blank = self.character = 0.0
        self.followed = False
        self.longer: dict[int, _Prefix] = {}

    def compute_score(self) -> float:
        """Return the combined score of network and language model."""
        return (self.blank + self.character) * self.prior


def beam_search(probabilities: Floats, language: LanguageModel) -> tuple[tuple[int, ...], float]:
    """Find the best text.

    Args:
        probabilities: `(T, classes)`; letters are capitals.
        language: Language model of the same alphabet.

    Returns:
        Classes of the text, and its probability among the texts that were followed to the end, 0 to 1.
    """
    root = _Prefix((), language.start_history(), 1.0)
    root.blank, root.followed = 1.0, True
    beam = [root]
    for blank, frame in _select_frames(probabilities):
        if frame:
            beam = _prune(_advance(beam, blank, frame, language))
            continue
        # The frame is a blank for every text.
        for prefix in beam:
            prefix.blank += prefix.character
            prefix.character = 0.0
    ends = [language.compute_log_probability(prefix.history, BLANK) for prefix in beam]
    scores = [prefix.compute_score() * math.exp(LANGUAGE_WEIGHT * end) for prefix, end in zip(beam, ends, strict=True)]
    best = max(scores)
    return beam[scores.index(best)].text, 1.0 / sum((score / best) ** TEMPER for score in scores)


def _select_frames(probabilities: Floats) -> list[tuple[float, dict[int, float]]]:
    """Return for each frame the probability of the blank, and those of the classes that are followed.

    Most frames have no such class. Of neighboring ones only one is returned, since they do not distinguish texts.
    """
    likely: Flags = np.greater(probabilities, _MIN_PROBABILITY)
    likely[:, BLANK] = False
    some: Flags = np.asarray(likely.any(axis=1))
    kept = np.flatnonzero(some | np.append(True, some[:-1]))
    frames: dict[int, dict[int, float]] = {frame: {} for frame in kept.tolist()}
    rows, labels = np.nonzero(likely)
    values = probabilities[rows, labels].tolist()
    for frame, label, probability in zip(rows.tolist(), labels.tolist(), values, strict=True):
        frames[frame][label] = probability
    return list(zip(probabilities[kept, BLANK].tolist(), frames.values(), strict=True))


def _advance(beam: list[_Prefix], blank: float, frame: dict[int, float], language: LanguageModel) -> list[_Prefix]:
    """Return all prefixes after one more frame, before pruning, but without longer ones that are hopeless."""
    candidates, best = [], 0.0
    for prefix in beam:
        kept, total = prefix.blank, prefix.blank + prefix.character
        prior, last = prefix.prior, prefix.text[-1] if prefix.text else BLANK
        for label, probability in frame.items():
            # A character repeats only across a blank.
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
            longer = prefix.longer[label] = _extend(prefix, label, language)
        if longer.followed:
            longer.character += said
        else:
            longer.blank, longer.character, longer.followed = 0.0, said, True
            grown.append(longer)
    return grown


def _extend(prefix: _Prefix, label: int, language: LanguageModel) -> _Prefix:
    added = math.exp(LANGUAGE_WEIGHT * language.compute_log_probability(prefix.history, label) + BONUS)
    return _Prefix((*prefix.text, label), language.extend_history(prefix.history, label), prefix.prior * added)


def _prune(grown: list[_Prefix]) -> list[_Prefix]:
    grown.sort(key=_Prefix.compute_score, reverse=True)
    floor = _HOPELESS * grown[0].compute_score()
    best = [prefix for prefix in grown[:_WIDTH] if prefix.compute_score() >= floor]
    for prefix in grown[len(best) :]:
        prefix.followed = False
    # Rescaling keeps products of probabilities from vanishing.
    scale = 1.0 / max(_TINY, max(prefix.blank + prefix.character for prefix in best))
    for prefix in best:
        prefix.blank *= scale
        prefix.character *= scale
    return best
