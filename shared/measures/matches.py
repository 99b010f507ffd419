"""Precision, recall and F1 of things that either match or do not: words of a receipt, values of its fields."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Matches:
    """Counts of one receipt or, added up, of many.

    Attributes:
        matched: Answers that are right.
        labeled: Things that are in the labels.
        answered: Things that are in the answers.
    """

    matched: int = 0
    labeled: int = 0
    answered: int = 0

    def __add__(self, other: Matches) -> Matches:
        """Adds up two counts."""
        return Matches(self.matched + other.matched, self.labeled + other.labeled, self.answered + other.answered)

    @property
    def precision(self) -> float:
        """Share of the answers that are right, 0 to 1; without answers 0, or 1 if there is nothing to find either."""
        if self.answered == 0:
            return float(self.labeled == 0)
        return self.matched / self.answered

    @property
    def recall(self) -> float:
        """Share of the labels that were answered rightly, 0 to 1; 1 if there are none."""
        return self.matched / self.labeled if self.labeled else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0 to 1."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def as_dict(self) -> dict[str, float]:
        """`precision`, `recall` and `f1`."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1}


def fold(text: str) -> str:
    """The form in which texts are compared: case ignored, runs of white space as one space, none at the ends."""
    return " ".join(text.upper().split())
