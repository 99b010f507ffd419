"""Tests of the character LSTM in both libraries."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from services.extractor.encoding import FEATURES, Document, TextSegment, encode
from services.extractor.network.architecture import Architecture
from services.extractor.network.batch import collate
from services.extractor.network.classes import BASIC_CLASSES
from services.extractor.network.engine import Engine, compute_probabilities
from services.extractor.network.network import BidirectionalLSTM, CharacterLSTM
from services.extractor.network.openvino_engine import OpenVINOEngine
from services.extractor.network.torch_engine import TorchEngine
from shared.inference.device import arrays_of
from shared.inference.weights import WeightsError

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Use one thread: threads only slow down such small arrays."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


SMALL = Architecture(embedding=4, channels=6, hidden=5)


@pytest.fixture
def network() -> CharacterLSTM:
    torch.manual_seed(0)
    return CharacterLSTM(SMALL)


@pytest.fixture(params=["torch", "openvino"])
def engine(network: CharacterLSTM, request: pytest.FixtureRequest) -> Engine:
    if request.param == "torch":
        return TorchEngine(network, CPU)
    return OpenVINOEngine(arrays_of(network.state_dict()), SMALL, precision="float32")


def document(*texts: str) -> Document:
    quads = [np.array([[0, y], [90, y], [90, y + 20], [0, y + 20]], np.float32) for y in range(0, 40 * len(texts), 40)]
    return encode([TextSegment(quad, text) for quad, text in zip(quads, texts, strict=True)])


def test_each_character_gets_a_probability_per_class(engine: Engine) -> None:
    documents = [document("SHOP", "TOTAL 9.00"), document(), document("A")]
    first, empty, last = compute_probabilities(engine, documents)
    assert first.shape == (len("SHOP\nTOTAL 9.00\n"), len(BASIC_CLASSES))
    assert empty.shape == (0, len(BASIC_CLASSES))
    assert last.shape == (2, len(BASIC_CLASSES))
    np.testing.assert_allclose(first.sum(axis=1), 1.0, atol=1e-5)


def test_result_does_not_depend_on_other_receipts(engine: Engine) -> None:
    short, long = document("SHOP", "9.00"), document("ANOTHER SHOP SDN BHD", "JALAN 1", "TOTAL", "RM 15.50")
    (alone,) = compute_probabilities(engine, [short])
    np.testing.assert_allclose(compute_probabilities(engine, [short, long])[0], alone, atol=1e-5)
    np.testing.assert_allclose(compute_probabilities(engine, [long, short])[1], alone, atol=1e-5)


def test_both_directions_reach_all_characters(engine: Engine) -> None:
    texts = ["SHOP", "ITEM", "TOTAL"]
    (before,) = compute_probabilities(engine, [document(*texts)])
    (other_end,) = compute_probabilities(engine, [document(*texts[:-1], "CASH!")])
    (other_start,) = compute_probabilities(engine, [document("CAFE", *texts[1:])])
    assert not np.array_equal(before[0], other_end[0])
    assert not np.array_equal(before[-1], other_start[-1])


@pytest.mark.parametrize("threads", [1, 2])
def test_libraries_agree(network: CharacterLSTM, threads: int) -> None:
    documents = [document("SHOP", "TOTAL 9.00"), document("A"), document("ANOTHER SHOP SDN BHD", "JALAN 1", "RM 15.50")]
    theirs = OpenVINOEngine(arrays_of(network.state_dict()), SMALL, threads=threads, precision="float32")(documents)
    for one, other in zip(theirs, TorchEngine(network, CPU)(documents), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_names_arrays_that_do_not_fit(network: CharacterLSTM) -> None:
    arrays = arrays_of(network.state_dict())
    with pytest.raises(WeightsError, match=r"'second\.back\.bias_hh_l0' is missing"):
        OpenVINOEngine({k: v for k, v in arrays.items() if k != "second.back.bias_hh_l0"}, SMALL, precision="float32")
    with pytest.raises(WeightsError, match="unexpected: third"):
        OpenVINOEngine({**arrays, "third": arrays["classifier.bias"]}, SMALL, precision="float32")
    with pytest.raises(WeightsError, match="another shape"):
        OpenVINOEngine({**arrays, "classifier.weight": arrays["embedding.weight"]}, SMALL, precision="float32")


def test_layer_equals_a_packed_bidirectional_lstm() -> None:
    torch.manual_seed(1)
    layer = BidirectionalLSTM(3, 4)
    plain = torch.nn.LSTM(3, 4, batch_first=True, bidirectional=True)
    state = {name: value for name, value in layer.ahead.state_dict().items()}
    state |= {f"{name}_reverse": value for name, value in layer.back.state_dict().items()}
    plain.load_state_dict(state)
    values, lengths = torch.randn(3, 7, 3), torch.tensor([7, 2, 5])
    packed = torch.nn.utils.rnn.pack_padded_sequence(values, lengths, batch_first=True, enforce_sorted=False)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(plain(packed)[0], batch_first=True)
    result = layer(values, lengths)
    for row, length in enumerate(lengths.tolist()):
        torch.testing.assert_close(result[row, :length], expected[row, :length])


def test_batches_are_padded_with_zeros() -> None:
    batch = collate([document("AB"), document("ABCDEF")], CPU)
    assert batch.codes.shape == (2, 7)
    assert batch.features.shape == (2, 7, len(FEATURES))
    assert batch.lengths.tolist() == [3, 7]
    assert (batch.codes[0, 3:] == 0).all()
    assert (batch.features[0, 3:] == 0).all()


def test_two_layers_are_stacked_in_both_directions() -> None:
    names = {name for name, _ in CharacterLSTM(SMALL).named_parameters()}
    assert {"first.ahead.weight_hh_l0", "first.back.weight_hh_l0", "second.ahead.weight_hh_l0"} <= names
