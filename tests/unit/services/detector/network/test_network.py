"""The CTPN network, its loss, its samples and its training, all very small."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from services.detector.network import network as network_module
from services.detector.network.architecture import PIXEL_MEAN, Architecture
from services.detector.network.network import CTPN, VGG16, Output, normalize
from services.detector.network.openvino_engine import OpenVINOEngine, output_maxima
from services.detector.network.torch_engine import TorchEngine
from services.detector.training import train as train_module
from services.detector.training.loss import ctpn_loss
from services.detector.training.samples import KeptReceipt, SampleSettings, draw_sample, keep_all
from services.detector.training.train import TrainingConfig, train
from services.detector.training.trunk import for_our_pixels
from services.detector.training.tune import fit_logistic, owners
from shared.inference import graphs
from shared.inference.device import arrays_of
from shared.inference.weights import load_weights
from shared.learning.dataset import load_split, write_receipt, write_split
from shared.learning.labels import LabeledSegment

SMALL = Architecture(anchor_heights=(12.0, 18.0, 27.0), window_channels=8, recurrent_units=4, dense_units=8)


@pytest.fixture
def thin(monkeypatch: pytest.MonkeyPatch) -> None:
    """A VGG16 with few channels, so that tests are fast."""
    monkeypatch.setattr(network_module, "BLOCKS", ((4, 2), (4, 2), (8, 3), (8, 3), (8, 3)))


@pytest.mark.usefixtures("thin")
def test_one_cell_for_sixteen_pixels_and_one_answer_an_anchor() -> None:
    output = CTPN(SMALL)(torch.zeros(2, 3, 64, 96))
    assert output.scores.shape == (2, 4, 6, 3, 2)
    assert output.vertical.shape == (2, 4, 6, 3, 2)
    assert output.side.shape == (2, 4, 6, 3)


def test_the_default_is_vgg16_and_the_paper_s_head() -> None:
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
def test_the_recurrent_layer_sees_the_whole_row_and_no_other() -> None:
    torch.manual_seed(0)
    network = CTPN(SMALL).eval()
    features = torch.zeros(1, 8, 4, 12)
    network.trunk = torch.nn.Identity()  # type: ignore[assignment]
    base = network(features).scores
    changed = features.clone()
    changed[0, :, 0, 0] = 300.0
    difference = (network(changed).scores - base).abs().amax(dim=(0, 3, 4))
    assert difference[0, 11] > 0  # same row, other end
    assert difference[3, 0] == 0  # beyond the 3x3 window


def test_pixels_are_made_bgr_less_the_mean() -> None:
    values = normalize(torch.full((1, 2, 2), 200, dtype=torch.uint8))
    assert values.shape == (1, 3, 2, 2)
    assert values[0, :, 0, 0].tolist() == pytest.approx([200 - mean for mean in PIXEL_MEAN], abs=1e-4)


def test_architecture_survives_a_manifest() -> None:
    assert Architecture.from_dict(json.loads(json.dumps(SMALL.to_dict()))) == SMALL
    with pytest.raises(TypeError):
        Architecture.from_dict({**SMALL.to_dict(), "color": "red"})


def test_a_first_layer_for_standardized_rgb_gives_the_same_for_our_pixels() -> None:
    torch.manual_seed(0)
    theirs = torch.nn.Conv2d(3, 4, 3)
    picture = torch.randint(0, 255, (1, 3, 8, 8)).float()  # blue, green, red
    mean, std = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))
    rgb = (picture.flip(1) / 255 - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
    ours = torch.nn.Conv2d(3, 4, 3)
    ours.load_state_dict(for_our_pixels(theirs.state_dict()))
    assert torch.allclose(ours(picture - torch.tensor(PIXEL_MEAN).view(1, 3, 1, 1)), theirs(rgb), atol=1e-3)


@pytest.mark.usefixtures("thin")
def test_both_libraries_say_the_same() -> None:
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
def test_int8_is_close_and_cut_off_at_its_ceilings() -> None:
    torch.manual_seed(0)
    network = CTPN(SMALL)
    for layer in network.trunk.modules():
        if isinstance(layer, torch.nn.Conv2d):  # so that values stay as large as pixels on their way
            torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    torch.nn.init.normal_(network.scores.weight, std=1.0)
    arrays = arrays_of(network.state_dict())
    pages = np.random.default_rng(0).integers(0, 255, (1, 64, 96), dtype=np.uint8)
    compiled = graphs.compile_network(
        "CTPN", {k: v for k, v in arrays.items() if k.startswith(("trunk.", "window."))}, output_maxima,
        threads=1, precision="float32",
    )  # fmt: skip
    ceilings = [float(value) for value in compiled([pages]).values()]
    assert len(ceilings) == 13
    exact, quantized, cut = (
        next(OpenVINOEngine(arrays, SMALL, values, threads=1, precision="int8")(pages)).probability
        for values in (None, ceilings, [ceiling / 50 for ceiling in ceilings])
    )
    assert 0 < np.abs(quantized - exact).mean() < 0.05
    assert np.abs(cut - exact).mean() > 2 * np.abs(quantized - exact).mean()


def targets_and_output(margin: float) -> tuple[Output, torch.Tensor, torch.Tensor, torch.Tensor]:
    labels = torch.tensor([1, 0, 0, -1]).view(1, 1, 2, 2)
    scores = torch.zeros(1, 1, 2, 2, 2)
    scores[..., 1] = torch.tensor([margin, -margin, -margin, 50.0]).view(1, 1, 2, 2)
    vertical, side = torch.zeros(1, 1, 2, 2, 2), torch.zeros(1, 1, 2, 2)
    return Output(scores, vertical.clone(), side.clone()), labels, vertical, side


def test_the_loss_is_small_where_the_output_is_right_and_leaves_out_what_is_marked() -> None:
    assert ctpn_loss(*targets_and_output(12.0)).total() < 1e-4
    assert ctpn_loss(*targets_and_output(-3.0)).scores > 2.0


def test_coordinates_count_at_text_only() -> None:
    output, labels, vertical, side = targets_and_output(12.0)
    output.vertical[0, 0, 1] += 5.0  # not text, left out
    assert ctpn_loss(output, labels, vertical, side).vertical == 0
    output.vertical[0, 0, 0, 0] += 1.0
    output.side[0, 0, 0, 0] += 1.0
    loss = ctpn_loss(output, labels, vertical, side)
    assert loss.vertical > 0.5
    assert loss.side > 0.5


def test_a_batch_without_text_has_a_finite_loss() -> None:
    output, labels, vertical, side = targets_and_output(3.0)
    assert torch.isfinite(ctpn_loss(output, torch.zeros_like(labels), vertical, side).total())


def test_crops_are_scaled_to_the_working_height_with_their_labels() -> None:
    gray = np.full((400, 300), 255, np.uint8)
    quads = []
    for y in range(40, 360, 60):
        cv2.rectangle(gray, (50, y), (250, y + 24), 0, -1)
        quads.append([(50, y), (250, y), (250, y + 24), (50, y + 24)])
    receipt = KeptReceipt("one", gray, np.array(quads, np.float32), 24.0)
    settings = SampleSettings(height=96, width=128, damage=0.0)
    for seed in range(8):
        crop, labels, _ = draw_sample(receipt, settings, np.random.default_rng(seed))
        assert crop.shape == (96, 128)
        heights = np.linalg.norm(labels[:, 3] - labels[:, 0], axis=1)
        assert ((heights > 18 * 0.74) & (heights < 18 * 1.36)).all()
        middle = labels.mean(axis=1).round().astype(int)
        seen = [(x, y) for x, y in middle if 2 < x < 125 and 2 < y < 93]
        blank = float(np.median(crop[crop > crop.mean()])) if (crop > crop.mean()).any() else 255.0
        assert all(crop[y, x] < blank for x, y in seen)


def write_data(folder: Path) -> None:
    for number in range(3):
        image = np.full((200, 160, 3), 240, np.uint8)
        cv2.putText(image, "TOTAL 12", (20, 90), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (20, 20, 20), 2)
        quad = np.array([(20, 70), (140, 70), (140, 94), (20, 94)], np.float32)
        write_receipt(folder, f"r{number}", image, [LabeledSegment(quad, "TOTAL 12")], {"total": "12"})
    write_split(folder, {"train": ["r0", "r1"], "validation": ["r2"]})


def test_receipts_without_a_readable_picture_are_left_out(tmp_path: Path) -> None:
    write_data(tmp_path)
    (tmp_path / "images" / "r0.jpg").write_bytes(b"no picture")
    assert [kept.key for kept in keep_all(load_split(tmp_path, "train"), 18.0)] == ["r1"]


@pytest.mark.usefixtures("thin")
def test_a_run_is_trained_resumed_and_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_data(tmp_path / "data")
    monkeypatch.setattr(train_module, "SampleSettings", lambda: SampleSettings(height=64, width=64))
    monkeypatch.setattr(train_module, "CTPN", lambda: CTPN(SMALL))
    config = TrainingConfig(
        data=tmp_path / "data",
        run=tmp_path / "run",
        export=tmp_path / "weights",
        steps=3,
        batch=1,
        warmup=1,
        checkpoint_every=2,
        trunk="none",
        device="cpu",
    )
    seen: list[int] = []
    train(config, progress=lambda values: seen.append(values["step"]))
    assert seen == [1, 2, 3]
    manifest, tensors = load_weights(tmp_path / "weights", name="ctpn")
    assert manifest.training["steps_done"] == 3
    assert Architecture.from_dict(manifest.architecture) == SMALL
    assert "trunk.blocks.0.0.weight" in tensors

    config.steps = 4
    last = train(config, progress=lambda values: seen.append(values["step"]))
    assert seen == [1, 2, 3, 4]
    assert np.isfinite(last["loss"])
    lines = (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4]


def test_logistic_regression_finds_what_made_the_labels() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(4000, 2)).astype(np.float32) * (1.0, 10.0)
    chance = 1 / (1 + np.exp(-(2.0 * features[:, 0] - 0.1 * features[:, 1] - 1.0)))
    weights = fit_logistic(features, rng.random(4000) < chance)
    assert weights == pytest.approx([2.0, -0.1, -1.0], abs=0.2)


def test_proposals_are_told_which_label_they_stand_on() -> None:
    from services.detector.proposals import Proposals

    ones = np.ones(3, np.float32)
    proposals = Proposals(np.array([0, 2, 9]), 20 * ones, 40 * ones, ones, 0 * ones)
    boxes = np.array([(0, 21, 30, 41), (32, 19, 60, 41)], np.float32)
    assert owners(proposals, np.arange(3), boxes).tolist() == [0, 1, -1]


@pytest.mark.usefixtures("thin")
def test_strips_give_the_values_of_the_whole() -> None:
    trunk = VGG16().eval()
    images = 50 * torch.randn(2, 3, 304, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        strips = trunk._strips(images)
        whole = trunk.blocks[1](trunk.blocks[0](images))
        everything = trunk(images)
    torch.testing.assert_close(strips, whole, rtol=1e-4, atol=1e-4)
    with torch.enable_grad():  # in training nothing is computed in strips
        torch.testing.assert_close(trunk(images), everything, rtol=1e-3, atol=1e-3)
