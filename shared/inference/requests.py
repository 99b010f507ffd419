"""Run compiled OpenVINO networks on several inputs in parallel. Only engines import this."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from shared.arrays import Floats


class Requests:
    """Runs a network on several inputs in parallel and prepares one more meanwhile. Call it from one thread.

    Args:
        compiled: Compiled network.
        streams: Number of inputs computed in parallel.
    """

    def __init__(self, compiled: ov.CompiledModel, streams: int) -> None:
        self._requests = [compiled.create_infer_request() for _ in range(streams + 1)]

    def run(self, inputs: Iterable[Sequence[NDArray[Any]]]) -> Iterator[list[Floats]]:
        """Run inputs and yield their results in order.

        A run must be finished or closed before the next starts.

        Args:
            inputs: For each run, the arrays of all parameters.

        Yields:
            For each run, all outputs.
        """
        free, running = deque(self._requests), deque[tuple[ov.InferRequest, list[ov.Tensor]]]()
        try:
            for arrays in inputs:
                if not free:
                    request, _ = running[0]  # keep its input alive until it is done
                    yield _wait_for(request)
                    free.append(running.popleft()[0])
                request = free.popleft()
                # Without a copy: as arguments of `start_async` they would take a millisecond for every three.
                tensors = [ov.Tensor(np.ascontiguousarray(array), shared_memory=True) for array in arrays]
                for index, tensor in enumerate(tensors):
                    request.set_input_tensor(index, tensor)
                running.append((request, tensors))
                request.start_async()
            for request, _ in running:
                yield _wait_for(request)
        finally:  # also if the caller does not want the remaining results
            for request, _ in running:
                request.wait()


def _wait_for(request: ov.InferRequest) -> list[Floats]:
    request.wait()
    return [np.array(tensor.data, np.float32) for tensor in request.output_tensors]
