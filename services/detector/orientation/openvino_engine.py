"""Run the network of `services.detector.orientation.network` with OpenVINO on the CPU."""

from __future__ import annotations

import threading
from functools import partial

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from services.detector.orientation.architecture import MIN_DEVIATION, OrientationArchitecture
from shared.arrays import Floats, NamedArrays, Pixels
from shared.inference import graphs
from shared.inference.engines import Precision
from shared.inference.graphs import Graph

# Height and width of (N, 1, H, W).
_SPATIAL_AXES = (2, 3)


class OpenVINOOrientationEngine:
    """Runs the network with OpenVINO. Thread-safe.

    Args:
        arrays: Weights by the names of `services.detector.orientation.network.OrientationNetwork`.
        architecture: Shape of the network.
        threads: Maximum number of threads; None uses all cores.
        precision: Arithmetic of the network.

    Raises:
        WeightsError: If the weights do not fit.
    """

    def __init__(
        self,
        arrays: NamedArrays,
        architecture: OrientationArchitecture,
        *,
        threads: int | None,
        precision: Precision = "auto",
    ) -> None:
        build = partial(_build, architecture=architecture)
        self._compiled = graphs.compile_network(
            "the orientation network", arrays, build, threads=threads, precision=precision
        )
        self._requests = threading.local()

    def __call__(self, patches: Pixels) -> Floats:
        """Run one batch; see `OrientationEngine`."""
        if not hasattr(self._requests, "own"):
            self._requests.own = self._compiled.create_infer_request()
        return np.array(self._requests.own.infer([patches])[0], np.float32)


def _build(arrays: NamedArrays, architecture: OrientationArchitecture) -> Graph:
    patches = graphs.parameter([-1, -1, -1], np.uint8)
    x = _normalize(ops.unsqueeze(ops.convert(patches, "f32"), graphs.constant(1, np.int64)).output(0))
    for index, stride in enumerate(architecture.strides):
        weight, bias = graphs.fold_batch_norm(arrays, f"features.{3 * index}", f"features.{3 * index + 1}")
        margin = weight.shape[2] // 2
        x = graphs.convolution(x, weight, bias, stride=stride, padding=((margin, margin), (margin, margin)))
    mean = ops.reduce_mean(x, graphs.constant(_SPATIAL_AXES, np.int64), False).output(0)
    scores = graphs.linear(mean, arrays["scores.weight"], arrays["scores.bias"])
    return Graph([patches], [ops.log_softmax(scores, 1).output(0)])


def _normalize(x: ov.Output) -> ov.Output:
    """Normalize each patch as `services.detector.orientation.network.normalize` does."""
    axes = graphs.constant(_SPATIAL_AXES, np.int64)
    centered = ops.subtract(x, ops.reduce_mean(x, axes, True))
    count = ops.convert(ops.multiply(graphs.size(x, 2), graphs.size(x, 3)), "f32")
    squares = ops.reduce_sum(ops.multiply(centered, centered), axes, True)
    # torch computes the standard deviation of a sample: the divisor is one less than the number of pixels.
    deviation = ops.sqrt(ops.divide(squares, ops.subtract(count, graphs.constant(1.0))))
    return ops.divide(centered, ops.add(deviation, graphs.constant(MIN_DEVIATION))).output(0)
