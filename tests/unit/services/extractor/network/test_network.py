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
from services.extractor.scoring import Evidence, Scoring
from services.extractor.totals import FEATURES as TOTAL_FEATURES
from services.extractor.totals import shares
from services.extractor.training.fitting import fit_confidence, fit_total, without_total
from shared.inference.device import arrays_of
from shared.inference.weights import WeightsError

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Arrays this small only lose by threads."""
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


def test_every_character_gets_a_probability_per_class(engine: Engine) -> None:
    documents = [document("SHOP", "TOTAL 9.00"), document(), document("A")]
    first, empty, last = compute_probabilities(engine, documents)
    assert first.shape == (len("SHOP\nTOTAL 9.00\n"), len(BASIC_CLASSES))
    assert empty.shape == (0, len(BASIC_CLASSES))
    assert last.shape == (2, len(BASIC_CLASSES))
    np.testing.assert_allclose(first.sum(axis=1), 1.0, atol=1e-5)


def test_no_receipt_changes_by_its_neighbors(engine: Engine) -> None:
    short, long = document("SHOP", "9.00"), document("ANOTHER SHOP SDN BHD", "JALAN 1", "TOTAL", "RM 15.50")
    (alone,) = compute_probabilities(engine, [short])
    np.testing.assert_allclose(compute_probabilities(engine, [short, long])[0], alone, atol=1e-5)
    np.testing.assert_allclose(compute_probabilities(engine, [long, short])[1], alone, atol=1e-5)


def test_both_directions_reach_every_character(engine: Engine) -> None:
    texts = ["SHOP", "ITEM", "TOTAL"]
    (before,) = compute_probabilities(engine, [document(*texts)])
    (other_end,) = compute_probabilities(engine, [document(*texts[:-1], "CASH!")])
    (other_start,) = compute_probabilities(engine, [document("CAFE", *texts[1:])])
    assert not np.array_equal(before[0], other_end[0])
    assert not np.array_equal(before[-1], other_start[-1])


def test_both_libraries_say_the_same(network: CharacterLSTM) -> None:
    documents = [document("SHOP", "TOTAL 9.00"), document("A"), document("ANOTHER SHOP SDN BHD", "JALAN 1", "RM 15.50")]
    theirs = OpenVINOEngine(arrays_of(network.state_dict()), SMALL, precision="float32")(documents)
    for one, other in zip(theirs, TorchEngine(network, CPU)(documents), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_arrays_that_do_not_fit_are_named(network: CharacterLSTM) -> None:
    arrays = arrays_of(network.state_dict())
    with pytest.raises(WeightsError, match=r"'second\.back\.bias_hh_l0' is missing"):
        OpenVINOEngine({k: v for k, v in arrays.items() if k != "second.back.bias_hh_l0"}, SMALL, precision="float32")
    with pytest.raises(WeightsError, match="unexpected: third"):
        OpenVINOEngine({**arrays, "third": arrays["classifier.bias"]}, SMALL, precision="float32")
    with pytest.raises(WeightsError, match="another shape"):
        OpenVINOEngine({**arrays, "classifier.weight": arrays["embedding.weight"]}, SMALL, precision="float32")


def test_the_layer_equals_a_packed_bidirectional_one() -> None:
    torch.manual_seed(1)
    layer = BidirectionalLSTM(3, 4)
    plain = torch.nn.LSTM(3, 4, batch_first=True, bidirectional=True)
    state = {name: value for name, value in layer.ahead.state_dict().items()}
    state |= {f"{name}_reverse": value for name, value in layer.back.state_dict().items()}
    plain.load_state_dict(state)
    values, lengths = torch.randn(3, 7, 3), torch.tensor([7, 2, 5])
    packed = torch.nn.utils.rnn.pack_padded_sequence(values, lengths, batch_first=True, enforce_sorted=False)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(plain(packed)[0], batch_first=True)
    got = layer(values, lengths)
    for row, length in enumerate(lengths.tolist()):
        torch.testing.assert_close(got[row, :length], expected[row, :length])


def test_batches_are_padded_with_nothing() -> None:
    batch = collate([document("AB"), document("ABCDEF")], CPU)
    assert batch.codes.shape == (2, 7)
    assert batch.features.shape == (2, 7, len(FEATURES))
    assert batch.lengths.tolist() == [3, 7]
    assert (batch.codes[0, 3:] == 0).all()
    assert (batch.features[0, 3:] == 0).all()


def test_two_layers_are_stacked_in_both_directions() -> None:
    names = {name for name, _ in CharacterLSTM(SMALL).named_parameters()}
    assert {"first.ahead.weight_hh_l0", "first.back.weight_hh_l0", "second.ahead.weight_hh_l0"} <= names


def test_fitting_finds_which_feature_of_a_total_tells() -> None:
    draw = np.random.default_rng(0)
    cases = []
    for _ in range(40):
        features = draw.normal(size=(5, len(TOTAL_FEATURES)))
        cases.append((features, int(np.argmax(features[:, 4]))))
    weights, _ = fit_total(cases)
    assert weights[4] > 1.5
    assert weights[4] > 2 * max(abs(weights[i]) for i in (1, 2, 3, 5))


def test_fitting_finds_when_there_is_no_total() -> None:
    """The right amounts have the logit 4, all others -4: so has every amount of the receipts without a total."""
    bare = np.zeros((5, len(TOTAL_FEATURES)))
    bare[:, 0] = -4.0
    whole = bare.copy()
    whole[2, 0] = 4.0
    weights, no_total = fit_total([(whole, 2)] * 40, [bare] * 40)
    assert -4.0 * weights[0] < no_total < 4.0 * weights[0]
    assert fit_total([(whole, 2)] * 40)[1] < no_total


def test_without_its_total_a_receipt_keeps_the_rest() -> None:
    quad = np.zeros((4, 2), np.float32)
    segments = [TextSegment(quad, text) for text in ("TOTAL RM9.00", "CASH", "10.00", "9.00", "CHANGE 1.00")]
    assert [one.text for one in without_total(segments, {"total": "RM 9.00"})] == ["CASH", "10.00", "CHANGE 1.00"]


def test_fitted_confidence_is_the_share_that_is_right() -> None:
    draw = np.random.default_rng(0)
    scores = draw.uniform(0.5, 0.999, 400)
    right = draw.uniform(size=400) < 0.7
    coefficients = fit_confidence([Evidence(score=score) for score in scores], list(right))
    scoring = Scoring(confidence={"company": coefficients})
    given = [scoring.probability("company", Evidence(score=score)) for score in scores]
    assert np.mean(given) == pytest.approx(np.mean(right), abs=0.03)


def test_nothing_to_fit_on_keeps_the_defaults() -> None:
    assert fit_confidence([], []) == Scoring().confidence["company"]
    assert shares([], Scoring().total_weights, 0.0) == []
