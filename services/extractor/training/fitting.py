"""Fit the scoring between the network and the answers: the choice of values, and confidences.

It is fitted on receipts that the network was not trained on, since its probabilities on the others are far too good.
Serving code never imports this module.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from services.extractor.amounts.signs import DEFAULT_SIGN, describe_sign
from services.extractor.encoding import Document, TextSegment, encode
from services.extractor.fields import Extraction, FieldReader
from services.extractor.merchants import Directory, letters
from services.extractor.network.engine import Engine
from services.extractor.ranking.choice import RankedField
from services.extractor.scoring import Scoring
from services.extractor.totals import DEFAULT_NO_TOTAL, DEFAULT_WEIGHTS, candidates
from services.extractor.training.labeling.fields import LabeledText, label
from services.extractor.training.labeling.readings import Reading
from services.extractor.training.scoring.confidence import fit_confidences, judge_answers, measure_trust
from services.extractor.training.scoring.kept import KeptProbabilities
from services.extractor.training.scoring.minimizing import minimize
from services.extractor.training.scoring.ranking import Case, build_case, fit_ranking
from services.extractor.training.variations.augmentation import Augmenter
from shared.arrays import Doubles, Floats
from shared.contracts import FIELD_NAMES
from shared.learning.labels import LabeledReceipt
from shared.normalization import find_amounts, parse_amount

# Strength of the prior that draws fitted weights to their defaults, since few receipts are held out.
_TOTAL_RIDGE = 0.02
# Strength of the same prior for the decision about signs, in receipts.
_SIGN_PRIOR = 0.5
# Weight of a receipt without a total, relative to one with a total.
_MISSING = 0.1
# Times that each receipt counts with segments moved, joined and split, besides once as it is.
_VARIATIONS = 1
# Groups of companies of which the choice of runs is fitted on all but one, for the confidences of that one.
_GROUPS = 4
# Weight of a receipt whose transcripts have no spaces: photographs of everywhere, of which there are fewer.
_PHOTOGRAPH = 2.0
_RANKED: tuple[RankedField, ...] = ("company", "address")
_TOTAL_CLASS = 1 + FIELD_NAMES.index("total")


@dataclass
class HeldOut:
    """Receipts that a network was not trained on, and its answers.

    Attributes:
        texts: Segments of each receipt.
        documents: The same, encoded.
        scores: (T, outputs) probabilities for the characters of each.
        receipts: Labels of each.
        is_read: Which texts are readings by the whole chain.
        directory: Merchants of the receipts that the network was trained on, and no others.
        without_total: For each receipt with every print of the total removed, the features of its candidates, (C, F).
    """

    texts: list[list[TextSegment]]
    documents: list[Document]
    scores: list[Floats]
    receipts: list[LabeledReceipt]
    is_read: list[bool]
    directory: Directory
    without_total: list[Doubles]


def hold_out(
    engine: Engine,
    receipts: Sequence[LabeledReceipt],
    directory: Directory,
    *,
    kept: KeptProbabilities | None = None,
    readings: Sequence[Mapping[str, Reading]] = (),
    seed: int = 0,
) -> HeldOut:
    """Run a network over receipts that it was not trained on: as labeled, with varied segments, and as read.

    Receipts whose transcripts have no spaces come as read only, since names without spaces would mislead.

    Args:
        engine: Runs the network.
        receipts: Receipts that it was not trained on.
        directory: Merchants of those that it was trained on.
        kept: Probabilities of earlier fits.
        readings: Readings by key, see `services.extractor.training.labeling.readings`.
        seed: Seed of the variations.
    """
    texts, owners, is_read = _variations(receipts, readings, seed)
    documents = [encode(segments) for segments in texts]
    kept = kept or KeptProbabilities(None, "")
    scores = kept.compute(engine, documents)
    # Once per receipt is enough.
    totaled = {owner.key: (one, owner.entities) for one, owner in zip(texts, owners, strict=True)}
    bare = [encode(without_total(*two)) for two in totaled.values() if two[1]["total"]]
    bare = [document for document in bare if len(document.text)]
    features = [_features(*two) for two in zip(bare, kept.compute(engine, bare), strict=True)]
    return HeldOut(texts, documents, scores, owners, is_read, directory, features)


def fit(parts: Sequence[HeldOut]) -> tuple[Scoring, dict[str, dict[str, float]]]:
    """Fit the scoring on receipts that were held out of one or several trainings.

    Returns:
        The scoring, and how far its confidences can be trusted on receipts of companies that they were not fitted on,
        see `measure_trust`.
    """
    cases, signs = [], []
    for part in parts:
        for document, score, receipt in zip(part.documents, part.scores, part.receipts, strict=True):
            found = candidates(document, score[:, _TOTAL_CLASS])
            total = parse_amount(receipt.entities["total"])
            right = [i for i, candidate in enumerate(found) if candidate.amount == total]
            if right:
                cases.append((np.array([candidate.features for candidate in found]), right[0]))
                start = int(document.start[found[right[0]].best.place])
                sign = describe_sign(found[right[0]], score[start:, _TOTAL_CLASS])
                if sign is not None:
                    signs.append((sign, has_sign(receipt.entities["total"])))
    weights, no_total = fit_total(cases, [features for part in parts for features in part.without_total])
    cases_of = {name: _cases(parts, name) for name in _RANKED}
    fitted = {name: fit_ranking([case for _, case in cases]) for name, cases in cases_of.items()}
    scoring = Scoring(total_weights=weights, no_total=no_total, sign=fit_sign(signs), runs=fitted)
    read: list[Extraction] = []
    receipts: list[LabeledReceipt] = []
    for group in range(_GROUPS):
        # The choice of a receipt's runs is clearer than it should be if it was fitted on the same company.
        others = {name: [case for of, case in cases if of != group] for name, cases in cases_of.items()}
        blind = scoring.model_copy(update={"runs": {name: fit_ranking(cases) for name, cases in others.items()}})
        for part in parts:
            reader = FieldReader(blind, part.directory)
            # What is served was read. Text without mistakes would make confidences too high.
            usual = part.is_read if any(part.is_read) else [True] * len(part.texts)
            chosen = [i for i, receipt in enumerate(part.receipts) if usual[i] and _group(receipt) == group]
            read += [reader.read(part.texts[i], part.documents[i], part.scores[i]) for i in chosen]
            receipts += [part.receipts[i] for i in chosen]
    answers = judge_answers(read, receipts, [_group(receipt) for receipt in receipts])
    fitted_confidence = fit_confidences(answers)
    return scoring.model_copy(update={"confidence": fitted_confidence}), measure_trust(answers)


def _group(receipt: LabeledReceipt) -> int:
    """Return the group of a receipt, 0 to _GROUPS - 1; all receipts of a company are in one."""
    return zlib.crc32(letters(receipt.entities["company"]).encode()) % _GROUPS


def _cases(parts: Sequence[HeldOut], name: RankedField) -> list[tuple[int, Case]]:
    """Return the cases to fit the choice of a field on, each with the group of its receipt."""
    found = []
    for part in parts:
        for document, scores, receipt in zip(part.documents, part.scores, part.receipts, strict=True):
            labels = [receipt.entities[name], *receipt.alternatives.get(name, ())]
            weight = 1.0 if receipt.spaced else _PHOTOGRAPH
            case = build_case(document, scores, part.directory, name, labels, weight) if len(document.text) else None
            if case is not None:
                found.append((_group(receipt), case))
    return found


def fit_total(cases: Sequence[tuple[Doubles, int]], without: Sequence[Doubles] = ()) -> tuple[tuple[float, ...], float]:
    """Fit the softmax over the candidates of a receipt that chooses its total.

    Args:
        cases: For each receipt the features of its candidates, (C, F), and the index of the right one.
        without: Features of the candidates, (C, F), of receipts without a total.

    Returns:
        The weights of the features, and the score of the case that there is no total.
    """
    start = torch.tensor([*DEFAULT_WEIGHTS, DEFAULT_NO_TOTAL], dtype=torch.float64)
    weights = start.clone().requires_grad_()

    def losses(some: Sequence[tuple[Doubles, int]]) -> torch.Tensor:
        found = [-torch.log_softmax(_with_none(features, weights), 0)[right] for features, right in some]
        return torch.stack(found).mean() if found else torch.zeros(())

    def loss() -> torch.Tensor:
        missing = _MISSING * losses([(features, -1) for features in without])
        return losses(cases) + missing + _TOTAL_RIDGE * ((weights - start) ** 2).sum()

    *fitted, no_total = minimize(weights, loss)
    return tuple(round(value, 4) for value in fitted), round(no_total, 4)


def fit_sign(cases: Sequence[tuple[Mapping[str, float], bool]]) -> dict[str, float]:
    """Fit whether the currency sign at a total belongs to its value.

    Args:
        cases: For each total with a sign its description, see `describe_sign`, and whether the label has the sign.
    """
    if not cases:
        return dict(DEFAULT_SIGN)
    start = torch.tensor(list(DEFAULT_SIGN.values()), dtype=torch.float64)
    weights = start.clone().requires_grad_()
    rows = [[description[name] for name in DEFAULT_SIGN] for description, _ in cases]
    features = torch.tensor(rows, dtype=torch.float64)
    target = torch.tensor([float(labeled) for _, labeled in cases], dtype=torch.float64)

    def loss() -> torch.Tensor:
        fitted = torch.nn.functional.binary_cross_entropy_with_logits(features @ weights, target)
        return fitted + _SIGN_PRIOR / len(cases) * ((weights - start) ** 2).sum()

    return {name: round(value, 4) for name, value in zip(DEFAULT_SIGN, minimize(weights, loss), strict=True)}


def has_sign(label: str) -> bool:
    """Return whether a labeled total has a currency sign."""
    return any(match.sign for match in find_amounts(label))


def without_total(segments: Sequence[TextSegment], entities: Mapping[str, str]) -> list[TextSegment]:
    """Return the segments of a receipt without those that contain its total."""
    total = parse_amount(entities["total"])
    return [one for one in segments if all(match.amount != total for match in find_amounts(one.text))]


def _features(document: Document, scores: Floats) -> Doubles:
    """Return the features of the amounts of a document, (C, F)."""
    found = candidates(document, scores[:, _TOTAL_CLASS])
    return np.array([candidate.features for candidate in found]).reshape(-1, len(DEFAULT_WEIGHTS))


def _with_none(features: Doubles, weights: torch.Tensor) -> torch.Tensor:
    """Return (C + 1,) scores of the candidates and, last, of the case that there is no total."""
    return torch.cat([torch.from_numpy(features) @ weights[:-1], weights[-1:]])


def _variations(
    receipts: Sequence[LabeledReceipt], readings: Sequence[Mapping[str, Reading]], seed: int
) -> tuple[list[list[TextSegment]], list[LabeledReceipt], list[bool]]:
    """Return the receipts as labeled, with varied segments, and as read; the receipt of each text; which are read."""
    augmenter = Augmenter(random.Random(seed))  # noqa: S311 - not for secrets
    texts: list[list[TextSegment]] = []
    owners: list[LabeledReceipt] = []
    is_read: list[bool] = []
    for receipt in receipts:
        versions: list[list[LabeledText]] = []
        if receipt.spaced:
            labeled = label(receipt)
            versions = [labeled, *(augmenter.rearranged(labeled) for _ in range(_VARIATIONS))]
        for segments in versions:
            texts.append([TextSegment(one.quad, one.text, confidence=one.confidence) for one in segments])
        is_read += [False] * (len(texts) - len(is_read))
        texts += [found[receipt.key].read for found in readings if receipt.key in found]
        is_read += [True] * (len(texts) - len(is_read))
        owners += [receipt] * (len(texts) - len(owners))
    return texts, owners, is_read
