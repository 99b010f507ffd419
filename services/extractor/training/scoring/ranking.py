"""Fit the choice of companies and addresses among runs of segments. Serving code never imports this module.

The choice is a softmax over the runs of a receipt and the case that none of them is the field. Its weights maximize the
probability of the runs that are right, on receipts that the network was not trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from services.extractor.encoding import Document
from services.extractor.merchants import Directory
from services.extractor.ranking.choice import RankedField, RunWeights, list_candidates
from services.extractor.ranking.evidence import find_evidence
from services.extractor.ranking.runs import FEATURES, Runs, describe_runs
from services.extractor.ranking.units import Units, build_units
from services.extractor.training.scoring.minimizing import minimize
from shared.arrays import Doubles, Flags, Floats
from shared.measures.wild import pack_text

# Runs this much less similar to the label than the best one are right, too, if they are similar enough.
_AS_GOOD = 0.01
_SIMILAR = 0.75
# Strength of the prior that draws weights of standardized features to zero.
_RIDGE = 0.06
_MAX_RUNS = 80
_STEPS = 50
_ROUNDS = 2
_START = {"mean_logit": 1.0, "share_of_mass": 3.0}
# A feature with a smaller standard deviation than this has no weight.
_LEAST_SPREAD = 1e-4


@dataclass(frozen=True)
class Case:
    """The runs of one receipt.

    Attributes:
        features: (R, len(FEATURES)) float32.
        right: (R,) which runs are the field; none if the receipt does not have it.
        weight: How much the receipt counts.
    """

    features: Floats
    right: Flags
    weight: float = 1.0


def build_case(
    document: Document, scores: Floats, directory: Directory, name: RankedField, labels: Sequence[str], weight: float
) -> Case | None:
    """Return the runs of a receipt with those that are right; None where the field was not read well enough to tell.

    Args:
        document: The receipt.
        scores: (T, outputs) probabilities of its characters.
        directory: Merchants that the network was trained on.
        name: The field.
        labels: Right values; empty ones if the receipt does not have the field.
        weight: How much the receipt counts.
    """
    units = build_units(document, scores, find_evidence(document.text))
    runs = list_candidates(document, units, name)
    features = describe_runs(document, units, runs, directory.keys(name), field=name).astype(np.float32)
    right = np.zeros(len(runs.first), bool)
    wanted = [pack_text(label) for label in labels if pack_text(label)]
    if wanted:
        similar = np.max([_similarities(document, units, runs, label) for label in wanted], axis=0)
        if not len(similar) or similar.max() < _SIMILAR:
            return None
        right = similar >= similar.max() - _AS_GOOD
    return Case(features, right, weight)


def fit_ranking(cases: Sequence[Case], *, ridge: float = _RIDGE) -> RunWeights:
    """Fit the weights of the runs' features and the score of the case that the receipt does not have the field.

    Most runs are far from being chosen, so each round fits on those that the weights of the round before like best.
    """
    weights = RunWeights(weights=_START, none=0.0)
    for _ in range(_ROUNDS if cases else 0):
        weights = _fit([_keep_likeliest(case, weights.vector()) for case in cases], ridge)
    return weights


def _keep_likeliest(case: Case, weights: Doubles) -> Case:
    """Return a case with its right runs and the others that weights like best."""
    if len(case.right) <= _MAX_RUNS:
        return case
    scores = case.features @ weights.astype(np.float32)
    kept = np.union1d(np.argpartition(-scores, _MAX_RUNS)[:_MAX_RUNS], np.flatnonzero(case.right))
    return Case(case.features[kept], case.right[kept], case.weight)


def _fit(cases: Sequence[Case], ridge: float) -> RunWeights:
    table = torch.from_numpy(np.concatenate([case.features for case in cases]))
    center, scale = table.mean(0), table.std(0)
    used = scale > _LEAST_SPREAD
    scale = torch.where(used, scale, 1.0)
    table = ((table - center) / scale) * used
    sizes = torch.tensor([len(case.right) for case in cases])
    owner = torch.repeat_interleave(torch.arange(len(cases)), sizes)
    right = torch.from_numpy(np.concatenate([case.right for case in cases]))
    has = torch.tensor([bool(case.right.any()) for case in cases])
    share = torch.tensor([case.weight for case in cases], dtype=torch.float32)
    share = share / share.sum()
    weights = torch.zeros(table.shape[1] + 1, requires_grad=True)

    def loss() -> torch.Tensor:
        scores, none = table @ weights[:-1], weights[-1]
        top = torch.full((len(cases),), -1e9).scatter_reduce(0, owner, scores.detach(), "amax").clamp(min=none.detach())
        powers = torch.exp(scores - top[owner])
        every = torch.zeros(len(cases)).index_add(0, owner, powers) + torch.exp(none - top)
        good = torch.zeros(len(cases)).index_add(0, owner, powers * right)
        good = torch.where(has, good, torch.exp(none - top))
        fitted = (share * (torch.log(every) - torch.log(good.clamp(min=1e-30)))).sum()
        return fitted + ridge * (weights[:-1] ** 2).sum()

    minimize(weights, loss, steps=_STEPS)
    fitted = weights.detach()[:-1] * used / scale
    # The score of no field is relative to centered features.
    none = float(weights.detach()[-1] + (fitted * center).sum())
    values = {name: round(float(value), 5) for name, value in zip(FEATURES, fitted, strict=True) if value != 0}
    return RunWeights(weights=values, none=round(none, 5))


def _similarities(document: Document, units: Units, runs: Runs, label: str) -> Doubles:
    """Return the similarity of each run's text to a label, both without spaces and case: (R,), 0 to 1."""
    packed = [pack_text(document.text[a:b]) for a, b in zip(units.start, units.end, strict=True)]
    texts = ["".join(packed[unit] for unit in runs.units_of(number)) for number in range(len(runs.first))]
    return np.asarray(process.cdist([label], texts, scorer=Levenshtein.normalized_similarity)[0], np.float64)
