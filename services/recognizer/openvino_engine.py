"""Runs the CRNN with OpenVINO, on the processor: the same network as `services.recognizer.network`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

from services.recognizer.architecture import Architecture
from shared import graphs
from shared.engines import Precision
from shared.graphs import Arrays, Graph
from shared.processor import cores

_SAME = ((1, 1), (1, 1))
# Names of the convolutions, and the pooling after each; see `CRNN`.
_LAYERS: tuple[tuple[str, tuple[int, int] | None], ...] = (
    ("features.0", (2, 2)),
    ("features.2", (2, 2)),
    ("features.4", None),
    ("features.5", (2, 1)),
    ("features.7", None),
    ("features.8", (2, 1)),
)


class OpenVINOEngine:
    """Runs the network with OpenVINO, as many batches side by side as it has threads. Call it from one thread.

    The recurrence is one step after the other and keeps one core busy, not several: two batches on a core each are done
    sooner than one after the other on two cores.

    Args:
        arrays: the weights, by the names of `services.recognizer.network.CRNN`.
        architecture: of the network.
        threads: most threads; all cores if None.
        precision: what is multiplied.

    Raises:
        WeightsError: if the weights do not fit.
    """

    def __init__(
        self, arrays: Arrays, architecture: Architecture, *, threads: int | None, precision: Precision = "auto"
    ) -> None:
        streams = min(threads or cores(), cores())
        build = partial(_build, layers=architecture.layers)
        compiled = graphs.compile_network("CRNN", arrays, build, threads=threads, streams=streams, precision=precision)
        # One more than are computed at once, so that the next input is ready when one ends.
        self._requests = [compiled.create_infer_request() for _ in range(streams + 1)]

    def __call__(self, batches: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Run batches."""
        free, running = deque(self._requests), deque[ov.InferRequest]()
        for batch in batches:
            if not free:
                free.append(running[0])
                yield _result(running.popleft())
            request = free.popleft()
            request.start_async([batch])
            running.append(request)
        while running:
            yield _result(running.popleft())


def _result(request: ov.InferRequest) -> NDArray[np.float32]:
    request.wait()
    return np.array(request.get_output_tensor().data, np.float32)


def _build(arrays: Arrays, layers: int) -> Graph:
    """N x 1 x 32 x W -> N x W / 4 x classes logits."""
    images = graphs.parameter([-1, 1, -1, -1], np.float32)
    x = images
    for name, window in _LAYERS:
        x = graphs.convolution(x, *graphs.folded(arrays, f"{name}.0", f"{name}.1"), padding=_SAME)
        if window is not None:
            x = graphs.max_pool(x, window)
    # Two rows become one; a column more on the right keeps one frame for each four columns.
    x = graphs.convolution(x, *graphs.folded(arrays, "last.0", "last.1"), padding=((0, 0), (0, 1)))
    row = ops.squeeze(x, graphs.constant([2], np.int64))
    frames = ops.transpose(row, graphs.constant([0, 2, 1], np.int64)).output(0)
    for layer in range(layers):
        directions = (
            {kind: arrays[f"recurrent.{kind}_l{layer}{end}"] for kind in graphs.LSTM_ARRAYS} for end in ("", "_reverse")
        )
        frames = graphs.bidirectional_lstm(frames, *directions)
    return Graph([images], [graphs.linear(frames, arrays["classifier.weight"], arrays["classifier.bias"])])
