"""Test the CTPN network and that its engines agree."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from services.detector.network import network as network_module
from services.detector.network.architecture import PIXEL_MEAN, Architecture
from services.detector.network.network import CTPN, VGG16, normalize
from services.detector.network.openvino_engine import OpenVINOEngine, build_maxima
from services.detector.network.torch_engine import TorchEngine
from shared.inference import graphs
from shared.inference.device import arrays_of

SMALL = Architecture(anchor_heights=(12.0, 18.0, 27.0), window_channels=8, recurrent_units=4, dense_units=8)


@pytest.fixture
def thin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build VGG16 with few channels, so that tests are fast."""
    monkeypatch.setattr(network_module, "BLOCKS", ((4, 2), (4, 2), (8, 3), (8, 3), (8, 3)))


@pytest.mark.usefixtures("thin")
def test_output_has_one_cell_per_16_pixels() -> None:
    output = CTPN(SMALL)(torch.zeros(2, 3, 64, 96))
    assert output.scores.shape == (2, 4, 6, 3, 2)
    assert output.vertical.shape == (2, 4, 6, 3, 2)
    assert output.side.shape == (2, 4, 6, 3)


def test_default_network_is_that_of_paper() -> None:
    network = CTPN()
    convolutions = [layer for layer in network.trunk.modules() if isinstance(layer, torch.nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
    assert (network.window.kernel_size, network.window.out_channels) == ((3, 3), 512)
    assert (network.recurrent.hidden_size, network.recurrent.bidirectional) == (128, True)
    assert network.dense.out_features == 512
    k = len(network.architecture.anchor_heights)
    outputs = [network.scores, network.vertical, network.side]
    assert [layer.out_features for layer in outputs] == [2 * k, 2 * k, k]


@pytest.mark.usefixtures("thin")
def test_recurrent_layer_sees_only_its_row() -> None:
    torch.manual_seed(0)
    network = CTPN(SMALL).eval()
    features = torch.zeros(1, 8, 4, 12)
    network.trunk = torch.nn.Identity()  # type: ignore[assignment]
    base = network(features).scores
    changed = features.clone()
    changed[0, :, 0, 0] = 300.0
    difference = (network(changed).scores - base).abs().amax(dim=(0, 3, 4))
    # Same row, other end.
    assert difference[0, 11] > 0
    # Beyond the 3x3 window.
    assert difference[3, 0] == 0


def test_normalize_subtracts_bgr_mean() -> None:
    values = normalize(torch.full((1, 2, 2), 200, dtype=torch.uint8))
    assert values.shape == (1, 3, 2, 2)
    assert values[0, :, 0, 0].tolist() == pytest.approx([200 - mean for mean in PIXEL_MEAN], abs=1e-4)


def test_architecture_survives_manifest() -> None:
    assert Architecture.from_dict(json.loads(json.dumps(SMALL.to_dict()))) == SMALL
    with pytest.raises(TypeError):
        Architecture.from_dict({**SMALL.to_dict(), "color": "red"})


@pytest.mark.usefixtures("thin")
def test_engines_agree() -> None:
    torch.manual_seed(0)
    network = CTPN(SMALL)
    for layer in (network.scores, network.vertical, network.side):
        torch.nn.init.normal_(layer.weight, std=1.0)
    pages = list(np.random.default_rng(0).integers(0, 255, (2, 64, 96), dtype=np.uint8))
    pages += [pages[0][:48], pages[1][:48]]
    ours = OpenVINOEngine(arrays_of(network.state_dict()), SMALL, threads=2, precision="float32")(pages)
    theirs = TorchEngine(network, torch.device("cpu"), "float32")(pages)
    for page, one, other in zip(pages, ours, theirs, strict=True):
        assert one.probability.shape == (page.shape[0] // 16, 6, 3)
        assert np.ptp(one.probability) > 0.1
        for mine, their in zip(one, other, strict=True):
            np.testing.assert_allclose(mine, their, atol=1e-4)


@pytest.mark.usefixtures("thin")
def test_int8_is_close_and_clipped_at_ceilings() -> None:
    torch.manual_seed(0)
    network = CTPN(SMALL)
    for layer in network.trunk.modules():
        # Keeps activations as large as pixels.
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    torch.nn.init.normal_(network.scores.weight, std=1.0)
    arrays = arrays_of(network.state_dict())
    pages = np.random.default_rng(0).integers(0, 255, (1, 64, 96), dtype=np.uint8)
    compiled = graphs.compile_network(
        "CTPN", {k: v for k, v in arrays.items() if k.startswith(("trunk.", "window."))}, build_maxima,
        threads=1, precision="float32",
    )  # fmt: skip
    ceilings = [float(value) for value in compiled([pages]).values()]
    assert len(ceilings) == 13
    exact, quantized, cut = (
        next(OpenVINOEngine(arrays, SMALL, values, threads=1, precision="int8")(list(pages))).probability
        for values in (None, ceilings, [ceiling / 50 for ceiling in ceilings])
    )
    assert 0 < np.abs(quantized - exact).mean() < 0.05
    assert np.abs(cut - exact).mean() > 2 * np.abs(quantized - exact).mean()


@pytest.mark.usefixtures("thin")
def test_strips_compute_same_values() -> None:
    trunk = VGG16().eval()
    images = 50 * torch.randn(2, 3, 304, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        strips = trunk._run_strips(images)
        whole = trunk.blocks[1](trunk.blocks[0](images))
        everything = trunk(images)
    torch.testing.assert_close(strips, whole, rtol=1e-4, atol=1e-4)
    # Training does not compute strips.
    with torch.enable_grad():
        torch.testing.assert_close(trunk(images), everything, rtol=1e-3, atol=1e-3)
