"""Networks as OpenVINO graphs, built from released weights; running them does not need torch.

Shapes are dynamic: sequences or pictures of any number and size run through one compiled graph. Only engines import
this.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import openvino as ov
from numpy.typing import ArrayLike, NDArray
from openvino import opset13 as ops

from shared.arrays import Floats, NamedArrays
from shared.inference.engines import Precision, uses_bfloat16, uses_int8
from shared.inference.processor import count_cores, has_int8_dot_product
from shared.inference.weights import WeightsError

# Arrays of an LSTM by torch's names.
LSTM_ARRAYS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")

# Arrays of a batch normalization by torch's names.
_NORM_ARRAYS = ("weight", "bias", "running_mean", "running_var")
# Each size of input has its own code and buffers per layer. The default of 5,000 keeps 100 MiB more after 30 receipts
# and is no faster.
_CACHED_PRIMITIVES = 100
# Inputs of an LSTM are padded with zeros to a multiple of this: in bfloat16, a step with an odd number of inputs takes
# up to six times as long.
_TILE = 32

_log = logging.getLogger(__name__)


@cache
def core() -> ov.Core:
    """Return the OpenVINO runtime of this process; graphs that share it share its threads."""
    return ov.Core()


class Graph(NamedTuple):
    """A network as a graph.

    Attributes:
        inputs: Inputs, made by `parameter`.
        outputs: Outputs.
    """

    inputs: Sequence[ov.Output]
    outputs: Sequence[ov.Output]


class _TrackedArrays(Mapping[str, NDArray[Any]]):
    """Arrays that record which of them were used."""

    def __init__(self, arrays: NamedArrays) -> None:
        self._arrays = arrays
        self.used_names: set[str] = set()

    def __getitem__(self, name: str) -> NDArray[Any]:
        self.used_names.add(name)
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


def compile_network(
    name: str,
    arrays: NamedArrays,
    build: Callable[[NamedArrays], Graph],
    *,
    threads: int | None,
    streams: int = 1,
    precision: Precision = "auto",
) -> ov.CompiledModel:
    """Build a network from its weights and compile it for the CPU.

    Args:
        name: Name of the network, for messages.
        arrays: Weights.
        build: Builds the graph from the weights.
        threads: Maximum number of threads; all cores if None.
        streams: Number of requests computed in parallel; they share the threads.
        precision: Arithmetic of layers that are not quantized. With `auto` and int8, bfloat16 if the CPU is fast at it,
            otherwise float32.

    Raises:
        WeightsError: If an array is missing, unexpected or of another shape.
    """
    tracked = _TrackedArrays(arrays)
    try:
        graph = build(tracked)
    except KeyError as error:
        raise WeightsError(f"The weights do not fit {name}. The array {error} is missing.") from error
    except (RuntimeError, ValueError) as error:  # raised by OpenVINO at the first layer that does not fit
        raise WeightsError(f"The weights do not fit {name}. An array has another shape: {error}") from error
    if unused := sorted(arrays.keys() - tracked.used_names):
        raise WeightsError(f"The weights do not fit {name}. Arrays unexpected: {', '.join(unused)}.")
    model = ov.Model(list(graph.outputs), [one.get_node() for one in graph.inputs], name)
    count = min(threads or count_cores(), count_cores())
    return core().compile_model(
        model,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": "bf16" if uses_bfloat16(precision) else "f32",
            "INFERENCE_NUM_THREADS": count,
            "NUM_STREAMS": min(streams, count),
            "CPU_RUNTIME_CACHE_CAPACITY": _CACHED_PRIMITIVES,
            "ENABLE_CPU_PINNING": False,  # would pin the threads of several processes to the same cores
        },
    )


def parameter(shape: Sequence[int], dtype: type[np.generic]) -> ov.Output:
    """Add an input; -1 in the shape is a size that differs from run to run."""
    return ops.parameter(list(shape), ov.Type(np.dtype(dtype))).output(0)


def constant(value: ArrayLike, dtype: type[np.generic] = np.float32) -> ov.Output:
    """Add a constant."""
    return ops.constant(np.asarray(value, dtype)).output(0)


def size(x: ov.Output, axis: int) -> ov.Output:
    """Add the size along an axis, an array of one number."""
    return ops.gather(ops.shape_of(x), constant([axis], np.int64), constant(0, np.int64)).output(0)


def convolution(
    x: ov.Output,
    weight: NDArray[Any],
    bias: NDArray[Any] | None,
    *,
    stride: int = 1,
    padding: tuple[tuple[int, int], tuple[int, int]],
    int8: bool = False,
) -> ov.Output:
    """Add a convolution followed by a ReLU.

    Args:
        x: `(N, C, H, W)`.
        weight: `(channels, C, height, width)`.
        bias: `(channels,)`, or None.
        stride: Stride in both directions.
        padding: Zeros around the input: rows above and columns left, rows below and columns right.
        int8: Whether to compute in int8; the input must be quantized by `quantize`.
    """
    kernel = _quantize_kernel(weight) if int8 else constant(weight)
    result = ops.convolution(x, kernel, [stride] * 2, list(padding[0]), list(padding[1]), [1, 1])
    if bias is not None:
        result = ops.add(result, constant(bias.reshape(1, -1, 1, 1)))
    return ops.relu(result).output(0)


def select_ceilings(service: str, ceilings: Sequence[float] | None, precision: Precision) -> Sequence[float] | None:
    """Return the ceilings of a network's convolutions if it is computed in int8, otherwise None.

    Weights without ceilings are computed in floating point, which is correct but slower; a warning says so.
    """
    if not uses_int8(precision):
        return None
    if ceilings is None:
        _log.warning(
            "The weights of the %s have no ceilings in their manifest, so it does not use int8 and is slower; "
            "`python -m services.%s.training.quantize --data DIR` measures them",
            service,
            service,
        )
    return ceilings


def quantize(x: ov.Output, low: float, high: float) -> ov.Output:
    """Round values to 256 levels between `low`, which is 0 or -128/127 times `high`, and `high`."""
    limits = constant(low), constant(high)
    return ops.fake_quantize(x, *limits, *limits, 256).output(0)


def _quantize_kernel(weight: NDArray[Any]) -> ov.Output:
    """Round a kernel to 255 levels, spread over the largest value of each output channel.

    On a CPU that keeps sums of two products in 16 bits, the levels spread over twice that: 7-bit weights.
    """
    largest = np.maximum(np.abs(weight).max(axis=(1, 2, 3), keepdims=True), np.float32(1e-12))
    reach = largest if has_int8_dot_product() else 2 * largest
    low, high = constant(-reach), constant(reach)
    return ops.fake_quantize(constant(weight), low, high, low, high, 255).output(0)


def fold_batch_norm(arrays: NamedArrays, convolution: str, norm: str, epsilon: float = 1e-5) -> tuple[Floats, Floats]:
    """Fold a batch normalization into the convolution before it, which has no bias.

    Args:
        arrays: Weights.
        convolution: Name of the convolution.
        norm: Name of the batch normalization.
        epsilon: Epsilon of the batch normalization.

    Returns:
        Weight and bias of the folded convolution.
    """
    weight, gain, shift, mean, variance = (
        np.asarray(arrays[name], np.float64)
        for name in (f"{convolution}.weight", *(f"{norm}.{part}" for part in _NORM_ARRAYS))
    )
    arrays[f"{norm}.num_batches_tracked"]  # mark as used: only training needs it
    scale = gain / np.sqrt(variance + epsilon)
    bias = shift - mean * scale
    return (weight * scale.reshape(-1, 1, 1, 1)).astype(np.float32), bias.astype(np.float32)


def max_pool(x: ov.Output, window: tuple[int, int]) -> ov.Output:
    """Add a max pooling over windows of rows x columns without overlap; a remainder at the end is dropped."""
    return ops.max_pool(x, list(window), [1, 1], [0, 0], [0, 0], list(window)).output(0)


def linear(x: ov.Output, weight: NDArray[Any], bias: NDArray[Any]) -> ov.Output:
    """Add a fully connected layer over the last axis; `weight` is `(outputs, inputs)`."""
    return ops.add(ops.matmul(x, constant(weight), False, True), constant(bias)).output(0)


def bidirectional_lstm(x: ov.Output, forward: NamedArrays, backward: NamedArrays) -> ov.Output:
    """Add a bidirectional LSTM: `(N, T, C)` -> `(N, T, 2 * units)`.

    Args:
        x: Sequences, all of length T.
        forward: `LSTM_ARRAYS` of the forward direction.
        backward: `LSTM_ARRAYS` of the backward direction.
    """
    return _lstm(x, (forward, backward), "bidirectional")


def one_way_lstm(x: ov.Output, arrays: NamedArrays, *, backward: bool) -> ov.Output:
    """Add an LSTM of one direction: `(N, T, C)` -> `(N, T, units)`.

    Args:
        x: Sequences, all of length T.
        arrays: `LSTM_ARRAYS` of the direction.
        backward: Whether it begins at the end.
    """
    return _lstm(x, (arrays,), "reverse" if backward else "forward")


def _lstm(x: ov.Output, directions: Sequence[NamedArrays], name: str) -> ov.Output:
    units = directions[0]["weight_hh"].shape[1]
    padding = -directions[0]["weight_ih"].shape[1] % _TILE
    if padding:
        x = ops.pad(x, [0, 0, 0], [0, 0, padding], "constant").output(0)
        directions = [
            {**one, "weight_ih": np.pad(np.asarray(one["weight_ih"], np.float32), ((0, 0), (0, padding)))}
            for one in directions
        ]
    count, steps, ways = size(x, 0), size(x, 1), len(directions)
    zeros = ops.broadcast(
        constant(np.zeros((1, 1, 1))), ops.concat([count, constant([ways], np.int64), constant([units], np.int64)], 0)
    )
    weights = [np.stack([_reorder_gates(one[kind]) for one in directions]) for kind in ("weight_ih", "weight_hh")]
    bias = np.stack([_reorder_gates(one["bias_ih"] + one["bias_hh"]) for one in directions])
    states = ops.lstm_sequence(
        x, zeros, zeros, ops.broadcast(steps, count), *map(constant, (*weights, bias)), units, name
    ).output(0)
    joined = ops.transpose(states, constant([0, 2, 1, 3], np.int64))  # N x ways x T x units -> N x T x ways x units
    return ops.reshape(joined, constant([0, 0, ways * units], np.int64), True).output(0)


def _reorder_gates(values: NDArray[Any]) -> Floats:
    """Reorder gates from torch (input, forget, cell, output) to OpenVINO (forget, input, cell, output)."""
    entry, forget, cell, output = np.split(np.asarray(values, np.float32), 4)
    return np.concatenate([forget, entry, cell, output])
