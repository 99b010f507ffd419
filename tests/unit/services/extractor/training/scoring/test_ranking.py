"""Tests of fitting the choice among runs of segments."""

from __future__ import annotations

import numpy as np

from services.extractor.encoding import TextSegment, encode
from services.extractor.merchants import Directory
from services.extractor.network.classes import CLASSES
from services.extractor.ranking.choice import choose_run
from services.extractor.ranking.evidence import find_evidence
from services.extractor.ranking.runs import FEATURES
from services.extractor.ranking.units import build_units
from services.extractor.training.scoring.ranking import Case, build_case, fit_ranking


def _receipt(brand: str, brand_row: int) -> tuple[list[TextSegment], str]:
    """Return a receipt whose brand is on one of its rows, and that name."""
    rows = ["MONDAY SPECIALS", "GOOD FOOD DAILY", "SEE YOU SOON", "TOTAL 9.00"]
    rows[brand_row] = brand
    quads = [np.array([[0, y], [300, y], [300, y + 20], [0, y + 20]], np.float32) for y in range(0, 160, 40)]
    return [TextSegment(quad, text) for quad, text in zip(quads, rows, strict=True)], brand


def test_learns_what_the_network_does_not_know() -> None:
    cases, documents = [], []
    for number, brand in enumerate(["WALMART", "TARGET", "COSTCO", "SUBWAY", "ALDI", "LIDL"] * 2):
        segments, name = _receipt(brand, number % 3)
        document = encode(segments)
        scores = np.full((len(document.text), len(CLASSES) + 1), 0.02, np.float32)
        case = build_case(document, scores, Directory(), "company", [name], 1.0)
        assert case is not None
        assert case.right.sum() == 1
        cases.append(case)
        documents.append((document, scores, name))
    weights = fit_ranking(cases, ridge=0.001)
    document, scores, name = documents[4]
    units = build_units(document, scores, find_evidence(document.text))
    choice = choose_run(document, units, "company", weights, set())
    assert choice is not None
    assert choice.span.text(document) == name
    assert choice.probability > 0.8


def test_learns_from_receipts_without_the_field() -> None:
    draw = np.random.default_rng(0)

    def case(likely: float) -> Case:
        features = draw.normal(size=(20, len(FEATURES))).astype(np.float32)
        features[:, FEATURES.index("mean_logit")] = -3.0
        features[5, FEATURES.index("mean_logit")] = likely
        return Case(features, (np.arange(20) == 5) & (likely > 0))

    weights = fit_ranking([case(3.0) for _ in range(20)] + [case(-3.0) for _ in range(20)], ridge=0.01)
    low, high = -3.0 * weights.weights["mean_logit"], 3.0 * weights.weights["mean_logit"]
    assert low < weights.none < high


def test_leaves_out_receipts_whose_label_was_not_read() -> None:
    segments, _ = _receipt("WALMART", 0)
    document = encode(segments)
    scores = np.full((len(document.text), len(CLASSES) + 1), 0.02, np.float32)
    assert build_case(document, scores, Directory(), "company", ["KENTUCKY FRIED CHICKEN"], 1.0) is None
    nothing = build_case(document, scores, Directory(), "company", [""], 1.0)
    assert nothing is not None
    assert not nothing.right.any()


def test_keeps_weights_without_receipts() -> None:
    assert fit_ranking([]).weights["mean_logit"] == 1.0
