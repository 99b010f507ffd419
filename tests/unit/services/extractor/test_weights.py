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

SAMPLES = Path(__file__).resolve().parents[3] / "samples"


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor.load(ExtractorSettings(device="cpu", threads=1))


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_the_weights_in_the_repository_read_the_samples(predictor: Predictor, path: Path) -> None:
    sample: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    segments = [TextSegment(np.array(line["quad"], np.float32), line["text"]) for line in sample["lines"]]
    (read,) = predictor.explain([segments])
    found = values(read.fields)
    for name, label in sample["fields"].items():
        assert is_same_value(label, found.get(name)), name
    assert read.fields.company is not None
    assert 0.5 < read.fields.company.confidence <= 1.0


def test_an_empty_receipt_has_no_fields(predictor: Predictor) -> None:
    (read,) = predictor.explain([[]])
    assert values(read.fields) == {}


def test_the_manifest_tells_where_the_weights_came_from(repository: Path) -> None:
    manifest = json.loads((repository / "services/extractor/weights/manifest.json").read_text(encoding="utf-8"))
    assert "SROIE" in manifest["training"]["data"]
    assert manifest["measures"]["validation, given text"]["all"]["f1"] > 0.8


def test_the_version_tells_settings_that_change_answers(predictor: Predictor, tmp_path: Path) -> None:
    vendors = tmp_path / "vendors.csv"
    vendors.write_text("company,address\nAcme Tools Sdn Bhd,\n", encoding="utf-8")
    versions = {predictor.version}
    for changed in ({"least_confidence": 0.0}, {"date_order": "month_first"}, {"vendor_list": vendors}):
        versions.add(Predictor.load(ExtractorSettings(device="cpu", threads=1, **changed)).version)
    vendors.write_text("company,address\nAcme Tools Ltd,\n", encoding="utf-8")
    versions.add(Predictor.load(ExtractorSettings(device="cpu", threads=1, vendor_list=vendors)).version)
    assert len(versions) == 5
    assert all(version.startswith(predictor.version) for version in versions)
