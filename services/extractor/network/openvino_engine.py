"""Run the character LSTM with OpenVINO on the CPU; the same network as `services.extractor.network.network`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from services.extractor.encoding import Document
from services.extractor.network.architecture import Architecture
from shared.arrays import Floats, NamedArrays
from shared.inference import graphs
from shared.inference.engines import Precision
from shared.inference.graphs import Graph

_LAYERS = ("first", "second")
_DIRECTIONS = ("ahead", "back")


class OpenVINOEngine:
    """Runs the network. Call it from one thread.

    It runs one receipt at a time, because padding receipts to the longest of a batch costs more steps than it saves, on
    one core, because a step is so short that sharing it takes longer than computing it.

    Args:
        arrays: Weights, by the names of `services.extractor.network.network.CharacterLSTM`.
        architecture: Sizes of the layers.
        precision: Arithmetic.

    Raises:
        WeightsError: If the weights do not fit.
    """

    def __init__(self, arrays: NamedArrays, architecture: Architecture, *, precision: Precision = "auto") -> None:
        build = partial(_build, architecture=architecture)
        self._features = architecture.features
        self.outputs = architecture.outputs
        compiled = graphs.compile_network("the character LSTM", arrays, build, threads=1, precision=precision)
        self._request = compiled.create_infer_request()

    def __call__(self, documents: Sequence[Document]) -> list[Floats]:
        """Run documents; see `Engine`."""
        return [self._run(document) for document in documents]

    def _run(self, document: Document) -> Floats:
        counts = np.bincount(document.segment)[document.segment]
        features = np.ascontiguousarray(document.features[:, : self._features])
        inputs = [document.codes, features, document.segment, (1.0 / counts).astype(np.float32)]
        return np.array(self._request.infer(inputs)[0], np.float32)


def _build(arrays: NamedArrays, architecture: Architecture) -> Graph:
    """Build the graph of one document with T characters.

    Its inputs are `(T,)` codes, `(T, F)` features, `(T,)` segments, and `(T,)` one divided by the length of the
    character's segment. Its output is `(T, outputs)` probabilities.
    """
    codes = graphs.parameter([-1], np.int64)
    features = graphs.parameter([-1, architecture.features], np.float32)
    segment = graphs.parameter([-1], np.int64)
    share = graphs.parameter([-1], np.float32)
    hidden = architecture.hidden
    if arrays["first.ahead.weight_hh_l0"].shape != (4 * hidden, hidden):
        raise ValueError(f"first.ahead.weight_hh_l0 does not have {hidden} units")
    first = graphs.constant(0, np.int64)
    embedded = ops.gather(graphs.constant(arrays["embedding.weight"]), codes, first)
    local = _add_convolution(ops.concat([embedded, features], 1).output(0), arrays)
    joined = ops.concat([local, _average_segments(local, segment, share), features], 1)
    states = ops.unsqueeze(joined, first).output(0)
    for layer in _LAYERS:
        directions = (
            {kind: arrays[f"{layer}.{direction}.{kind}_l0"] for kind in graphs.LSTM_ARRAYS} for direction in _DIRECTIONS
        )
        states = graphs.bidirectional_lstm(states, *directions)
    logits = graphs.linear(states, arrays["classifier.weight"], arrays["classifier.bias"])
    if len(arrays["classifier.bias"]) != architecture.outputs:
        raise ValueError(f"classifier.bias does not have {architecture.outputs} outputs")
    kinds = [ops.softmax(_select_outputs(logits, 0, len(architecture.classes)), 2)]
    if architecture.item_starts:
        kinds.append(ops.sigmoid(_select_outputs(logits, len(architecture.classes), architecture.outputs)))
    scores = ops.squeeze(ops.concat(kinds, 2), first).output(0)
    return Graph([codes, features, segment, share], [scores])


def _select_outputs(logits: ov.Output, start: int, end: int) -> ov.Output:
    """Select outputs: `(1, T, outputs)` -> `(1, T, end - start)`."""
    return ops.gather(logits, graphs.constant(np.arange(start, end), np.int64), graphs.constant(2, np.int64)).output(0)


def _add_convolution(x: ov.Output, arrays: NamedArrays) -> ov.Output:
    """Add the convolution over neighboring characters: `(T, C)` -> `(T, channels)`."""
    weight, bias = arrays["convolution.weight"], arrays["convolution.bias"]
    # T x C -> 1 x C x 1 x T: a picture of one row
    turned = ops.transpose(x, graphs.constant([1, 0], np.int64))
    row = ops.unsqueeze(turned, graphs.constant([0, 2], np.int64)).output(0)
    margin = weight.shape[2] // 2
    local = graphs.convolution(row, weight[:, :, None], bias, padding=((0, margin), (0, margin)))
    flat = ops.squeeze(local, graphs.constant([0, 2], np.int64))
    return ops.transpose(flat, graphs.constant([1, 0], np.int64)).output(0)


def _average_segments(local: ov.Output, segment: ov.Output, share: ov.Output) -> ov.Output:
    """Replace `(T, channels)` by the mean over the segment of each character."""
    count = graphs.size(segment, 0)
    zero, one = graphs.constant(0, np.int64), graphs.constant(1, np.int64)
    places = ops.range(zero, ops.squeeze(count, zero), one, "i64")
    segments = ops.add(ops.reduce_max(segment, zero, False), one)
    sums = ops.gather(ops.embedding_segments_sum(local, places, segment, segments), segment, zero)
    return ops.multiply(sums, ops.unsqueeze(share, one)).output(0)
