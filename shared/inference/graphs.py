"""Networks as graphs of OpenVINO, built from released weights; torch is not needed to run them.

Shapes are dynamic: N sequences or pictures of any size run through one compiled graph. Only engines import this.
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
from shared.inference.processor import adds_up_int8, cores
from shared.inference.weights import WeightsError

_log = logging.getLogger(__name__)

#: Every size of input has its own code and buffers for each layer. The default of 5000 keeps 100 MiB more after 30
#: receipts than this, and is no faster.
_CACHED_PRIMITIVES = 100
#: What a batch normalization and an LSTM need, by torch's names.
_NORM_ARRAYS = ("weight", "bias", "running_mean", "running_var")
LSTM_ARRAYS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
#: Inputs of an LSTM are filled up with zeros to a multiple of this: in bfloat16 a step with an odd number of them takes
#: up to six times as long.
_TILE = 32


@cache
def core() -> ov.Core:
    """The runtime of this process; graphs that share it share its threads, too."""
    return ov.Core()


class Graph(NamedTuple):
    """A network as a graph: what it is given (made by `parameter`) and what it computes."""

    inputs: Sequence[ov.Output]
    outputs: Sequence[ov.Output]


class _Used(Mapping[str, NDArray[Any]]):
    """NamedArrays that remember which of them were asked for."""

    def __init__(self, arrays: NamedArrays) -> None:
        self._arrays = arrays
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> NDArray[Any]:
        self.names.add(name)
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
    """Build a network from its weights and compile it for the processor.

    Args:
        name: Of the network, for messages.
        arrays: The weights.
        build: Makes the graph of the arrays.
        threads: Most threads; all cores if None.
        streams: Requests that are computed side by side, each with its share of the threads.
        precision: What is multiplied; if `auto`, and beside int8, bfloat16 where the processor multiplies it, else
            float32.

    Raises:
        WeightsError: If an array is missing, of another shape, or not one of the network.
    """
    used = _Used(arrays)
    try:
        graph = build(used)
    except KeyError as error:
        raise WeightsError(f"The weights do not fit {name}. The array {error} is missing.") from error
    except (RuntimeError, ValueError) as error:  # of OpenVINO, at the first layer that does not fit
        raise WeightsError(f"The weights do not fit {name}. An array has another shape: {error}") from error
    if unused := sorted(arrays.keys() - used.names):
        raise WeightsError(f"The weights do not fit {name}. NamedArrays unexpected: {', '.join(unused)}.")
    model = ov.Model(list(graph.outputs), [one.get_node() for one in graph.inputs], name)
    count = min(threads or cores(), cores())
    return core().compile_model(
        model,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": "bf16" if uses_bfloat16(precision) else "f32",
            "INFERENCE_NUM_THREADS": count,
            "NUM_STREAMS": min(streams, count),
            "CPU_RUNTIME_CACHE_CAPACITY": _CACHED_PRIMITIVES,
            "ENABLE_CPU_PINNING": False,  # the threads of several processes would be pinned to the same cores
        },
    )


def parameter(shape: Sequence[int], dtype: type[np.generic]) -> ov.Output:
    """An input; -1 for a size that differs from run to run."""
    return ops.parameter(list(shape), ov.Type(np.dtype(dtype))).output(0)


def constant(value: ArrayLike, dtype: type[np.generic] = np.float32) -> ov.Output:
    """A constant."""
    return ops.constant(np.asarray(value, dtype)).output(0)


def size(x: ov.Output, axis: int) -> ov.Output:
    """The size along an axis, as one number."""
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
    """A convolution of pictures followed by the rectifier.

    Args:
        x: N x C x H x W.
        weight: (channels, C, height, width).
        bias: (channels,), or None.
        stride: In both directions.
        padding: Rows above and left columns, rows below and right columns, of zeros.
        int8: Computes in int8; the input must be `quantized`.
    """
    kernel = _quantized_kernel(weight) if int8 else constant(weight)
    result = ops.convolution(x, kernel, [stride] * 2, list(padding[0]), list(padding[1]), [1, 1])
    if bias is not None:
        result = ops.add(result, constant(bias.reshape(1, -1, 1, 1)))
    return ops.relu(result).output(0)


def ceilings_for(name: str, ceilings: Sequence[float] | None, precision: Precision) -> Sequence[float] | None:
    """The ceilings of a network's convolutions if it is to be computed in int8, else None.

    Weights without ceilings are computed in floating point, with a warning: they are right, but slower.
    """
    if not uses_int8(precision):
        return None
    if ceilings is None:
        _log.warning(
            "The weights of the %s have no ceilings in their manifest, so int8 is not used and it runs more slowly; "
            "`python -m services.%s.training.quantize --data DIR` measures them",
            name,
            name,
        )
    return ceilings


def quantized(x: ov.Output, low: float, high: float) -> ov.Output:
    """Values in 256 levels from a low one, which is 0 or -128/127 of the high one, to a high one."""
    ends = constant(low), constant(high)
    return ops.fake_quantize(x, *ends, *ends, 256).output(0)


def _quantized_kernel(weight: NDArray[Any]) -> ov.Output:
    """A kernel in 255 levels, those of each output channel spread over its own largest value.

    Where the processor keeps sums of two products in 16 bits, they are spread over twice that: weights of 7 bits.
    """
    largest = np.maximum(np.abs(weight).max(axis=(1, 2, 3), keepdims=True), np.float32(1e-12))
    reach = largest if adds_up_int8() else 2 * largest
    low, high = constant(-reach), constant(reach)
    return ops.fake_quantize(constant(weight), low, high, low, high, 255).output(0)


def folded(arrays: NamedArrays, convolution: str, norm: str, epsilon: float = 1e-5) -> tuple[Floats, Floats]:
    """Weight and bias of a convolution without bias and the batch normalization after it, folded into one.

    Args:
        arrays: The weights.
        convolution: Name of the convolution.
        norm: Name of the batch normalization.
        epsilon: Of the batch normalization.
    """
    weight, gain, shift, mean, variance = (
        np.asarray(arrays[name], np.float64)
        for name in (f"{convolution}.weight", *(f"{norm}.{part}" for part in _NORM_ARRAYS))
    )
    arrays[f"{norm}.num_batches_tracked"]  # of training; known, and of no use here
    scale = gain / np.sqrt(variance + epsilon)
    bias = shift - mean * scale
    return (weight * scale.reshape(-1, 1, 1, 1)).astype(np.float32), bias.astype(np.float32)


def max_pool(x: ov.Output, window: tuple[int, int]) -> ov.Output:
    """The largest value of each window of rows x columns; windows do not overlap, a rest at the end is left out."""
    return ops.max_pool(x, list(window), [1, 1], [0, 0], [0, 0], list(window)).output(0)


def linear(x: ov.Output, weight: NDArray[Any], bias: NDArray[Any]) -> ov.Output:
    """A fully connected layer over the last axis; `weight` is (outputs, inputs)."""
    return ops.add(ops.matmul(x, constant(weight), False, True), constant(bias)).output(0)


def bidirectional_lstm(x: ov.Output, ahead: NamedArrays, back: NamedArrays) -> ov.Output:
    """Two LSTMs over sequences, one from each end: N x T x C -> N x T x 2 units.

    Args:
        x: All N sequences are T long.
        ahead: `LSTM_ARRAYS` of the one that runs forwards.
        back: Of the other.
    """
    units = ahead["weight_hh"].shape[1]
    lacking = -ahead["weight_ih"].shape[1] % _TILE
    if lacking:
        x = ops.pad(x, [0, 0, 0], [0, 0, lacking], "constant").output(0)
        ahead, back = (
            {**one, "weight_ih": np.pad(np.asarray(one["weight_ih"], np.float32), ((0, 0), (0, lacking)))}
            for one in (ahead, back)
        )
    count, steps = size(x, 0), size(x, 1)
    zeros = ops.broadcast(
        constant(np.zeros((1, 1, 1))), ops.concat([count, constant([2], np.int64), constant([units], np.int64)], 0)
    )
    weights = [np.stack([_gates(one[name]) for one in (ahead, back)]) for name in ("weight_ih", "weight_hh")]
    bias = np.stack([_gates(one["bias_ih"] + one["bias_hh"]) for one in (ahead, back)])
    states = ops.lstm_sequence(
        x, zeros, zeros, ops.broadcast(steps, count), *map(constant, (*weights, bias)), units, "bidirectional"
    ).output(0)
    together = ops.transpose(states, constant([0, 2, 1, 3], np.int64))  # N x 2 x T x units -> N x T x 2 x units
    return ops.reshape(together, constant([0, 0, 2 * units], np.int64), True).output(0)


def _gates(values: NDArray[Any]) -> Floats:
    """Gates as OpenVINO orders them (forget, input, cell, output) from torch's input, forget, cell, output."""
    entry, forget, cell, output = np.split(np.asarray(values, np.float32), 4)
    return np.concatenate([forget, entry, cell, output])
