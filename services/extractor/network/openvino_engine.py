"""Run the character LSTM with OpenVINO on the CPU; the same network as `services.extractor.network.network`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from services.extractor.encoding import Document
from services.extractor.network.architecture import Architecture
from shared.arrays import Floats, NamedArrays
from shared.inference import graphs
from shared.inference.engines import Precision
from shared.inference.graphs import Graph
from shared.inference.processor import count_cores

_NAME = "the character LSTM"
_LAYERS = ("first", "second")
_DIRECTIONS = ("ahead", "back")


class OpenVINOEngine:
    """Runs the network. Call it from one thread.

    It runs one receipt at a time, because padding receipts to the longest of a batch costs more steps than it saves. A
    step is so short that sharing it between cores takes longer than computing it. The two directions of a layer do not
    need each other, so each has a core: on two cores, the network takes two thirds of the time.

    Args:
        arrays: Weights, by the names of `services.extractor.network.network.CharacterLSTM`.
        architecture: Sizes of the layers.
        threads: Maximum number of threads, of which two are useful; all cores if None.
        precision: Arithmetic.

    Raises:
        WeightsError: If the weights do not fit.
    """

    def __init__(
        self,
        arrays: NamedArrays,
        architecture: Architecture,
        *,
        threads: int | None = None,
        precision: Precision = "auto",
    ) -> None:
        self._features = architecture.features
        self._has_two_threads = min(threads or count_cores(), count_cores()) > 1
        self.outputs = architecture.outputs

        def load(part: NamedArrays, build: Callable[..., Graph], **options: Any) -> ov.InferRequest:
            build = partial(build, architecture=architecture, **options)
            return graphs.compile_network(_NAME, part, build, threads=1, precision=precision).create_infer_request()

        ends = [f"{layer}.{direction}." for layer in _LAYERS for direction in _DIRECTIONS] + ["classifier."]
        halves = {end: {name: value for name, value in arrays.items() if name.startswith(end)} for end in ends}
        local = {name: value for name, value in arrays.items() if not name.startswith(tuple(ends))}
        self._local = load(local, _build_local)
        self._layers = [
            [
                load(halves[f"{layer}.{direction}."], _build_half, layer=layer, direction=direction)
                for direction in _DIRECTIONS
            ]
            for layer in _LAYERS
        ]
        self._classifier = load(halves["classifier."], _build_classifier)

    def __call__(self, documents: Sequence[Document]) -> list[Floats]:
        """Run documents; see `Engine`."""
        return [self._run(document) for document in documents]

    def _run(self, document: Document) -> Floats:
        counts = np.bincount(document.segment)[document.segment]
        features = np.ascontiguousarray(document.features[:, : self._features])
        inputs = [document.codes, features, document.segment, (1.0 / counts).astype(np.float32)]
        self._local.infer(inputs)
        states = [self._local.get_output_tensor(0)]
        for halves in self._layers:
            states = self._run_layer(halves, states)
        _set_inputs(self._classifier, states)
        self._classifier.infer()
        return np.array(self._classifier.get_output_tensor(0).data, np.float32)

    def _run_layer(self, halves: Sequence[ov.InferRequest], states: Sequence[ov.Tensor]) -> list[ov.Tensor]:
        """Run both directions of a layer, at the same time if there are threads for it."""
        for half in halves:
            _set_inputs(half, states)
            half.start_async()
            if not self._has_two_threads:
                half.wait()
        for half in halves:
            half.wait()
        return [half.get_output_tensor(0) for half in halves]


def _set_inputs(request: ov.InferRequest, tensors: Sequence[ov.Tensor]) -> None:
    for index, tensor in enumerate(tensors):
        request.set_input_tensor(index, tensor)


def _build_local(arrays: NamedArrays, architecture: Architecture) -> Graph:
    """Build the graph of the layers before the recurrent ones, for one document with T characters.

    Its inputs are `(T,)` codes, `(T, F)` features, `(T,)` segments, and `(T,)` one divided by the length of the
    character's segment. Its output is `(1, T, 2 * channels + F)`.
    """
    codes = graphs.parameter([-1], np.int64)
    features = graphs.parameter([-1, architecture.features], np.float32)
    segment = graphs.parameter([-1], np.int64)
    share = graphs.parameter([-1], np.float32)
    first = graphs.constant(0, np.int64)
    embedded = ops.gather(graphs.constant(arrays["embedding.weight"]), codes, first)
    local = _add_convolution(ops.concat([embedded, features], 1).output(0), arrays)
    joined = ops.concat([local, _average_segments(local, segment, share), features], 1)
    return Graph([codes, features, segment, share], [ops.unsqueeze(joined, first).output(0)])


def _build_half(arrays: NamedArrays, architecture: Architecture, layer: str, direction: str) -> Graph:
    """Build the graph of one direction of a recurrent layer.

    Its inputs are the outputs of the layer before: `(1, T, C)`, or `(1, T, hidden)` per direction. Its output is
    `(1, T, hidden)`.
    """
    hidden, name = architecture.hidden, f"{layer}.{direction}"
    if arrays[f"{name}.weight_hh_l0"].shape != (4 * hidden, hidden):
        raise ValueError(f"{name}.weight_hh_l0 does not have {hidden} units")
    width = 2 * architecture.channels + architecture.features
    states = [
        graphs.parameter([1, -1, size], np.float32) for size in ((width,) if layer == _LAYERS[0] else (hidden,) * 2)
    ]
    joined = ops.concat(states, 2).output(0)
    kinds = {kind: arrays[f"{name}.{kind}_l0"] for kind in graphs.LSTM_ARRAYS}
    return Graph(states, [graphs.one_way_lstm(joined, kinds, backward=direction == "back")])


def _build_classifier(arrays: NamedArrays, architecture: Architecture) -> Graph:
    """Build the graph from the states of both directions, `(1, T, hidden)`, to `(T, outputs)` probabilities."""
    states = [graphs.parameter([1, -1, architecture.hidden], np.float32) for _ in _DIRECTIONS]
    logits = graphs.linear(ops.concat(states, 2).output(0), arrays["classifier.weight"], arrays["classifier.bias"])
    if len(arrays["classifier.bias"]) != architecture.outputs:
        raise ValueError(f"classifier.bias does not have {architecture.outputs} outputs")
    kinds = [ops.softmax(_select_outputs(logits, 0, len(architecture.classes)), 2)]
    if architecture.item_starts:
        kinds.append(ops.sigmoid(_select_outputs(logits, len(architecture.classes), architecture.outputs)))
    return Graph(states, [ops.squeeze(ops.concat(kinds, 2), graphs.constant(0, np.int64)).output(0)])


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
