"""Test writing weights with their measures and updating manifests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shared.inference.weights import load_weights, read_manifest
from shared.learning.release import save_measured_weights, update_manifest


def test_measures_stored_weights(tmp_path: Path) -> None:
    def measure() -> dict[str, float]:
        _, arrays = load_weights(tmp_path, name="test")
        return {"sum": float(arrays["a"].sum())}

    manifest = save_measured_weights(
        tmp_path,
        {"a": np.ones(3, np.float32)},
        measure,
        name="test",
        architecture={"units": 3},
        alphabet=None,
        training={"steps": 1},
    )
    assert manifest.measures == {"sum": 3.0}
    assert read_manifest(tmp_path, name="test") == manifest


def test_update_keeps_other_values_and_hash(tmp_path: Path) -> None:
    before = save_measured_weights(
        tmp_path,
        {"a": np.ones(3, np.float32)},
        lambda: {"validation": 1},
        name="test",
        architecture={"units": 3},
        alphabet=None,
        training={},
    )
    after = update_manifest(tmp_path, name="test", architecture={"ceilings": [1.5]}, measures={"other": 2})
    assert after.architecture == {"units": 3, "ceilings": [1.5]}
    assert after.measures == {"validation": 1, "other": 2}
    assert after.sha256 == before.sha256
