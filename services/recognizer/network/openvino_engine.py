"""Run the CRNN with OpenVINO on the CPU; the same network as `services.recognizer.network.network`."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from services.recognizer.network.architecture import Architecture
from services.recognizer.network.engine import Batch
from services.recognizer.network.packing import pack
from shared.arrays import Floats, NamedArrays
from shared.inference import graphs
from shared.inference.engines import Precision
from shared.inference.graphs import Graph
from shared.inference.processor import count_cores
from shared.inference.requests import Requests

# Prefixes of the arrays of the convolutions.
CONVOLUTIONS = ("features.", "last.")

_SAME = ((1, 1), (1, 1))
# Input that closes a gate whatever the other inputs are.
_SHUT = 1000.0
# Frames of padding after a text that the recurrence sees; those of the whole bucket would take a sixth more time.
_MARGIN_FRAMES = 4
# Pictures per run of the convolutions. A few together are as fast as many, and each new shape has to be prepared, which
# took 25 of 70 ms per receipt with batches of any size.
_COUNTS = (4, 2, 1)
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
    """Runs the network, as many batches in parallel as it has threads. Call it from one thread.

    The convolutions run over a few pictures at a time, as they come. The recurrence is sequential and uses one core, so
    the sequences of all batches are packed into rows, one pack per thread.

    Args:
        arrays: Weights, by the names of `services.recognizer.network.network.CRNN`.
        architecture: Sizes of the layers.
        ceilings: Largest outputs of the convolutions (see `build_maxima`); None if not measured.
        threads: Maximum number of threads; all cores if None.
        precision: Arithmetic.

    Raises:
        WeightsError: If the weights do not fit.
    """

    def __init__(
        self,
        arrays: NamedArrays,
        architecture: Architecture,
        ceilings: Sequence[float] | None = None,
        *,
        threads: int | None,
        precision: Precision = "auto",
    ) -> None:
        self._streams = min(threads or count_cores(), count_cores())
        convolutions = {name: value for name, value in arrays.items() if name.startswith(CONVOLUTIONS)}
        rest = {name: value for name, value in arrays.items() if name not in convolutions}
        ceilings = graphs.select_ceilings("recognizer", ceilings, precision)
        build_features = partial(_build_features, ceilings=ceilings)
        build_recurrence = partial(_build_recurrence, layers=architecture.layers, channels=architecture.channels[-1])
        compiled = (
            graphs.compile_network("CRNN", part, build, threads=threads, streams=self._streams, precision=precision)
            for part, build in ((convolutions, build_features), (rest, build_recurrence))
        )
        self._features, self._recurrence = (Requests(model, self._streams) for model in compiled)

    def __call__(self, batches: Iterable[Batch]) -> Iterator[Floats]:
        """Run batches and yield their logits; see `Engine`. The widest should come first."""
        started: list[Batch] = []
        features = self._features.run((part,) for batch in batches for part in _divide(batch, started))
        lengths = (frames + _MARGIN_FRAMES for batch in started for frames in batch.frames)
        sequences = [sequence[: next(lengths)] for (part,) in features for sequence in part]
        packs = pack([len(sequence) for sequence in sequences], self._streams)
        packed = (one.fill([sequences[i] for i in one.sequences]) for one in packs)
        for one, (rows,) in zip(packs, self._recurrence.run(packed), strict=True):
            for index, logits in zip(one.sequences, one.take(rows), strict=True):
                sequences[index] = logits
        remaining = iter(sequences)
        for batch in started:
            yield _stack(list(itertools.islice(remaining, len(batch.frames))))


def _divide(batch: Batch, started: list[Batch]) -> Iterator[Floats]:
    """Yield the pictures of a batch in parts of `_COUNTS`, after adding it to the started batches."""
    started.append(batch)
    start = 0
    for count in _COUNTS:
        while len(batch.pictures) - start >= count:
            yield batch.pictures[start : start + count]
            start += count


def _stack(sequences: Sequence[Floats]) -> Floats:
    """Stack sequences `(T, classes)` into one array, with zeros after the shorter ones."""
    stacked = np.zeros((len(sequences), max(map(len, sequences)), sequences[0].shape[1]), np.float32)
    for row, sequence in zip(stacked, sequences, strict=True):
        row[: len(sequence)] = sequence
    return stacked


def build_maxima(arrays: NamedArrays) -> Graph:
    """Build the graph `(N, 1, 32, W)` -> largest output of each convolution except the last, in order."""
    images = graphs.parameter([-1, 1, -1, -1], np.float32)
    _, outputs = _add_convolutions(images, arrays, None)
    axes = graphs.constant([0, 1, 2, 3], np.int64)
    return Graph([images], [ops.reduce_max(x, axes, False).output(0) for x in outputs])


def _build_features(arrays: NamedArrays, ceilings: Sequence[float] | None) -> Graph:
    """Build the graph of the convolutions: `(N, 1, 32, W)` -> `(N, W / 4, channels)`."""
    images = graphs.parameter([-1, 1, -1, -1], np.float32)
    row = ops.squeeze(_add_convolutions(images, arrays, ceilings)[0], graphs.constant([2], np.int64))
    return Graph([images], [ops.transpose(row, graphs.constant([0, 2, 1], np.int64)).output(0)])


def _add_convolutions(
    images: ov.Output, arrays: NamedArrays, ceilings: Sequence[float] | None
) -> tuple[ov.Output, list[ov.Output]]:
    """Add the convolutions; return the output of the last one, `(N, channels, 1, W / 4)`, and those of the others.

    In int8, outputs are cut off at their ceiling and quantized before pooling. The first convolution has a single input
    channel and is not quantized.
    """
    int8 = ceilings is not None
    x, outputs = images, list[ov.Output]()
    for number, (name, window) in enumerate(_LAYERS):
        kernel = graphs.fold_batch_norm(arrays, f"{name}.0", f"{name}.1")
        x = graphs.convolution(x, *kernel, padding=_SAME, int8=int8 and number > 0)
        outputs.append(x)
        if ceilings is not None:
            x = graphs.quantize(x, 0.0, ceilings[number])
        if window is not None:
            x = graphs.max_pool(x, window)
    # Two rows become one; one more column on the right keeps one frame per four columns.
    last = graphs.fold_batch_norm(arrays, "last.0", "last.1")
    return graphs.convolution(x, *last, padding=((0, 0), (0, 1)), int8=int8), outputs


def _build_recurrence(arrays: NamedArrays, layers: int, channels: int) -> Graph:
    """Build the graph of the LSTMs and the classifier.

    Its inputs are `(N, T, channels)` and `(N, T, 1)`, which is 1 where the past is to be forgotten and otherwise 0. Its
    output is `(N, T, classes)` logits.
    """
    frames = graphs.parameter([-1, -1, channels], np.float32)
    forget = graphs.parameter([-1, -1, 1], np.float32)
    x = frames
    for layer in range(layers):
        directions = (
            {kind: arrays[f"recurrent.{kind}_l{layer}{end}"] for kind in graphs.LSTM_ARRAYS} for end in ("", "_reverse")
        )
        x = graphs.bidirectional_lstm(ops.concat([x, forget], 2).output(0), *map(_add_forgetting, directions))
    logits = graphs.linear(x, arrays["classifier.weight"], arrays["classifier.bias"])
    return Graph([frames, forget], [logits])


def _add_forgetting(arrays: NamedArrays) -> NamedArrays:
    """Add an input to an LSTM that shuts its gates: state and output become zero, as before the first frame."""
    units = arrays["weight_hh"].shape[1]
    shut = np.full((4 * units, 1), -_SHUT, np.float32)
    # The cell needs no weight, as the gate that writes it is shut.
    shut[2 * units : 3 * units] = 0.0
    return {**arrays, "weight_ih": np.concatenate([arrays["weight_ih"].astype(np.float32), shut], axis=1)}
