"""Fit the confidences, and measure how far they can be trusted. Serving code never imports this module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from services.extractor.fields import Extraction
from services.extractor.scoring import PLAIN_WEIGHTS, Evidence, Scoring
from services.extractor.training.scoring.minimizing import minimize
from shared.contracts import FIELD_NAMES, FieldName
from shared.learning.labels import LabeledReceipt
from shared.measures.calibration import compute_calibration_error, compute_straight_through_rate
from shared.measures.entities import is_same_value
from shared.measures.wild import judge_value

# Weight of the prior of the weights, in answers.
_PRIOR = 2.0
# Weights that the prior draws to, besides PLAIN_WEIGHTS.
_EXPECTED = {"adds_up": 0.4, "contradicted": -0.6, "sign_doubt": -3.5}
# Evidence that can only raise (1) or lower (-1) a confidence; few answers may suggest the opposite by chance.
_DIRECTIONS = {
    "adds_up": 1,
    "contradicted": -1,
    "announced": 1,
    "again": 1,
    "runner_up": -1,
    "two_readings": -1,
    "impossible": -1,
    "sign_doubt": -1,
    "misread": -1,
    "page": -1,
}


@dataclass(frozen=True)
class Answer:
    """A value with its evidence.

    Attributes:
        name: The field.
        evidence: What the confidence is computed from.
        right: Whether the value is right.
        is_photograph: Whether it is of a photograph; others are of scans.
        group: Receipts of one company are in one group.
    """

    name: FieldName
    evidence: Evidence
    right: bool
    is_photograph: bool
    group: int


def judge_answers(
    read: Sequence[Extraction], receipts: Sequence[LabeledReceipt], groups: Sequence[int]
) -> list[Answer]:
    """Return the values of receipts that can be judged.

    Args:
        read: What was found on each receipt.
        receipts: Their labels.
        groups: Their groups.
    """
    answers = []
    for extraction, receipt, group in zip(read, receipts, groups, strict=True):
        for name, evidence in extraction.evidence.items():
            right = judge(receipt, name, getattr(extraction.fields, name).value)
            if right is not None:
                answers.append(Answer(name, evidence, right, not receipt.spaced, group))
    return answers


def judge(receipt: LabeledReceipt, name: FieldName, value: str | None) -> bool | None:
    """Return whether the value of a field is right; None for photographs whose labels do not tell."""
    label = receipt.entities[name]
    if receipt.spaced:
        return is_same_value(label, value)
    return judge_value(name, [label, *receipt.alternatives.get(name, ())], value)


def fit_confidences(answers: Sequence[Answer]) -> dict[FieldName, dict[str, float]]:
    """Fit the confidence of each field."""
    fitted: dict[FieldName, dict[str, float]] = {}
    for name in FIELD_NAMES:
        own = [one for one in answers if one.name == name]
        fitted[name] = fit_confidence([one.evidence for one in own], [one.right for one in own])
    return fitted


def fit_confidence(evidence: Sequence[Evidence], right: Sequence[bool]) -> dict[str, float]:
    """Fit the probability that a value is right, by logistic regression on its evidence; see `Scoring.confidence`.

    Weights with the opposite of the sign in `_DIRECTIONS` are zero.
    """
    if len(evidence) == 0:
        return dict(PLAIN_WEIGHTS)
    names = list(dict.fromkeys([*PLAIN_WEIGHTS, *evidence[0].signs]))
    while True:
        weights = _fit(names, evidence, right)
        opposite = [name for name in names if weights[name] * _DIRECTIONS.get(name, 0) < 0]
        if not opposite:
            return weights
        names = [name for name in names if name not in opposite]


def measure_trust(answers: Sequence[Answer]) -> dict[str, dict[str, float]]:
    """Measure confidences on the answers of each group, fitted on the answers of all others.

    Returns:
        For `scans`, `photographs` and `all`: `ece`, the calibration error, and `straight_through`, the share of
        answers that is accepted at the lowest threshold at which 99% of them are right; 0 to 1.
    """
    confidences: dict[int, float] = {}
    for group in sorted({one.group for one in answers}):
        scoring = Scoring(confidence=fit_confidences([one for one in answers if one.group != group]))
        for place, one in enumerate(answers):
            if one.group == group:
                confidences[place] = scoring.probability(one.name, one.evidence)
    kinds = {
        "scans": [place for place, one in enumerate(answers) if not one.is_photograph],
        "photographs": [place for place, one in enumerate(answers) if one.is_photograph],
        "all": list(range(len(answers))),
    }
    found = {}
    for kind, places in kinds.items():
        levels, right = [confidences[place] for place in places], [answers[place].right for place in places]
        if places:
            found[kind] = {
                "ece": compute_calibration_error(levels, right),
                "straight_through": compute_straight_through_rate(levels, right),
            }
    return found


def _fit(names: Sequence[str], evidence: Sequence[Evidence], right: Sequence[bool]) -> dict[str, float]:
    expected = {**PLAIN_WEIGHTS, **_EXPECTED}
    start = torch.tensor([expected.get(name, 0.0) for name in names], dtype=torch.float64)
    weights = start.clone().requires_grad_()
    rows = [[one.numbers().get(name, 0.0) for name in names] for one in evidence]
    features = torch.tensor(rows, dtype=torch.float64)
    target = torch.tensor([float(one) for one in right], dtype=torch.float64)
    ridge = _PRIOR / len(evidence)

    def loss() -> torch.Tensor:
        fitted = torch.nn.functional.binary_cross_entropy_with_logits(features @ weights, target)
        return fitted + ridge * ((weights - start)[1:] ** 2).sum()

    return {name: round(value, 4) for name, value in zip(names, minimize(weights, loss), strict=True)}
