"""Precision, recall and F1 of things that either match or not, such as words or field values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Matches:
    """Counts of one receipt or, summed, of many.

    Attributes:
        matched: Correct answers.
        labeled: Labels.
        answered: Answers.
    """

    matched: int = 0
    labeled: int = 0
    answered: int = 0

    def __add__(self, other: Matches) -> Matches:
        """Sum two counts."""
        return Matches(self.matched + other.matched, self.labeled + other.labeled, self.answered + other.answered)

    @property
    def precision(self) -> float:
        """Share of correct answers, 0 to 1; without answers, 1 if there are no labels, otherwise 0."""
        if self.answered == 0:
            return float(self.labeled == 0)
        return self.matched / self.answered

    @property
    def recall(self) -> float:
        """Share of labels with a correct answer, 0 to 1; 1 without labels."""
        return self.matched / self.labeled if self.labeled else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0 to 1."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def to_dict(self) -> dict[str, float]:
        """Return `precision`, `recall` and `f1`."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1}


def fold(text: str) -> str:
    """Return the form in which texts are compared: upper case, single spaces, none at the ends."""
    return " ".join(text.upper().split())
