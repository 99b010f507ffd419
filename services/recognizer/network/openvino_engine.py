"""Runs the CRNN with OpenVINO, on the processor: the same network as `services.recognizer.network.network`."""

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

_SAME = ((1, 1), (1, 1))
CONVOLUTIONS = ("features.", "last.")
"""What the names of their arrays begin with."""
_SHUT = 1000.0
"""What closes a gate whatever else there is."""
_MARGIN = 4
"""Frames of padding that the recurrence sees behind a text; those of the whole bucket cost a sixth more time."""
_COUNTS = (4, 2, 1)
"""Pictures that the convolutions are run over at once. A few together are as fast as many, and for every new shape the
network is prepared anew, which with batches of any size took 25 of 70 ms a receipt."""
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

    The convolutions run over pictures as they come, a few at once. The recurrence is one step after the other and keeps
    one core busy, not several: the sequences of all batches are packed into rows, a pack for each thread.

    Args:
        arrays: the weights, by the names of `services.recognizer.network.network.CRNN`.
        architecture: of the network.
        ceilings: of what the convolutions make (see `output_maxima`); None if they were not measured.
        threads: most threads; all cores if None.
        precision: what is multiplied.

    Raises:
        WeightsError: if the weights do not fit.
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
        features = partial(_features, ceilings=graphs.select_ceilings("recognizer", ceilings, precision))
        build = partial(_recurrence, layers=architecture.layers, channels=architecture.channels[-1])
        compiled = (
            graphs.compile_network("CRNN", part, make, threads=threads, streams=self._streams, precision=precision)
            for part, make in ((convolutions, features), (rest, build))
        )
        self._features, self._recurrence = (Requests(model, self._streams) for model in compiled)

    def __call__(self, batches: Iterable[Batch]) -> Iterator[Floats]:
        """Run batches; the widest should come first."""
        begun: list[Batch] = []
        features = self._features.run((part,) for batch in batches for part in _parts(batch, begun))
        lengths = (frames + _MARGIN for batch in begun for frames in batch.frames)
        sequences = [sequence[: next(lengths)] for (part,) in features for sequence in part]
        packs = pack([len(sequence) for sequence in sequences], self._streams)
        packed = (one.fill([sequences[i] for i in one.sequences]) for one in packs)
        for one, (rows,) in zip(packs, self._recurrence.run(packed), strict=True):
            for index, logits in zip(one.sequences, one.take(rows), strict=True):
                sequences[index] = logits
        read = iter(sequences)
        for batch in begun:
            yield _stacked(list(itertools.islice(read, len(batch.frames))))


def _parts(batch: Batch, begun: list[Batch]) -> Iterator[Floats]:
    """The pictures of a batch in parts of `_COUNTS`; notes that the batch was begun."""
    begun.append(batch)
    start = 0
    for count in _COUNTS:
        while len(batch.pictures) - start >= count:
            yield batch.pictures[start : start + count]
            start += count


def _stacked(sequences: Sequence[Floats]) -> Floats:
    """Sequences as one array, zeros behind the shorter ones."""
    stacked = np.zeros((len(sequences), max(map(len, sequences)), sequences[0].shape[1]), np.float32)
    for row, sequence in zip(stacked, sequences, strict=True):
        row[: len(sequence)] = sequence
    return stacked


def output_maxima(arrays: NamedArrays) -> Graph:
    """N x 1 x 32 x W -> the largest value that each convolution makes, but the last, in order."""
    images = graphs.parameter([-1, 1, -1, -1], np.float32)
    _, made = _convolved(images, arrays, None)
    axes = graphs.constant([0, 1, 2, 3], np.int64)
    return Graph([images], [ops.reduce_max(x, axes, False).output(0) for x in made])


def _features(arrays: NamedArrays, ceilings: Sequence[float] | None) -> Graph:
    """N x 1 x 32 x W -> N x W / 4 x channels."""
    images = graphs.parameter([-1, 1, -1, -1], np.float32)
    row = ops.squeeze(_convolved(images, arrays, ceilings)[0], graphs.constant([2], np.int64))
    return Graph([images], [ops.transpose(row, graphs.constant([0, 2, 1], np.int64)).output(0)])


def _convolved(
    images: ov.Output, arrays: NamedArrays, ceilings: Sequence[float] | None
) -> tuple[ov.Output, list[ov.Output]]:
    """What the last convolution makes of pictures, N x channels x 1 x W / 4, and what each one before it does.

    In int8, what a convolution makes is cut off at its ceiling and quantized before it is pooled. The first one, whose
    input is no sum of many, stays as it is.
    """
    int8 = ceilings is not None
    x, made = images, list[ov.Output]()
    for number, (name, window) in enumerate(_LAYERS):
        kernel = graphs.fold_batch_norm(arrays, f"{name}.0", f"{name}.1")
        x = graphs.convolution(x, *kernel, padding=_SAME, int8=int8 and number > 0)
        made.append(x)
        if ceilings is not None:
            x = graphs.quantize(x, 0.0, ceilings[number])
        if window is not None:
            x = graphs.max_pool(x, window)
    # Two rows become one; a column more on the right keeps one frame for each four columns.
    last = graphs.fold_batch_norm(arrays, "last.0", "last.1")
    return graphs.convolution(x, *last, padding=((0, 0), (0, 1)), int8=int8), made


def _recurrence(arrays: NamedArrays, layers: int, channels: int) -> Graph:
    """N x T x channels, and N x T x 1 that is 1 where the past is forgotten, else 0 -> N x T x classes logits."""
    frames = graphs.parameter([-1, -1, channels], np.float32)
    forget = graphs.parameter([-1, -1, 1], np.float32)
    x = frames
    for layer in range(layers):
        directions = (
            {kind: arrays[f"recurrent.{kind}_l{layer}{end}"] for kind in graphs.LSTM_ARRAYS} for end in ("", "_reverse")
        )
        x = graphs.bidirectional_lstm(ops.concat([x, forget], 2).output(0), *map(_forgetful, directions))
    logits = graphs.linear(x, arrays["classifier.weight"], arrays["classifier.bias"])
    return Graph([frames, forget], [logits])


def _forgetful(arrays: NamedArrays) -> NamedArrays:
    """An LSTM with one input more that shuts its gates: state and output become zero, as before the first frame."""
    units = arrays["weight_hh"].shape[1]
    shut = np.full((4 * units, 1), -_SHUT, np.float32)
    shut[2 * units : 3 * units] = 0.0  # what would be written needs none, as its gate is shut
    return {**arrays, "weight_ih": np.concatenate([arrays["weight_ih"].astype(np.float32), shut], axis=1)}
