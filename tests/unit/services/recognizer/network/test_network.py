"""Test the CRNN network and that its engines agree."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from services.recognizer.network.architecture import FRAME_STRIDE, Architecture
from services.recognizer.network.engine import Batch
from services.recognizer.network.network import CRNN, fuse_batch_norm
from services.recognizer.network.openvino_engine import CONVOLUTIONS, OpenVINOEngine, build_maxima
from services.recognizer.network.torch_engine import TorchEngine
from shared.inference.device import arrays_of
from shared.learning.quantization import measure_ceilings

TINY = Architecture(classes=7, channels=(2, 2, 3, 3, 4, 4, 5), hidden=4, layers=2)
PAIRS = [(1, 2), (3, 4)]


@pytest.fixture
def network() -> CRNN:
    torch.manual_seed(0)
    return CRNN(TINY).eval()


@pytest.mark.parametrize("width", [8, 64, 100])
def test_output_has_one_frame_per_four_columns(network: CRNN, width: int) -> None:
    assert network(torch.zeros(3, 1, 32, width)).shape == (3, width // FRAME_STRIDE, TINY.classes)


@torch.no_grad()
def move_statistics(network: CRNN) -> CRNN:
    """Move the running statistics away from 0 and 1."""
    network.train()
    for _ in range(3):
        network(torch.randn(4, 1, 32, 32))
    return network.eval()


def full(pictures: np.ndarray) -> Batch:
    """Build a batch with text in every frame."""
    return Batch(pictures, [pictures.shape[3] // FRAME_STRIDE] * len(pictures))


def test_engines_agree(network: CRNN) -> None:
    arrays = arrays_of(copy.deepcopy(move_statistics(network)).state_dict())
    batches = [
        np.random.default_rng(i).uniform(-1, 1, (2 + i, 1, 32, 16 * (1 + i))).astype(np.float32) for i in range(6)
    ]
    inputs = [full(pictures) for pictures in batches]
    theirs = TorchEngine(network, torch.device("cpu"), "float32")(inputs)
    ours = OpenVINOEngine(arrays, TINY, threads=2, precision="float32")(inputs)
    for one, other, batch in zip(ours, theirs, batches, strict=True):
        assert one.shape == (len(batch), batch.shape[3] // FRAME_STRIDE, TINY.classes)
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_padded_batches_have_same_output(network: CRNN) -> None:
    engines = [
        TorchEngine(copy.deepcopy(network), torch.device("cpu"), "float32", graphs=graphs) for graphs in (False, True)
    ]
    pictures = np.random.default_rng(0).uniform(-1, 1, (8, 1, 32, 64)).astype(np.float32)
    inputs = [full(pictures[:count]) for count in (1, 3, 8, 5)]
    for plain, filled in zip(*(engine(inputs) for engine in engines), strict=True):
        assert plain.shape == filled.shape
        np.testing.assert_allclose(plain, filled, atol=1e-5)


def test_output_does_not_depend_on_sequences_in_same_row(network: CRNN) -> None:
    engine = OpenVINOEngine(arrays_of(move_statistics(network).state_dict()), TINY, threads=1, precision="float32")
    batches = [np.random.default_rng(i).uniform(-1, 1, (4, 1, 32, 64 * i)).astype(np.float32) for i in (4, 2, 1)]
    together = list(engine(map(full, batches)))
    for batch, logits in zip(batches, together, strict=True):
        for picture, among_others in zip(batch, logits, strict=True):
            (alone,) = engine([full(picture[None])])
            np.testing.assert_allclose(alone[0], among_others, atol=1e-6)


def test_int8_is_close_and_clipped_at_ceilings(network: CRNN) -> None:
    arrays = arrays_of(move_statistics(network).state_dict())
    pictures = np.random.default_rng(0).uniform(-1, 1, (4, 1, 32, 64)).astype(np.float32)
    convolutions = {name: value for name, value in arrays.items() if name.startswith(CONVOLUTIONS)}
    ceilings = measure_ceilings("CRNN", convolutions, build_maxima, [[pictures[:2], pictures[2:]]])
    assert len(ceilings) == 6
    exact, quantized, cut = (
        next(OpenVINOEngine(arrays, TINY, values, threads=1, precision="int8")([full(pictures)]))
        for values in (None, ceilings, [ceiling / 50 for ceiling in ceilings])
    )
    assert 0 < np.abs(quantized - exact).mean() < np.abs(cut - exact).mean() / 2


def test_engine_keeps_working_after_abandoned_run(network: CRNN) -> None:
    engine = OpenVINOEngine(arrays_of(network.state_dict()), TINY, threads=2, precision="float32")
    batches = [full(np.random.default_rng(i).uniform(-1, 1, (5, 1, 32, 64)).astype(np.float32)) for i in range(3)]
    expected = list(engine(batches))

    def broken() -> Iterator[Batch]:
        yield batches[2]
        raise ValueError("gone")

    with pytest.raises(ValueError, match="gone"):
        next(engine(broken()))
    for one, other in zip(engine(batches), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_padding_after_text_does_not_matter(network: CRNN) -> None:
    engine = OpenVINOEngine(arrays_of(move_statistics(network).state_dict()), TINY, threads=1, precision="float32")
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, 1, 32, 160)).astype(np.float32)
    other = pictures.copy()
    other[:, :, :, 128:] = 0.0
    (one,), (changed,) = (list(engine([Batch(those, [20, 12])])) for those in (pictures, other))
    assert np.isfinite(one).all()
    np.testing.assert_allclose(one[0, :20], changed[0, :20], atol=1e-6)
    np.testing.assert_allclose(one[1, :12], changed[1, :12], atol=1e-6)


def test_folding_batch_norm_keeps_output(network: CRNN) -> None:
    with torch.no_grad():
        move_statistics(network)
        pictures = torch.randn(2, 1, 32, 48)
        expected = network(pictures)
        fused = fuse_batch_norm(copy.deepcopy(network))
        torch.testing.assert_close(fused(pictures), expected, rtol=1e-4, atol=1e-5)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in fused.modules())


def test_architecture_survives_manifest() -> None:
    assert Architecture.from_dict(TINY.to_dict()) == TINY
    with pytest.raises(TypeError):
        Architecture.from_dict({**TINY.to_dict(), "heads": 8})


def test_rejects_invalid_architecture() -> None:
    with pytest.raises(ValueError, match="seven"):
        Architecture(classes=5, channels=(1, 2))
    with pytest.raises(ValueError, match="height"):
        Architecture(classes=5, height=48)
