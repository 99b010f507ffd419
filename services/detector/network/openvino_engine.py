"""Run the CTPN with OpenVINO on the CPU; the same network as `services.detector.network.network`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from services.detector.network.architecture import BLOCKS, FEATURE_SCALE, PIXEL_MEAN, Architecture
from services.detector.network.engine import Activations
from shared.arrays import NamedArrays, Pixels
from shared.inference import graphs
from shared.inference.engines import Precision
from shared.inference.graphs import Graph
from shared.inference.requests import Requests

_SAME = ((1, 1), (1, 1))
_DIRECTIONS = ("", "_reverse")
# Largest pixel minus the mean.
_PIXEL_CEILING = 255.0 - min(PIXEL_MEAN)


class OpenVINOEngine:
    """Runs the network; while the caller uses a page, the next is computed. Call it from one thread.

    Two pages in parallel, with half the threads each, would take 5% less time and 300 MiB more memory.

    Args:
        arrays: Weights, by the names of `services.detector.network.network.CTPN`.
        architecture: Sizes of the layers.
        ceilings: Largest outputs of the convolutions (see `build_maxima`); None if not measured.
        threads: Maximum number of threads; all cores if None.
        precision: Arithmetic.

    Raises:
        WeightsError: If the weights do not fit.
    """

    batches_by_size = False

    def __init__(
        self,
        arrays: NamedArrays,
        architecture: Architecture,
        ceilings: Sequence[float] | None = None,
        *,
        threads: int | None,
        precision: Precision = "auto",
    ) -> None:
        anchors = len(architecture.anchor_heights)
        build = partial(_build, anchors=anchors, ceilings=graphs.select_ceilings("detector", ceilings, precision))
        compiled = graphs.compile_network("CTPN", arrays, build, threads=threads, precision=precision)
        self._requests = Requests(compiled, 1)

    def __call__(self, pages: Sequence[Pixels]) -> Iterator[Activations]:
        """Run pages one by one and yield their activations; see `Engine`."""
        # Each number of pages would be another shape to prepare, and no faster.
        for results in self._requests.run((page[None],) for page in pages):
            yield Activations(*(array[0] for array in results))


def _list_convolutions() -> list[str]:
    """Return the names of the trunk's convolutions. Each block except the first begins with a pooling."""
    return [
        f"trunk.blocks.{block}.{2 * layer + (block > 0)}"
        for block, (_, depth) in enumerate(BLOCKS)
        for layer in range(depth)
    ]


def build_maxima(arrays: NamedArrays) -> Graph:
    """Build the graph `(N, H, W)` gray pages -> largest output of each convolution except the last, in order."""
    pages = graphs.parameter([-1, -1, -1], np.uint8)
    _, outputs = _add_convolutions(pages, arrays, None)
    axes = graphs.constant([0, 1, 2, 3], np.int64)
    return Graph([pages], [ops.reduce_max(x, axes, False).output(0) for x in outputs[:-1]])


def _build(arrays: NamedArrays, anchors: int, ceilings: Sequence[float] | None) -> Graph:
    """Build the graph `(N, H, W)` gray pages -> the three arrays of `Activations`."""
    pages = graphs.parameter([-1, -1, -1], np.uint8)
    rows_of_cells, count, rows, columns = _add_sequences(_add_convolutions(pages, arrays, ceilings)[0])
    directions = ({kind: arrays[f"recurrent.{kind}_l0{end}"] for kind in graphs.LSTM_ARRAYS} for end in _DIRECTIONS)
    context = graphs.bidirectional_lstm(rows_of_cells, *directions)
    hidden = ops.relu(graphs.linear(context, arrays["dense.weight"], arrays["dense.bias"])).output(0)
    scores, vertical, side = (
        graphs.linear(hidden, arrays[f"{name}.weight"], arrays[f"{name}.bias"])
        for name in ("scores", "vertical", "side")
    )

    if arrays["side.bias"].shape != (anchors,):
        raise ValueError(f"side.bias is {arrays['side.bias'].shape} instead of {(anchors,)}")

    def split_cells(values: ov.Output, *last: int) -> ov.Output:
        shape = ops.concat([count, rows, columns, graphs.constant(last, np.int64)], 0)
        return ops.reshape(values, shape, False).output(0)

    # The softmax of two scores is the logistic function of their difference.
    pair = split_cells(scores, anchors, 2)
    text, other = (ops.gather(pair, graphs.constant(i, np.int64), graphs.constant(4, np.int64)) for i in (1, 0))
    probability = ops.sigmoid(ops.subtract(text, other)).output(0)
    return Graph([pages], [probability, split_cells(vertical, anchors, 2), split_cells(side, anchors)])


def _add_convolutions(
    pages: ov.Output, arrays: NamedArrays, ceilings: Sequence[float] | None
) -> tuple[ov.Output, list[ov.Output]]:
    """Add the convolutions; return the output of the last one, `(N, channels, R, C)`, and those of all.

    In int8, outputs are cut off at their ceiling and quantized before pooling, so that pooling and the next convolution
    read one byte per value.
    """
    int8 = ceilings is not None
    gray = ops.unsqueeze(ops.convert(pages, "f32"), graphs.constant(1, np.int64))
    x = ops.subtract(gray, graphs.constant(np.reshape(PIXEL_MEAN, (1, 3, 1, 1)))).output(0)
    if int8:
        x = graphs.quantize(x, -_PIXEL_CEILING * 128 / 127, _PIXEL_CEILING)
    kernels = {name: (arrays[f"{name}.weight"], arrays[f"{name}.bias"]) for name in _list_convolutions()}
    kernels["window"] = arrays["window.weight"] * FEATURE_SCALE, arrays["window.bias"]
    outputs: list[ov.Output] = []
    for number, (name, (kernel, bias)) in enumerate(kernels.items()):
        # The first convolution of a block that begins with a pooling.
        if name.endswith(".1"):
            x = graphs.max_pool(x, (2, 2))
        x = graphs.convolution(x, kernel, bias, padding=_SAME, int8=int8)
        outputs.append(x)
        if ceilings is not None and number < len(ceilings):
            x = graphs.quantize(x, 0.0, ceilings[number])
    return x, outputs


def _add_sequences(features: ov.Output) -> tuple[ov.Output, ov.Output, ov.Output, ov.Output]:
    """Make each row of cells one sequence: `(N, channels, R, C)` -> `(N * R, C, channels)`; also return N, R and C."""
    count, rows, columns, channels = (graphs.size(features, axis) for axis in (0, 2, 3, 1))
    last = ops.transpose(features, graphs.constant([0, 2, 3, 1], np.int64))
    shape = ops.concat([ops.multiply(count, rows), columns, channels], 0)
    return ops.reshape(last, shape, False).output(0), count, rows, columns
