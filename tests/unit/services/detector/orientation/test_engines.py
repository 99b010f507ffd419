"""Test that both engines of the orientation network agree, and that bad weights are rejected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from services.detector.orientation.architecture import OrientationArchitecture
from services.detector.orientation.engine import PATCH_PX
from services.detector.orientation.loading import load_orientation
from services.detector.orientation.network import OrientationNetwork
from services.detector.orientation.openvino_engine import OpenVINOOrientationEngine
from services.detector.orientation.torch_engine import TorchOrientationEngine
from services.detector.settings import DetectorSettings
from shared.inference.device import arrays_of
from shared.inference.weights import WeightsError


def test_error_for_missing_weights_names_manifest(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="manifest"):
        load_orientation(DetectorSettings(orientation_weights=tmp_path))


def test_engines_agree() -> None:
    torch.manual_seed(0)
    small = OrientationArchitecture(channels=(4, 6), strides=(2, 2))
    network = OrientationNetwork(small).train()
    with torch.no_grad():
        # Moves running statistics away from 0 and 1.
        network(torch.randn(8, 1, PATCH_PX, PATCH_PX))
    arrays = arrays_of(network.state_dict())
    patches = np.random.default_rng(0).integers(0, 255, (3, PATCH_PX, PATCH_PX), dtype=np.uint8)
    ours = OpenVINOOrientationEngine(arrays, small, threads=1, precision="float32")(patches)
    np.testing.assert_allclose(ours, TorchOrientationEngine(network, "float32")(patches), atol=1e-4)
    np.testing.assert_allclose(np.exp(ours).sum(axis=1), 1.0, atol=1e-5)
