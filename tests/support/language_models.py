"""Small language models, and logits from probabilities by character."""

from __future__ import annotations

import numpy as np

from services.recognizer.alphabet import BLANK, Alphabet
from services.recognizer.language.model import LanguageModel, count_ngrams

ALPHABET = Alphabet()


TEXTS = ["THANK YOU", "THANK YOU", "TOTAL 12.00", "Total 7.50"]


def build_model(texts: list[str], order: int = 4) -> LanguageModel:
    return LanguageModel(*count_ngrams(texts, ALPHABET, order), ALPHABET)


def measure_log_probability(language: LanguageModel, text: str, character: str, alphabet: Alphabet = ALPHABET) -> float:
    """Return the log probability of a character after a text; '' is the end."""
    history = language.start_history()
    for label in alphabet.encode(text).tolist():
        history = language.extend_history(history, label)
    return language.compute_log_probability(history, int(alphabet.encode(character)[0]) if character else BLANK)


def build_logits(frames: list[dict[str, float]], alphabet: Alphabet = ALPHABET) -> np.ndarray:
    """Build logits of frames from probabilities by character; '' is the blank, which also gets the rest."""
    rows = np.full((len(frames), alphabet.classes), 1e-7)
    for row, frame in zip(rows, frames, strict=True):
        row[0] = max(1e-7, 1.0 - sum(frame.values()))
        for character, probability in frame.items():
            row[alphabet.encode(character)[0] if character else 0] = probability
    scores: np.ndarray = np.log(rows).astype(np.float32)
    return scores
