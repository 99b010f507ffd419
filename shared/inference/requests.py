"""Runs compiled networks of OpenVINO on several inputs side by side. Only engines import this."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from shared.arrays import Floats

Arrays = Sequence[Floats]


class Requests:
    """Runs a network, several inputs side by side; one more is made ready meanwhile. Call it from one thread.

    Args:
        compiled: The network.
        streams: How many inputs it computes side by side.
    """

    def __init__(self, compiled: ov.CompiledModel, streams: int) -> None:
        self._requests = [compiled.create_infer_request() for _ in range(streams + 1)]

    def run(self, inputs: Iterable[Sequence[NDArray[np.generic]]]) -> Iterator[Arrays]:
        """Run inputs, each the arrays of all parameters; the results, all outputs of each, come in their order.

        One run has to end, or to be closed, before the next begins.
        """
        free, running = deque(self._requests), deque[tuple[ov.InferRequest, list[ov.Tensor]]]()
        try:
            for one in inputs:
                if not free:
                    request, _ = running[0]  # its input has to stay until it ends
                    yield wait_for(request)
                    free.append(running.popleft()[0])
                request = free.popleft()
                # Handed over as they are: as arguments of `start_async` they would take a millisecond for every three.
                tensors = [ov.Tensor(np.ascontiguousarray(array), shared_memory=True) for array in one]
                for index, tensor in enumerate(tensors):
                    request.set_input_tensor(index, tensor)
                running.append((request, tensors))
                request.start_async()
            for request, _ in running:
                yield wait_for(request)
        finally:  # also where nobody wants the rest
            for request, _ in running:
                request.wait()


def wait_for(request: ov.InferRequest) -> Arrays:
    """The results of a request that has been started."""
    request.wait()
    return [np.array(tensor.data, np.float32) for tensor in request.output_tensors]
