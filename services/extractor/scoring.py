"""What was fitted on receipts that the network had not learned from: weights for totals, and honest confidences."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field

from services.extractor import totals
from shared.contracts import FieldName

# Bias, weight of the logit of the network's probability, of the doubt, and of being in the directory.
_PLAIN = (0.0, 0.5, -1.0, 0.5)


class Scoring(BaseModel):
    """The fitted numbers; kept in the manifest of the weights they belong to."""

    model_config = ConfigDict(extra="forbid")

    total_weights: tuple[float, ...] = Field(
        default=totals.DEFAULT_WEIGHTS,
        min_length=len(totals.FEATURES),
        max_length=len(totals.FEATURES),
        description="In the order of totals.FEATURES.",
    )
    confidence: dict[FieldName, tuple[float, float, float, float]] = Field(
        default={"company": _PLAIN, "date": _PLAIN, "address": _PLAIN, "total": _PLAIN},
        description="Logistic regression for each field: bias, logit of the probability, doubt, known merchant.",
    )

    def probability(self, field: FieldName, evidence: Evidence) -> float:
        """How likely a field's value is right, 0 to 1."""
        bias, slope, doubt, known = self.confidence[field]
        odds = bias + slope * totals.logit(evidence.score) + doubt * evidence.doubt + known * evidence.known
        return evidence.reading / (1.0 + math.exp(-odds))


class Evidence(BaseModel):
    """What speaks for the value of a field.

    Attributes:
        score: Probability that the network (for the total: network and rules) gives it, 0 to 1.
        doubt: The least clear decision about its extent, 0 to 1.
        known: Whether the directory has the value.
        reading: Probability that its text was read without a mistake, 0 to 1.
    """

    score: float
    doubt: float = 0.0
    known: bool = False
    reading: float = 1.0


Scoring.model_rebuild()
