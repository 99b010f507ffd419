"""Weights for choosing values and for confidences, fitted on receipts that the network was not trained on."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field

from services.extractor import totals
from services.extractor.amounts import signs
from services.extractor.ranking.choice import RankedField, RunWeights
from shared.contracts import FieldName

PLAIN_WEIGHTS = {"bias": 0.0, "score": 0.5, "doubt": -1.0, "known": 0.5, "reading": 0.8, "misread": 0.0, "page": 0.0}
"""Confidence weights before fitting."""
_LEAST_READING = 1e-3
_LEAST_MISREAD = 1e-4


class Scoring(BaseModel):
    """The fitted weights; part of the manifest of the network they belong to."""

    model_config = ConfigDict(extra="forbid")

    total_weights: tuple[float, ...] = Field(
        default=totals.DEFAULT_WEIGHTS,
        min_length=len(totals.FEATURES),
        max_length=len(totals.FEATURES),
        description="In the order of totals.FEATURES.",
    )
    no_total: float = Field(
        default=totals.DEFAULT_NO_TOTAL, description="Score of the case that the receipt has no total."
    )
    sign: dict[str, float] = Field(
        default=signs.DEFAULT_SIGN, description="Weights that tell whether a currency sign belongs to the total."
    )
    runs: dict[RankedField, RunWeights] = Field(
        default={}, description="Weights for choosing the company and the address; without, fixed rules choose them."
    )
    confidence: dict[FieldName, dict[str, float]] = Field(
        default={"company": PLAIN_WEIGHTS, "date": PLAIN_WEIGHTS, "address": PLAIN_WEIGHTS, "total": PLAIN_WEIGHTS},
        description="Logistic regression per field: the weight of each number in Evidence.numbers().",
    )

    def probability(self, field: FieldName, evidence: Evidence) -> float:
        """Return the probability that the value of a field is right, 0 to 1."""
        weights = self.confidence[field]
        odds = sum(weights.get(name, 0.0) * value for name, value in evidence.numbers().items())
        return 1.0 / (1.0 + math.exp(-odds))


class Evidence(BaseModel):
    """Evidence for the value of a field.

    Attributes:
        score: Probability according to the network (for the total: network and rules), 0 to 1.
        doubt: How unclear the least clear decision about its extent is, 0 to 1.
        known: Whether the merchant directory has the value.
        reading: Probability that its text was read without a mistake, 0 to 1.
        page: Mean confidence of all characters of the receipt, 0 to 1; photographs are read less surely than scans.
        signs: Further evidence specific to the field, by name; about 0 to 1 each.
    """

    score: float
    doubt: float = 0.0
    known: bool = False
    reading: float = 1.0
    page: float = 1.0
    signs: dict[str, float] = {}

    def numbers(self) -> dict[str, float]:
        """Return the inputs of the regression by name."""
        return {
            "bias": 1.0,
            "score": totals.logit(self.score),
            "doubt": self.doubt,
            "known": float(self.known),
            "reading": math.log(max(self.reading, _LEAST_READING)),
            # Orders of magnitude of mistakes: 0 where one of a hundred is expected.
            "misread": 2.0 + math.log10(max(1.0 - self.reading, _LEAST_MISREAD)),
            "page": 2.0 + math.log10(max(1.0 - self.page, _LEAST_MISREAD)),
            **self.signs,
        }


Scoring.model_rebuild()
