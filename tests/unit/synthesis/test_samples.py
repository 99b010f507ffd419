"""Test that the generator reproduces the committed sample receipts."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from synthesis.samples import SAMPLES, SampleSpec, describe_expected, render_sample, write_samples

FOLDER = Path(__file__).parents[2] / "samples"


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.file)
def test_generator_reproduces_committed_sample(sample: SampleSpec) -> None:
    path = FOLDER / sample.file
    receipt = render_sample(sample)
    assert json.loads(path.with_suffix(".json").read_text(encoding="utf-8")) == describe_expected(receipt)
    assert path.stat().st_size < 120_000
    stored = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert stored is not None
    assert stored.shape == receipt.image.shape
    # Compression and other versions of OpenCV may change single pixels.
    assert np.abs(stored.astype(np.float32) - receipt.image).mean() < 8


def test_samples_cover_formats_countries_and_kinds(tmp_path: Path) -> None:
    assert {Path(sample.file).suffix for sample in SAMPLES} == {".jpg", ".png", ".webp"}
    assert {sample.country for sample in SAMPLES} >= {"MY", "US"}
    assert {sample.style.kind for sample in SAMPLES} >= {"scan", "photo"}
    written = write_samples(tmp_path)
    assert [path.name for path in written] == [sample.file for sample in SAMPLES]
    assert all((tmp_path / path.with_suffix(".json").name).exists() for path in written)
