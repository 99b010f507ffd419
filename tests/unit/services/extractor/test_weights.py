"""Tests of the released weights and their manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.extractor.encoding import TextSegment
from services.extractor.predictor import Predictor
from services.extractor.settings import ExtractorSettings
from services.extractor.training.evaluate import values
from shared.measures.entities import is_same_value
from shared.normalization import find_amounts

SAMPLES = Path(__file__).resolve().parents[3] / "samples"


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor.load(ExtractorSettings(device="cpu", threads=1))


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_finds_the_fields_of_the_samples(predictor: Predictor, path: Path) -> None:
    sample: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    segments = [TextSegment(np.array(line["quad"], np.float32), line["text"]) for line in sample["lines"]]
    (extraction,) = predictor.explain([segments])
    found = values(extraction.fields)
    # SROIE's labels do not agree on whether a currency sign belongs to a total.
    total = extraction.fields.total
    assert (total.amount if total else None) == str(find_amounts(sample["fields"].pop("total"))[0].amount)
    for name, label in sample["fields"].items():
        assert is_same_value(label, found.get(name)), name
    assert extraction.fields.company is not None
    assert 0.5 < extraction.fields.company.confidence <= 1.0


def test_empty_receipt_has_no_fields(predictor: Predictor) -> None:
    (extraction,) = predictor.explain([[]])
    assert values(extraction.fields) == {}


def test_manifest_has_data_and_measures(repository: Path) -> None:
    manifest = json.loads((repository / "services/extractor/weights/manifest.json").read_text(encoding="utf-8"))
    assert "SROIE" in manifest["training"]["data"]
    assert manifest["measures"]["validation, given text"]["all"]["f1"] > 0.8
