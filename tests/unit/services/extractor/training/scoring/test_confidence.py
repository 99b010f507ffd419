"""Confidences: fitted, in the right direction, and measured on companies that they were not fitted on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from services.extractor.fields import Extraction
from services.extractor.scoring import Evidence, Scoring
from services.extractor.totals import shares
from services.extractor.training.scoring.confidence import Answer, fit_confidence, judge_answers, measure_trust
from shared.contracts import DateField, Fields, ReceiptField
from tests.support.labeled_receipts import make_receipt

DRAW = np.random.default_rng(0)


def test_fitted_confidence_is_the_share_of_right_values() -> None:
    scores = DRAW.uniform(0.5, 0.999, 400)
    right = DRAW.uniform(size=400) < 0.7
    coefficients = fit_confidence([Evidence(score=score) for score in scores], list(right))
    scoring = Scoring(confidence={"company": coefficients})
    given = [scoring.probability("company", Evidence(score=score)) for score in scores]
    assert np.mean(given) == pytest.approx(np.mean(right), abs=0.03)


def test_keeps_defaults_without_data() -> None:
    assert fit_confidence([], []) == Scoring().confidence["company"]
    assert shares([], Scoring().total_weights, 0.0) == []


def test_agreement_raises_and_bad_reading_lowers_confidence() -> None:
    adds_up = DRAW.uniform(size=600) < 0.5
    page = DRAW.uniform(0.7, 0.999, 600)
    right = DRAW.uniform(size=600) < 0.4 + 0.4 * adds_up * (page > 0.9)
    evidence = [
        Evidence(score=0.9, page=float(one), signs={"adds_up": float(adds)})
        for one, adds in zip(page, adds_up, strict=True)
    ]
    weights = fit_confidence(evidence, list(right))
    assert weights["adds_up"] > 0.3
    assert weights["page"] < -0.1


def test_chance_does_not_reverse_evidence() -> None:
    """Here the contradicted totals are the right ones, which nothing but chance explains."""
    contradicted = DRAW.uniform(size=60) < 0.5
    evidence = [Evidence(score=0.9, signs={"contradicted": float(one), "named": float(one)}) for one in contradicted]
    weights = fit_confidence(evidence, list(contradicted))
    assert "contradicted" not in weights
    assert weights["named"] > 0


def test_judges_scans_by_text_and_photographs_where_labels_tell() -> None:
    quad = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    company = ReceiptField(value="LEE SHOPS", confidence=0.5, quad=quad, lines=[0])
    date = DateField(value="4/4/2012", iso="2012-04-04", confidence=0.5, quad=quad, lines=[0])
    evidence = {"company": Evidence(score=0.9), "date": Evidence(score=0.9)}
    extraction = Extraction(Fields(company=company, date=date), evidence)  # type: ignore[arg-type]
    scan = make_receipt(company="LEE SHOP", date="4/4/2012")
    photograph = dataclasses.replace(scan, spaced=False, entities={**scan.entities, "date": ""})
    found = judge_answers([extraction, extraction], [scan, photograph], [0, 1])
    assert [(one.name, one.right, one.is_photograph, one.group) for one in found] == [
        ("company", False, False, 0),
        ("date", True, False, 0),
        ("company", False, True, 1),
    ]


def test_trust_is_measured_for_scans_and_photographs() -> None:
    """Photographs are wrong wherever they are read badly, which the other companies show."""
    answers = []
    for number in range(400):
        is_bad = number % 4 == 0
        evidence = Evidence(score=0.95, page=0.6 if is_bad else 0.98)
        answers.append(Answer("date", evidence, not is_bad, is_bad or number % 2 == 0, number % 5))
    found = measure_trust(answers)
    assert set(found) == {"scans", "photographs", "all"}
    assert found["scans"]["straight_through"] == 1.0
    assert found["all"]["straight_through"] == pytest.approx(0.75, abs=0.02)
    assert found["all"]["ece"] < 0.1
