"""Fits what stands between the network and the answers: weights of totals, confidences.

On receipts that the network did not learn from; its probabilities on the others are far too good. Never imported by
code that serves requests.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from services.extractor.augmentation import Augmenter
from services.extractor.batch import probabilities
from services.extractor.encoding import TextSegment, encode
from services.extractor.fields import Extraction, FieldReader
from services.extractor.labels import label
from services.extractor.merchants import Directory
from services.extractor.network import CharacterLSTM
from services.extractor.normalisation import parse_amount
from services.extractor.scoring import Evidence, Scoring
from services.extractor.totals import DEFAULT_WEIGHTS, candidates, logit
from shared.contracts import FIELD_NAMES, FieldName
from shared.dataset import LabelledReceipt
from shared.measures.entities import same_value

# How strongly fitted numbers are drawn to their defaults; few receipts are kept out.
_TOTAL_RIDGE = 0.02
_CONFIDENCE_RIDGE = 0.03
# Each receipt counts this many times with boxes moved, joined and split, once as it is.
_VARIATIONS = 2
_BATCH = 16
_TOTAL_CLASS = 1 + FIELD_NAMES.index("total")


def fit(
    network: CharacterLSTM,
    receipts: Sequence[LabelledReceipt],
    directory: Directory,
    device: torch.device,
    seed: int = 0,
) -> Scoring:
    """Fit the scoring of a network.

    Args:
        network: In evaluation mode.
        receipts: Labelled receipts it has not learned from.
        directory: Merchants of the receipts that it has learned from, and no others.
        device: Where the network is.
        seed: Of the variations.
    """
    texts, entities = _variations(receipts, seed)
    documents = [encode(segments) for segments in texts]
    scores = []
    for start in range(0, len(documents), _BATCH):
        scores += probabilities(network, documents[start : start + _BATCH], device)
    cases = []
    for document, score, wanted in zip(documents, scores, entities, strict=True):
        found = candidates(document, score[:, _TOTAL_CLASS])
        right = [i for i, candidate in enumerate(found) if candidate.amount == parse_amount(wanted["total"])]
        if right:
            cases.append((np.array([candidate.features for candidate in found]), right[0]))
    scoring = Scoring(total_weights=fit_total(cases))
    reader = FieldReader(scoring, directory)
    read = [reader.read(*three) for three in zip(texts, documents, scores, strict=True)]
    confidence = {name: fit_confidence(*_evidence(name, read, entities)) for name in FIELD_NAMES}
    return Scoring(total_weights=scoring.total_weights, confidence=confidence)


def fit_total(cases: Sequence[tuple[npt.NDArray[np.float64], int]]) -> tuple[float, ...]:
    """Weights for which the softmax over a receipt's candidates gives the right one the highest probability.

    Args:
        cases: For each receipt the features of its candidates, (C, F), and the index of the right one.
    """
    start = torch.tensor(DEFAULT_WEIGHTS, dtype=torch.float64)
    weights = start.clone().requires_grad_()

    def loss() -> torch.Tensor:
        losses = [-torch.log_softmax(torch.from_numpy(features) @ weights, 0)[right] for features, right in cases]
        return torch.stack(losses).mean() + _TOTAL_RIDGE * ((weights - start) ** 2).sum()

    return tuple(round(value, 4) for value in _minimise(weights, loss))


def fit_confidence(evidence: Sequence[Evidence], right: Sequence[bool]) -> tuple[float, float, float, float]:
    """Logistic regression of whether a value is right on the evidence for it; see `Scoring.confidence`."""
    start = torch.tensor([0.0, 0.5, -1.0, 0.5], dtype=torch.float64)
    weights = start.clone().requires_grad_()
    rows = [[1.0, logit(one.score), one.doubt, float(one.known)] for one in evidence]
    features = torch.tensor(rows, dtype=torch.float64).reshape(-1, 4)
    target = torch.tensor([float(one) for one in right], dtype=torch.float64)

    def loss() -> torch.Tensor:
        fitted = torch.nn.functional.binary_cross_entropy_with_logits(features @ weights, target)
        return fitted + _CONFIDENCE_RIDGE * ((weights - start)[1:] ** 2).sum()

    if len(evidence) == 0:
        return 0.0, 0.5, -1.0, 0.5
    bias, slope, doubt, known = _minimise(weights, loss)
    return round(bias, 4), round(slope, 4), round(doubt, 4), round(known, 4)


def _minimise(weights: torch.Tensor, loss: Callable[[], torch.Tensor]) -> list[float]:
    optimizer = torch.optim.LBFGS([weights], lr=0.5, max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return [float(value) for value in weights.detach()]


def _variations(receipts: Sequence[LabelledReceipt], seed: int) -> tuple[list[list[TextSegment]], list[dict[str, str]]]:
    """The receipts as they are and with their boxes varied, and the labels of each."""
    augmenter = Augmenter(random.Random(seed))  # noqa: S311 - not for secrets
    texts, entities = [], []
    for receipt in receipts:
        labelled = label(receipt)
        for number in range(1 + _VARIATIONS):
            segments = labelled if number == 0 else augmenter.rearranged(labelled)
            texts.append([TextSegment(segment.quad, segment.text) for segment in segments])
            entities.append(receipt.entities)
    return texts, entities


def _evidence(
    name: FieldName, read: Sequence[Extraction], entities: Sequence[dict[str, str]]
) -> tuple[list[Evidence], list[bool]]:
    """The evidence for each value that was read, and whether it is right."""
    evidence, right = [], []
    for extraction, wanted in zip(read, entities, strict=True):
        if name in extraction.evidence:
            evidence.append(extraction.evidence[name])
            right.append(same_value(wanted[name], getattr(extraction.fields, name).value))
    return evidence, right
